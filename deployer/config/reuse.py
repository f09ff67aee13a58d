"""Shared parts of playbooks: `import_playbook`, a play's `include`, and `extends` of containers and jobs. Trees are
merged before variables are resolved; every value keeps its origin."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from deployer import nodes
from deployer.config import yaml
from deployer.config.files import read_file
from deployer.config.vault import VaultSecrets
from deployer.diagnostics import Origin, Problems, did_you_mean
from deployer.fields.container import CONTAINER
from deployer.fields.container.files import DELIVERED
from deployer.fields.reading import Reading
from deployer.fields.shapes import match_keys
from deployer.model.kinds import BY_SECTION, KINDS
from deployer.nodes import Node
from deployer.values import mount

IMPORT: Final = "import_playbook"
INCLUDE: Final = "include"
POLICY: Final = "policy"
EXTENDS: Final = "extends"
_IMPORT_KEYS: Final = {key: key for key in (IMPORT, "name", "vars", "tags")}
_IMPORT_ADVICE: Final = {"when": "write when in the resources", "hosts": "a play of its own has hosts"}
_SERVICES: Final = "services"
_REPLACED: Final = frozenset({"command", "entrypoint", "test", "loop", "when"})
"""Lists that are not joined: as in Compose, the container's own replaces the other."""
_OWN: Final = frozenset({"container_name", "name", "when", "loop", "tags"})
"""Keys that are not inherited: the container's name, and whether it is declared."""
_NAMED: Final = frozenset({"networks", "depends_on"})
"""Lists of names that may also be maps."""

_COLLECTIONS: Final = (
    frozenset(row.name for row in CONTAINER.fields if isinstance(row.example, dict | list)) - _REPLACED
)
"""Fields that are a map or a list."""

_INCLUDED: Final = (*BY_SECTION, *(kind.name for kind in DELIVERED))
"""Sections of an included file."""

Resources = Mapping[str, Node]


class Base(Struct, frozen=True):
    """The extended resource's location: a file, and the resources in it."""

    name: str
    body: Node
    file: str
    beside: Resources


class Shared(Struct, frozen=True):
    """Reads each shared file once and reports errors. `policies`: files that apply to all plays."""

    problems: Problems
    vault: VaultSecrets
    policies: tuple[str, ...] = ()
    read: dict[str, Node | None] = field(default_factory=dict)

    def imported(self, item: nodes.Mapping, file: str) -> tuple[str, dict[str, Node]] | None:
        """The playbook that an item imports, and the keys that apply to all its plays."""
        keys = match_keys(item, _IMPORT_KEYS, Reading(self.problems, IMPORT), _IMPORT_ADVICE)
        path = self._path(keys[IMPORT], file, IMPORT) if IMPORT in keys else None
        if path is not None and not Path(path).exists():
            summary = f"{path} cannot be read: No such file or directory"
            self.problems.add(keys[IMPORT].origin, summary, address=IMPORT)
            return None
        return None if path is None else (path, {key: keys[key] for key in ("vars", "tags") if key in keys})

    def complete(self, keys: dict[str, Node], file: str) -> dict[str, Node]:
        """The keys of a play with its includes; every container and job with what it extends."""
        found = dict(keys)
        include = found.pop(INCLUDE, None)
        for node in (*include.items,) if isinstance(include, nodes.Sequence) else (include,) if include else ():
            path = self._path(node, file, INCLUDE)
            tree = self._tree(path, node, INCLUDE) if path else None
            if path and tree is not None:
                self._include(found, tree, file, path)
        if self.policies or POLICY in found:
            found[POLICY] = self._policies(found.get(POLICY), file)
        for section in (kind.section for kind in KINDS.values() if kind.table.fields is CONTAINER.fields):
            declared = found.get(section)
            if isinstance(declared, nodes.Mapping):
                found[section] = self._extended_section(declared, _resources(found), file)
        return found

    def _policies(self, own: Node | None, file: str) -> nodes.Sequence:
        """A play's own policies and those of all plays, each as a map. Other forms are left to the shape."""
        origin = own.origin if own is not None else Origin("--policy")
        given = [(nodes.Scalar(path, Origin("--policy")), "") for path in self.policies]
        listed = own.items if isinstance(own, nodes.Sequence) else (own,) if own is not None else ()
        found: list[Node] = []
        for node, beside in (*((node, file) for node in listed), *given):
            if not isinstance(node, nodes.Scalar):
                found.append(node)
            elif (path := self._path(node, beside, POLICY)) and (tree := self._tree(path, node, POLICY)) is not None:
                found.append(tree)
        return nodes.Sequence(tuple(found), origin)

    def _include(self, keys: dict[str, Node], tree: nodes.Mapping, file: str, path: str) -> None:
        at = Reading(self.problems, INCLUDE)
        advice = {_SERVICES: "services are declared under 'containers'"}
        for section, node in match_keys(tree, {name: name for name in _INCLUDED}, at, advice).items():
            if not isinstance(node, nodes.Mapping):
                at.wrong(node, f"{section} is a map of names")
                continue
            own = keys.get(section)
            entries = own.entries if isinstance(own, nodes.Mapping) else ()
            names = {str(key.value): key for key, _ in entries}
            for key, body in node.entries:
                if first := names.get(str(key.value)):
                    summary = f"is also declared by the play, at {first.origin}"
                    self.problems.add(key.origin, summary, address=f"{section}.{key.value}", hint="use extends")
                else:
                    entries = (*entries, (key, _rebased(body, path, file)))
            keys[section] = nodes.Mapping(entries, own.origin if own else node.origin)

    def _extended_section(self, section: nodes.Mapping, beside: Resources, file: str) -> nodes.Mapping:
        entries = tuple(
            (key, self._extended(Base(str(key.value), body, file, beside), file, ())) for key, body in section.entries
        )
        return replace(section, entries=entries)

    def _extended(self, found: Base, file: str, before: tuple[tuple[str, str], ...]) -> Node:
        """The body merged with what it extends. `file`: the play's, for relative names."""
        body = found.body
        reference = body.get(EXTENDS) if isinstance(body, nodes.Mapping) else None
        if not isinstance(body, nodes.Mapping) or reference is None:
            return _rebased(body, found.file, file)
        own = replace(body, entries=tuple(entry for entry in body.entries if entry[0].value != EXTENDS))
        base, chain = self._base(reference, found), (*before, (found.file, found.name))
        if base is not None and (base.file, base.name) in chain:
            names = " → ".join(name for _, name in (*chain, (base.file, base.name)))
            self.problems.add(reference.origin, f"extends itself: {names}", address=EXTENDS)
            base = None
        extended = self._extended(base, file, chain) if base is not None else None
        own_body = _rebased(own, found.file, file)
        if not isinstance(extended, nodes.Mapping) or not isinstance(own_body, nodes.Mapping):
            return own_body
        self._refuse_templates(_inheritable(extended), own_body, CONTAINER.spellings)
        return _merged(_inheritable(extended), own_body, CONTAINER.spellings)

    def _refuse_templates(self, base: nodes.Mapping, own: nodes.Mapping, names: Mapping[str, str]) -> None:
        """Maps and lists are merged before variables are resolved: a template for one of them would replace it."""
        found = {names.get(str(key.value), str(key.value)): value for key, value in base.entries}
        for key, value in own.entries:
            name = names.get(str(key.value), str(key.value))
            other = found.get(name)
            if isinstance(other, nodes.Mapping) and isinstance(value, nodes.Mapping):
                self._refuse_templates(other, value, {})
            elif other is not None and name not in _REPLACED and _cannot_merge(name, other, value):
                template, written = (other, value) if isinstance(other, nodes.Scalar) else (value, other)
                hint = 'write the map or list with a template per value, such as KEY: "{{ settings.KEY }}"'
                summary = f"a template cannot be merged with what is written at {written.origin}"
                self.problems.add(template.origin, summary, address=f"{EXTENDS}: {name}", hint=hint)

    def _base(self, reference: Node, found: Base) -> Base | None:
        """The extended container: one of the same file, or `{file, service}`."""
        file, beside = found.file, found.beside
        if isinstance(reference, nodes.Mapping):
            spellings = {"file": "file", "service": "service", "container": "service"}
            keys = match_keys(reference, spellings, Reading(self.problems, EXTENDS))
            if "file" in keys:
                path = self._path(keys["file"], file, EXTENDS)
                tree = self._tree(path, keys["file"], EXTENDS) if path else None
                if path is None or tree is None:
                    return None
                file, beside = path, _resources(dict(tree.items()))
            named = keys.get("service")
        else:
            named = reference
        if not isinstance(named, nodes.Scalar) or not isinstance(named.value, str):
            self.problems.add(reference.origin, "expected a name, or file and service", address=EXTENDS)
        elif named.value in beside:
            return Base(named.value, beside[named.value], file, beside)
        else:
            where = f" in {file}" if file != found.file else ""
            hint = did_you_mean(named.value, beside)
            self.problems.add(named.origin, f"no container '{named.value}'{where}", address=EXTENDS, hint=hint)
        return None

    def _path(self, node: Node, file: str, address: str) -> str | None:
        """Relative to the file with the name."""
        if not isinstance(node, nodes.Scalar) or not isinstance(node.value, str) or not node.value:
            self.problems.add(node.origin, "expected the name of a file", address=address)
        elif nodes.has_template(node):
            summary = "the name of a shared file cannot be a template: it is read before variables are known"
            self.problems.add(node.origin, summary, address=address)
        else:
            return os.path.normpath(Path(file).parent / os.path.expanduser(node.value))  # noqa: PTH111
        return None

    def _tree(self, path: str, named: Node, address: str) -> nodes.Mapping | None:
        if path not in self.read:
            try:
                self.read[path] = yaml.load(read_file(path), path, self.problems, self.vault)
            except OSError as error:
                self.problems.add(named.origin, f"{path} cannot be read: {error.strerror}", address=address)
                self.read[path] = None
        tree = self.read[path]
        if tree is None or isinstance(tree, nodes.Mapping):
            return tree
        hint = f"a playbook is imported with {IMPORT}" if isinstance(tree, nodes.Sequence) and address != POLICY else ""
        sections = f" with {', '.join(BY_SECTION)}" if address != POLICY else ""
        summary = f"{path} is not a map{sections}"
        self.problems.add(named.origin, summary, address=address, hint=hint)
        return None


def with_imported(keys: Mapping[str, Node], outer: Mapping[str, Node]) -> dict[str, Node]:
    """The keys of an imported play: variables of the import override its own, tags are added."""
    found = dict(keys)
    for key, node in outer.items():
        own = found.get(key)
        parts = (*_parts(own, key), *_parts(node, key)) if own is not None else ()
        found[key] = nodes.Sequence(parts, node.origin) if own is not None else node
    return found


def _parts(node: Node, key: str) -> tuple[Node, ...]:
    if isinstance(node, nodes.Sequence):
        return node.items
    if key == "tags" and isinstance(node, nodes.Scalar) and not nodes.has_template(node):
        return tuple(replace(node, value=tag.strip()) for tag in str(node.value).split(",") if tag.strip())
    return (node,)


def _resources(keys: Mapping[str, Node]) -> Resources:
    """Containers and jobs of a file, or services of a Compose file, by name."""
    sections = [kind.section for kind in KINDS.values() if kind.table.fields is CONTAINER.fields]
    found: dict[str, Node] = {}
    for section in (_SERVICES, *sections):
        node = keys.get(section)
        found |= dict(node.items()) if isinstance(node, nodes.Mapping) else {}
    return found


def _rebased(body: Node, file: str, seen_from: str) -> Node:
    """Names of env files, and of the files of configs and secrets, are relative to the file that contains them."""
    folder, other = Path(file).parent, Path(seen_from).parent
    if folder == other or not isinstance(body, nodes.Mapping):
        return body

    def moved(node: Node) -> Node:
        match node:
            case nodes.Sequence():
                return replace(node, items=tuple(map(moved, node.items)))
            case nodes.Mapping():
                entries = tuple((key, moved(part) if key.value == "path" else part) for key, part in node.entries)
                return replace(node, entries=entries)
            case nodes.Scalar(value=str() as text) if text and not nodes.has_template(node):
                return replace(node, value=str((folder / text).absolute()))
            case _:
                return node

    entries = tuple((key, moved(part) if key.value in ("env_file", "file") else part) for key, part in body.entries)
    return replace(body, entries=entries)


def _inheritable(base: nodes.Mapping) -> nodes.Mapping:
    return replace(base, entries=tuple(entry for entry in base.entries if entry[0].value not in _OWN))


def _merged(base: nodes.Mapping, own: nodes.Mapping, names: Mapping[str, str]) -> nodes.Mapping:
    """Merged by key, in any spelling."""
    found = {names.get(str(key.value), str(key.value)): (key, value) for key, value in base.entries}
    for key, value in own.entries:
        name = names.get(str(key.value), str(key.value))
        found[name] = (key, _combined(name, found[name][1], value)) if name in found else (key, value)
    return nodes.Mapping(tuple(found.values()), own.origin, own.source)


def _combined(name: str, base: Node, own: Node) -> Node:
    """Maps are merged and lists joined, as in Compose; other values are replaced."""
    if isinstance(own, nodes.Scalar) and own.value is None:
        return base
    if isinstance(base, nodes.Mapping) and isinstance(own, nodes.Sequence):
        own = _as_map(name, own)
    elif isinstance(base, nodes.Sequence) and isinstance(own, nodes.Mapping):
        base = _as_map(name, base)
    if isinstance(base, nodes.Mapping) and isinstance(own, nodes.Mapping):
        return _merged(base, own, {})
    if isinstance(base, nodes.Sequence) and isinstance(own, nodes.Sequence) and name not in _REPLACED:
        given = {_identity(name, item) for item in own}
        return replace(own, items=(*(item for item in base if _identity(name, item) not in given), *own.items))
    return own


def _cannot_merge(name: str, base: Node, own: Node) -> bool:
    """Whether a template is given for a map or list that would be merged."""
    scalars = [node for node in (base, own) if isinstance(node, nodes.Scalar)]
    return any(map(nodes.has_template, scalars)) and (len(scalars) == 1 or name in _COLLECTIONS)


def _as_map(name: str, node: nodes.Sequence) -> nodes.Mapping:
    """A list of `KEY=value` or of names as a map."""
    return nodes.Mapping(tuple(_entries(name, node)), node.origin, node.source)


def _entries(name: str, node: nodes.Sequence) -> Iterator[tuple[nodes.Scalar, Node]]:
    for item in node:
        if not isinstance(item, nodes.Scalar):
            continue
        key, equals, value = str(item.value).partition("=")
        if name in _NAMED:
            yield replace(item, secret=False), nodes.Scalar(None, item.origin)
        elif equals:
            yield replace(item, value=key, secret=False), replace(item, value=value)
        else:
            yield item, replace(item, value=f"{{{{ lookup('env', '{key}') }}}}")


def _identity(name: str, item: Node) -> object:
    """The identity of a list item: a mount's target, the key of `KEY=value`, otherwise the item."""
    if isinstance(item, nodes.Mapping):
        named = item.get("target") or item.get("dst") or item.get("name")
        return str(named.value) if isinstance(named, nodes.Scalar) and named.value else id(item)
    text = str(item.value) if isinstance(item, nodes.Scalar) else ""
    if name in ("volumes", "mounts"):
        try:
            return mount.parse_short(text)[0]
        except ValueError:
            return text
    return text.partition("=")[0] if name in ("environment", "labels", "sysctls", "annotations") else text


def looped(file: str, chain: tuple[str, ...], at: Origin, problems: Problems) -> bool:
    """Reports a playbook that imports itself."""
    found = [*map(os.path.abspath, chain)]
    if os.path.abspath(file) not in found:  # noqa: PTH100
        return False
    problems.add(at, f"imports itself: {' → '.join((*chain, file))}", address=IMPORT)
    return True
