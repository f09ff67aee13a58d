"""Reads a Compose project: its files, interpolated and merged, with what they include and extend. Every value keeps its
origin. Facts from Compose 2.40; `tests/integration/test_compose.py` compares with its program."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from msgspec import Struct, field
from msgspec.structs import replace

from deployer import nodes
from deployer.config import yaml
from deployer.config.compose.merging import merged
from deployer.config.compose.paths import with_paths
from deployer.config.compose.scalars import compose_scalar
from deployer.config.files import read_file
from deployer.config.interpolation import interpolated
from deployer.config.variables.env_file import Environment, read_env_file
from deployer.config.vault import VaultSecrets
from deployer.diagnostics import Origin, Problems, did_you_mean
from deployer.interfaces import Guarded
from deployer.nodes import Node

SECTIONS: Final = ("services", "networks", "volumes", "configs", "secrets")
_TOP: Final = frozenset({*SECTIONS, "version", "name", "include", "models"})
_COMMAND_LINE: Final = Origin("command line")
_FILES: Final = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*")


class Wanted(Guarded, frozen=True, kw_only=True):
    """What is asked for; what is not, comes from the caller's environment, as in Compose."""

    hidden: ClassVar[tuple[str, ...]] = ("environ",)
    files: tuple[str, ...] = ()
    project_name: str = ""
    profiles: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)


class Project(Guarded, frozen=True):
    """`sections`: services, networks, … by name. `environ`: the variables of texts and env files. `idle`: services
    without an enabled profile, and their profiles."""

    hidden: ClassVar[tuple[str, ...]] = ("environ",)
    name: str
    files: tuple[str, ...]
    folder: str
    environ: Mapping[str, str]
    sections: Mapping[str, Mapping[str, nodes.Mapping]]
    idle: Mapping[str, tuple[Origin, tuple[str, ...]]]


def load_project(wanted: Wanted, problems: Problems) -> Project | None:
    """None after an error that leaves nothing to read."""
    files = wanted.files or _files_of(_environment(wanted, "", problems), problems)
    if not files:
        return None
    folder = str(Path(files[0]).parent)
    environ = _environment(wanted, folder, problems)
    name = _name(wanted, environ, files, folder, problems)
    environ["COMPOSE_PROJECT_NAME"] = name
    tree = _Reader(problems, folder, environ, {}).tree(files)
    if tree is None:
        return None
    sections = {section: dict(_resources(tree, section, problems)) for section in SECTIONS}
    if not sections["services"] and not problems.errors:
        problems.add(tree.origin, "declares no services", hint="a Compose file has services")
    profiles = wanted.profiles or tuple(filter(None, environ.get("COMPOSE_PROFILES", "").split(",")))
    idle = {
        service: (body.origin, own)
        for service, body in sections["services"].items()
        if (own := _texts(body.get("profiles"))) and "*" not in profiles and not {*own} & {*profiles}
    }
    sections["services"] = {key: body for key, body in sections["services"].items() if key not in idle}
    return Project(name, tuple(files), os.path.abspath(folder), environ, sections, idle)  # noqa: PTH100


def _files_of(environ: Mapping[str, str], problems: Problems) -> tuple[str, ...]:
    if named := environ.get("COMPOSE_FILE"):
        return tuple(filter(None, named.split(environ.get("COMPOSE_PATH_SEPARATOR") or os.pathsep)))
    found = next((name for name in _FILES if Path(name).exists()), "")
    if not found:
        problems.add(Origin("FILE"), f"none of {', '.join(_FILES)} is in this folder", hint="name a Compose file")
        return ()
    stem = Path(found).stem
    over = [name for name in (f"{stem}.override.yml", f"{stem}.override.yaml") if Path(name).exists()]
    return (found, *over[:1])


def _environment(wanted: Wanted, folder: str, problems: Problems) -> dict[str, str]:
    """The caller's variables, and those of `.env` or of the files that are named instead."""
    named = wanted.env_files or tuple(filter(None, wanted.environ.get("COMPOSE_ENV_FILES", "").split(",")))
    beside = os.path.join(folder, ".env")  # noqa: PTH118
    files = named or ((beside,) if Path(beside).is_file() else ())
    return dict(with_env_files(wanted.environ, ((name, _COMMAND_LINE) for name in files), problems))


def with_env_files(
    environ: Mapping[str, str], files: Iterator[tuple[str, Origin]], problems: Problems
) -> Mapping[str, str]:
    """The variables with those of the files, which do not override them."""
    found: dict[str, str] = {}
    for name, at in files:
        known = Environment(environ, found)
        read = read_env_file(Path(name), at, raw=False, problems=problems, vault=VaultSecrets(), environment=known)
        found |= read.values
    return {**found, **environ}


def _name(wanted: Wanted, environ: Mapping[str, str], files: Sequence[str], folder: str, problems: Problems) -> str:
    """The project's name, from the option, the environment, the files or the folder."""
    given = wanted.project_name or environ.get("COMPOSE_PROJECT_NAME", "")
    at, hint = Origin("--project-name"), "write lower case letters, digits, - and _"
    if not given:
        unread = _Reader(Problems(), folder, environ, {})
        found = [node for file in files for node in [unread.name(file)] if node is not None]
        given, at = (str(found[-1].value), found[-1].origin) if found else ("", at)
    if given and not _NAME.fullmatch(given):
        problems.add(at, f"'{given}' is not a project name", hint=hint)
    if not given:
        text = Path(os.path.abspath(folder)).name.lower()  # noqa: PTH100
        given = re.sub(r"[^a-z0-9_-]", "", text).lstrip("_-")
        if not given:
            problems.add(at, "the folder's name makes no project name", hint="name the project with --project-name")
    return given


def _resources(tree: nodes.Mapping, section: str, problems: Problems) -> Iterator[tuple[str, nodes.Mapping]]:
    found = tree.get(section)
    if found is None or (isinstance(found, nodes.Scalar) and found.value is None):
        return
    if not isinstance(found, nodes.Mapping):
        problems.add(found.origin, f"{section} is a map of names", address=section)
        return
    for key, body in found.entries:
        name = str(key.value)
        if isinstance(body, nodes.Scalar) and body.value is None and section != "services":
            body = nodes.Mapping((), key.origin)
        if not isinstance(body, nodes.Mapping):
            problems.add(body.origin, "expected a map", address=f"{section}.{name}")
        elif not name.startswith("x-"):
            yield name, replace(body, origin=key.origin)


def _texts(node: Node | None) -> tuple[str, ...]:
    """A text, or those of a list."""
    items = node.items if isinstance(node, nodes.Sequence) else (node,)
    return tuple(str(item.value) for item in items if isinstance(item, nodes.Scalar) and item.value is not None)


class _Reader(Struct, frozen=True):
    """Reads the files of one project folder. `marks`: the tagged values of all files read so far; `included`: the files
    around this one."""

    problems: Problems
    folder: str
    environ: Mapping[str, str]
    marks: dict[Origin, str]
    included: tuple[str, ...] = ()

    def name(self, file: str) -> nodes.Scalar | None:
        """What the file names the project."""
        tree = self._raw(file, Origin(file))
        node = tree.get("name") if tree is not None else None
        found = interpolated(node, self.environ, self.problems, "name") if node is not None else None
        return found if isinstance(found, nodes.Scalar) and found.value else None

    def tree(self, files: Sequence[str], named: Origin | None = None) -> nodes.Mapping | None:
        """The files, one over the other."""
        whole: Node | None = None
        for file in files:
            tree = self._document(file, named or Origin(file))
            if tree is not None:
                whole = merged(whole, self._complete(tree, file), self.marks)
        return whole if isinstance(whole, nodes.Mapping) else None

    def _raw(self, file: str, named: Origin) -> nodes.Mapping | None:
        try:
            tree = yaml.load(read_file(file), file, self.problems, dialect=yaml.Dialect(compose_scalar, self.marks))
        except OSError as error:
            where = "" if named.file == file else f"{file} "
            self.problems.add(named, f"{where}cannot be read: {error.strerror}", hint="name a Compose file")
            return None
        if tree is None or isinstance(tree, nodes.Mapping):
            return tree
        self.problems.add(tree.origin, "is not a Compose file", hint="a Compose file is a map with services")
        return None

    def _document(self, file: str, named: Origin) -> nodes.Mapping | None:
        """One file by itself, interpolated, with paths as they are seen from here."""
        tree = self._raw(file, named)
        if tree is None:
            return None
        for key, _ in tree.entries:
            word = str(key.value)
            if word not in _TOP and not word.startswith("x-"):
                self.problems.add(key.origin, f"unknown key '{word}'", hint=did_you_mean(word, _TOP))
        entries = tuple(
            (key, interpolated(value, self.environ, self.problems, str(key.value)))
            for key, value in tree.entries
            if key.value in _TOP
        )
        found = with_paths(replace(tree, entries=entries), self.folder)
        return found if isinstance(found, nodes.Mapping) else None

    def _complete(self, tree: nodes.Mapping, file: str) -> nodes.Mapping:
        """With what the document extends and includes."""
        found = dict(tree.items())
        services = found.get("services")
        if isinstance(services, nodes.Mapping):
            own = dict(services.items())
            entries = tuple((key, self._extended(str(key.value), own, file, ())) for key, _ in services.entries)
            found["services"] = replace(services, entries=entries)
        include = found.pop("include", None)
        for item in include if isinstance(include, nodes.Sequence) else ():
            self._include(item, found, file)
        return replace(tree, entries=tuple((nodes.Scalar(key, tree.origin), value) for key, value in found.items()))

    def _extended(self, name: str, services: Mapping[str, Node], file: str, chain: tuple[tuple[str, str], ...]) -> Node:
        """A service over the one it extends."""
        body = services[name]
        reference = body.get("extends") if isinstance(body, nodes.Mapping) else None
        if not isinstance(body, nodes.Mapping) or reference is None:
            return body
        own = replace(body, entries=tuple(entry for entry in body.entries if entry[0].value != "extends"))
        chain = (*chain, (file, name))
        other = reference if isinstance(reference, nodes.Mapping) else nodes.Mapping((), reference.origin)
        named = other.get("file")
        base = other.get("service") if isinstance(reference, nodes.Mapping) else reference
        if named is not None:
            file = str(nodes.to_plain(named))
            inner = replace(self, folder=str(Path(file).parent))
            tree = inner._document(file, named.origin)
            found = tree.get("services") if tree is not None else None
            services = dict(found.items()) if isinstance(found, nodes.Mapping) else {}
            if tree is None:
                return own
        text = str(base.value) if isinstance(base, nodes.Scalar) else ""
        if text not in services:
            hint = did_you_mean(text, services)
            summary = f"{file} has no service '{text}'" if text else "expected a service, or file and service"
            self.problems.add((base or reference).origin, summary, address=f"services.{name}.extends", hint=hint)
            return own
        if (file, text) in chain:
            names = " → ".join(each for _, each in (*chain, (file, text)))
            self.problems.add(reference.origin, f"extends itself: {names}", address=f"services.{name}.extends")
            return own
        return merged(self._extended(text, services, file, chain), own, self.marks, ("services", name))

    def _include(self, item: Node, found: dict[str, Node], file: str) -> None:
        """Adds the resources of an included project, which has a folder and an environment of its own."""
        keys = item if isinstance(item, nodes.Mapping) else nodes.Mapping((), item.origin)
        path = keys.get("path") if isinstance(item, nodes.Mapping) else item
        files = _texts(path)
        chain = (*self.included, file)
        if not files or files[0] in chain:
            summary = f"includes itself: {' → '.join((*chain, files[0]))}" if files else "expected the name of a file"
            self.problems.add(item.origin, summary, address="include")
            return
        directory, env_file = keys.get("project_directory"), keys.get("env_file")
        folder = str(nodes.to_plain(directory)) if directory is not None else str(Path(files[0]).parent)
        beside = os.path.join(folder, ".env")  # noqa: PTH118
        env_files = _texts(env_file) or ((beside,) if Path(beside).is_file() else ())
        environ = with_env_files(self.environ, ((name, item.origin) for name in env_files), self.problems)
        inner = replace(self, folder=folder, environ=environ, included=chain)
        tree = inner.tree(files, item.origin)
        for section in SECTIONS if tree is not None else ():
            added = tree.get(section) if tree is not None else None
            if isinstance(added, nodes.Mapping):
                found[section] = self._joined(section, found.get(section), added)

    def _joined(self, section: str, own: Node | None, added: nodes.Mapping) -> nodes.Mapping:
        entries = own.entries if isinstance(own, nodes.Mapping) else ()
        known = {str(key.value): (key, value) for key, value in entries}
        for key, value in added.entries:
            first = known.setdefault(str(key.value), (key, value))
            if first[1] is not value and nodes.to_plain(first[1]) != nodes.to_plain(value):
                summary = f"is declared at {first[0].origin} too"
                hint = "leave it out here, or override it in another file"
                self.problems.add(key.origin, summary, address=f"{section}.{key.value}", hint=hint)
        return nodes.Mapping(tuple(known.values()), added.origin)
