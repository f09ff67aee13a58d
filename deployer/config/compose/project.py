"""Reads a Compose project: its files, interpolated and merged, with what they include and extend. Every value keeps its
origin. Facts from Compose 2.40; `tests/integration/test_compose.py` compares with its program."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from msgspec import Struct
from msgspec.structs import replace

from deployer import nodes
from deployer.config import yaml
from deployer.config.compose.checks import check_keys, check_project
from deployer.config.compose.merging import merged, normalized
from deployer.config.compose.paths import is_remote, with_paths
from deployer.config.compose.scalars import compose_scalar
from deployer.config.compose.wanted import Wanted, locate, project_name, with_env_files
from deployer.config.files import read_file
from deployer.config.interpolation import interpolated
from deployer.diagnostics import Origin, Problems, did_you_mean
from deployer.interfaces import Guarded
from deployer.nodes import Node

SECTIONS: Final = ("services", "networks", "volumes", "configs", "secrets")
_STDIN: Final = "/dev/stdin"
_TOP: Final = frozenset({*SECTIONS, "version", "name", "include", "models"})


class Project(Guarded, frozen=True):
    """`sections`: services, networks, … by name. `environ`: the variables of texts and env files. `idle`: services
    without an enabled profile, and their profiles. `provided`: services that another program provides. `included`:
    values of the variables that configs and secrets of included files name, by the origin of the names."""

    hidden: ClassVar[tuple[str, ...]] = ("environ", "included")
    name: str
    files: tuple[str, ...]
    folder: str
    environ: Mapping[str, str]
    sections: Mapping[str, Mapping[str, nodes.Mapping]]
    idle: Mapping[str, tuple[Origin, tuple[str, ...]]]
    provided: Mapping[str, Origin]
    included: Mapping[Origin, str]


def load_project(wanted: Wanted, problems: Problems) -> Project | None:
    """None after an error that leaves nothing to read."""
    located = locate(wanted, problems)
    if located is None:
        return None
    files, folder = located.files, located.folder
    reader = _Reader(problems, folder, located.environ, {}, {}, {})
    name = project_name(wanted, located, replace(reader, problems=Problems(), marks={}).name(files), problems)
    environ = {**located.environ, "COMPOSE_PROJECT_NAME": name}
    whole = replace(reader, environ=environ).tree(files)
    if whole is None:
        return None
    tree = normalized(whole)
    assert isinstance(tree, nodes.Mapping)
    sections = {section: dict(_resources(tree, section, problems)) for section in SECTIONS}
    profiles = wanted.profiles or tuple(map(str.strip, environ.get("COMPOSE_PROFILES", "").split(",")))
    idle = {
        service: (body.origin, own)
        for service, body in sections["services"].items()
        if (own := _texts(body.get("profiles"))) and "*" not in profiles and not {*own} & {*profiles}
    }
    check_keys(sections, problems)
    sections["services"] = {key: body for key, body in sections["services"].items() if key not in idle}
    check_project(sections, dict(_resources(tree, "models", problems)), problems)
    provided = {key: node.origin for key, body in sections["services"].items() if (node := body.get("provider"))}
    sections["services"] = {key: body for key, body in sections["services"].items() if key not in provided}
    return Project(name, files, os.path.abspath(folder), environ, sections, idle, provided, reader.values)  # noqa: PTH100


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
        else:
            yield name, replace(body, origin=key.origin)


def _texts(node: Node | None) -> tuple[str, ...]:
    """A text, or those of a list."""
    items = node.items if isinstance(node, nodes.Sequence) else (node,)
    return tuple(str(item.value) for item in items if isinstance(item, nodes.Scalar) and item.value is not None)


def _is_service(node: Node) -> bool:
    return isinstance(node, nodes.Mapping) and bool({"image", "build"} & dict(node.items()).keys())


def _with_entry(body: nodes.Mapping, key: str, value: Node) -> nodes.Mapping:
    """With the key, at its place if it is there."""
    found = {str(name.value): (name, node) for name, node in body.entries}
    name = found[key][0] if key in found else nodes.Scalar(key, value.origin)
    return replace(body, entries=tuple((found | {key: (name, value)}).values()))


def _with_context(service: Node, folder: str) -> Node:
    build = service.get("build") if isinstance(service, nodes.Mapping) else None
    if not isinstance(service, nodes.Mapping) or not isinstance(build, nodes.Mapping) or build.get("context"):
        return service
    return _with_entry(service, "build", _with_entry(build, "context", nodes.Scalar(folder, build.origin)))


class _Reader(Struct, frozen=True):
    """Reads the files of one project folder. `marks`: the tagged values of all files read so far; `texts`: the files
    themselves; `values`: of the variables that configs and secrets name; `included`: the files around this one."""

    problems: Problems
    folder: str
    environ: Mapping[str, str]
    marks: dict[Origin, str]
    texts: dict[str, bytes]
    values: dict[Origin, str]
    included: tuple[str, ...] = ()

    def name(self, files: Sequence[str]) -> str:
        """What the files name the project; the last one counts."""
        named = [node for file in files for tree in self._raw(file, Origin(file)) if (node := tree.get("name"))]
        found = [interpolated(node, self.environ, self.problems, "name") for node in named]
        return next((str(node.value) for node in reversed(found) if isinstance(node, nodes.Scalar) and node.value), "")

    def tree(self, files: Sequence[str], named: Origin | None = None) -> nodes.Mapping | None:
        """The files and their documents, one over the other."""
        whole: Node | None = None
        for file in files:
            for tree in self._documents(file, named or Origin(file)):
                whole = merged(whole, self._complete(tree, file), self.marks)
        if whole is None and not self.problems.errors:
            self.problems.add(Origin(files[0]), "is empty", hint="a Compose file is a map with services")
        return self._with_contexts(whole) if isinstance(whole, nodes.Mapping) else None

    def _with_contexts(self, tree: nodes.Mapping) -> nodes.Mapping:
        """A build that names no folder is of that of the project."""
        services = tree.get("services")
        if not isinstance(services, nodes.Mapping):
            return tree
        found = tuple((key, _with_context(body, self.folder)) for key, body in services.entries)
        return _with_entry(tree, "services", replace(services, entries=found))

    def _raw(self, file: str, named: Origin) -> Iterator[nodes.Mapping]:
        if is_remote(file):
            hint = "write the project with `docker compose config`, and import that"
            self.problems.add(named, f"{file} is not a file of this machine", hint=hint)
            return
        try:
            text = self.texts.get(file)
            text = self.texts[file] = read_file(_STDIN if file == "-" else file) if text is None else text
        except OSError as error:
            where = "" if named.file == file else f"{file} "
            self.problems.add(named, f"{where}cannot be read: {error.strerror}", hint="name a Compose file")
            return
        for tree in yaml.load_documents(text, file, self.problems, yaml.Dialect(compose_scalar, self.marks)):
            if isinstance(tree, nodes.Mapping):
                yield tree
            elif isinstance(tree, nodes.Scalar) and tree.value is None:
                self.problems.add(tree.origin, "is an empty document", hint="remove the --- before it")
            else:
                self.problems.add(tree.origin, "is not a Compose file", hint="a Compose file is a map with services")

    def _documents(self, file: str, named: Origin) -> Iterator[nodes.Mapping]:
        for tree in self._raw(file, named):
            yield self._document(tree)

    def _document(self, tree: nodes.Mapping) -> nodes.Mapping:
        """One document by itself, interpolated, with paths as they are seen from here."""
        for key, value in tree.entries:
            word = str(key.value)
            if word == "name" and not (isinstance(value, nodes.Scalar) and isinstance(value.value, str | None)):
                self.problems.add(value.origin, "expected text", address="name", hint="quote it")
            if word not in _TOP and not word.startswith("x-"):
                hint = did_you_mean(word, _TOP) or ("write it under services" if _is_service(value) else "")
                self.problems.add(key.origin, f"unknown key '{word}'", hint=hint)
        entries = tuple(
            (key, interpolated(value, self.environ, self.problems, str(key.value)))
            for key, value in tree.entries
            if key.value in _TOP
        )
        found = with_paths(replace(tree, entries=entries), self.folder)
        assert isinstance(found, nodes.Mapping)
        self.values.update(self._named_values(found))
        return found

    def _named_values(self, tree: nodes.Mapping) -> Iterator[tuple[Origin, str]]:
        for section in ("configs", "secrets"):
            bodies = tree.get(section)
            for _, body in bodies.items() if isinstance(bodies, nodes.Mapping) else ():
                name = body.get("environment") if isinstance(body, nodes.Mapping) else None
                if isinstance(name, nodes.Scalar) and str(name.value) in self.environ:
                    yield name.origin, self.environ[str(name.value)]

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
            whole: Node | None = None
            for tree in inner._documents(file, named.origin):
                whole = tree if whole is None else merged(whole, tree, self.marks)
            if not isinstance(whole, nodes.Mapping):
                return own
            found = whole.get("services")
            services = dict(found.items()) if isinstance(found, nodes.Mapping) else {}
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
