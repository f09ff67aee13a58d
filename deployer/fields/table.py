"""A table: all fields of one kind of resource, and how a declaration of that kind is read."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct, field

from deployer import nodes
from deployer.diagnostics import Origin
from deployer.fields.field import Field
from deployer.fields.ignored import KEY, read_ignored
from deployer.fields.reading import INVALID, Reading, hide
from deployer.fields.shapes import Entry, match_keys, spellings, written
from deployer.nodes import has_template

Violation: TypeAlias = tuple[str, str]
Rule: TypeAlias = Callable[[dict[str, Any], dict[str, Any]], Iterable[Violation]]
"""(field, what is wrong with it)."""


class Declaration(Struct, frozen=True):
    """A declaration. `values`: canonical values of fields the engine knows; `settings`: keys that only deployer knows.
    `secrets`: paths whose values are secret, in part or whole."""

    values: Mapping[str, Any]
    settings: Mapping[str, Any]
    origins: Mapping[tuple[str, ...], Origin]
    secrets: frozenset[tuple[str, ...]] = frozenset()


class Table(Struct, frozen=True):
    """`doc` describes the kind. `rules` check a whole declaration: they may complete its values and report errors.
    `notices` find what is accepted with a warning.
    `nested` maps a flat spelling to a key inside a field: Ansible's `log_driver` is `logging.driver`.
    `appended` maps the name of a list to the one it adds to: Ansible's `mounts` to `volumes`. `advice`: what to write
    instead of keys of other tools. `groups`: the fields under the headings of the reference. `fields_of`: the kind with
    the same fields. `changes_alike`: whether `doc` describes how every difference is changed."""

    kind: str
    doc: str
    fields: tuple[Field, ...]
    settings: tuple[Entry, ...] = ()
    rules: tuple[Rule, ...] = ()
    notices: tuple[Rule, ...] = ()
    nested: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    appended: Mapping[str, str] = field(default_factory=dict)
    advice: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, tuple[Field, ...]] = field(default_factory=dict)
    fields_of: str = ""
    changes_alike: bool = False

    def row(self, name: str) -> Field:
        return next(row for row in self.fields if row.name == name)

    @property
    def spellings(self) -> dict[str, str]:
        """Every accepted key to its canonical name."""
        fields = [(row.name, row.aliases) for row in self.fields]
        settings = [(entry.name, entry.aliases) for entry in self.settings]
        return spellings([*fields, *settings, *((name, ()) for name in (*self.nested, *self.appended))])

    @property
    def ignorable(self) -> dict[str, str]:
        """Every key that `ignore_changes` may name: fields of the engine, and the image."""
        fields = [(row.name, row.aliases) for row in self.fields]
        image = [(entry.name, entry.aliases) for entry in self.settings if entry.name == "image"]
        return spellings([*fields, *image]) | dict(self.appended)


def read(table: Table, node: nodes.Node, at: Reading) -> Declaration | None:
    """Reads one resource and reports all errors; None if it is not a map."""
    if isinstance(node, nodes.Scalar) and node.value is None:
        node = nodes.Mapping((), node.origin)
    if not isinstance(node, nodes.Mapping):
        if not at.passes(node):
            at.wrong(node, f"expected a map of {table.kind} keys")
        return None
    named = match_keys(node, table.spellings, at, table.advice)
    named = _append(table, _gather(table, node, named, at), at)
    named = written(named, (*table.fields, *table.settings))
    values = _read_all(table.fields, named, at)
    settings = _read_all(table.settings, named, at)
    if KEY in settings:
        settings[KEY] = read_ignored(settings[KEY], named[KEY], at, table.ignorable, table.nested)
    if not (at.static and any(has_template(key) for key, _ in node.entries)):
        unknown = _unknown(named, {*values, *settings}, at)
        known = _KnownValues(values, unknown), _KnownValues(settings, unknown)
        for name, summary in _violations(table.rules, *known):
            at.child(name).wrong(named.get(name, node), hide(summary, node))
        for name, summary in _violations(table.notices, *known):
            at.problems.warn(nodes.place(named.get(name, node)), hide(summary, node), address=at.child(name).address)
    return Declaration(values, settings, at.origins, frozenset(at.secrets))


class _UnknownError(Exception):
    """A rule requested an unknown value."""


class _KnownValues(dict[str, Any]):
    """The known values of a declaration, as rules see them. Values that rules add go into the declaration."""

    def __init__(self, values: dict[str, Any], unknown: frozenset[str]) -> None:
        super().__init__(values)
        self._values = values
        self._unknown = unknown

    def get(self, name: str, default: Any = None) -> Any:
        if name in self._unknown:
            raise _UnknownError
        return super().get(name, default)

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        self._values[name] = value


def _unknown(named: Mapping[str, nodes.Node], read: set[str], at: Reading) -> frozenset[str]:
    """Fields with an error, or with a template without a value yet: rules skip them."""
    return frozenset(name for name in named if name not in read or (at.static and has_template(named[name])))


def _violations(rules: Iterable[Rule], values: _KnownValues, settings: _KnownValues) -> Iterable[Violation]:
    for rule in rules:
        with contextlib.suppress(_UnknownError):
            yield from rule(values, settings)


def _read_all(rows: Iterable[Field | Entry], named: Mapping[str, nodes.Node], at: Reading) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row in rows:
        if row.name not in named:
            continue
        below = at.child(row.name)
        below.at(named[row.name])
        value = row.shape.read(named[row.name], below)
        if value is not INVALID:
            found[row.name] = value
    return found


def _append(table: Table, named: dict[str, nodes.Node], at: Reading) -> dict[str, nodes.Node]:
    """Joins both lists; a value that is not a list is reported by its shape."""
    for extra, name in table.appended.items():
        added = named.pop(extra, None)
        if added is None:
            continue
        there = named.get(name)
        if there is None:
            at.spell(extra, name)
        elif not isinstance(added, nodes.Mapping):
            added = nodes.Sequence((*_as_list(there), *_as_list(added)), there.origin)
        named[name] = added
    return named


def _as_list(node: nodes.Node) -> tuple[nodes.Node, ...]:
    return node.items if isinstance(node, nodes.Sequence) else (node,)


def _gather(table: Table, node: nodes.Mapping, named: Mapping[str, nodes.Node], at: Reading) -> dict[str, nodes.Node]:
    """Moves flat spellings into their fields."""
    gathered = {name: value for name, value in named.items() if name not in table.nested}
    for flat, (name, key) in table.nested.items():
        if flat not in named:
            continue
        if name in named:
            at.child(flat).wrong(named[flat], f"'{flat}' and '{name}' are the same; write one of them")
            continue
        inner = gathered.get(name)
        entries = inner.entries if isinstance(inner, nodes.Mapping) else ()
        label = next(key_node for key_node, value in node.entries if value is named[flat])
        entry = (nodes.Scalar(key, label.origin), named[flat])
        gathered[name] = nodes.Mapping((*entries, entry), label.origin)
        at.spell(flat, name, key)
    return gathered
