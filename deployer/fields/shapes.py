"""Shapes: each converts all accepted forms of a value into one canonical value, or reports an error. Canonical values
are plain JSON (text, numbers, booleans, null, lists, string-keyed maps); sets are sorted lists. Scalars are checked
with `schema`; lists and maps are walked here, so that all errors are found with their positions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

from msgspec import Struct, field
from schema import Or, Schema, SchemaError

from deployer import nodes
from deployer.diagnostics import Origin, did_you_mean
from deployer.fields.reading import HIDDEN, INVALID, Reading, hide
from deployer.nodes import Node, has_template

EXTENSION: Final = "x-"
"""Prefix of Compose keys for other programs."""


class Shape(Protocol):
    def read(self, node: Node, at: Reading) -> Any:
        """The canonical value, or INVALID after reporting to `at`."""
        ...


def _same(value: Any) -> Any:
    return value


_OMITTED: Final = "to leave it out, write {{ … | default(omit) }} or remove the key"


class Leaf(Struct, frozen=True):
    """A scalar: checked by `schema`, then converted; a ValueError of the converter is reported. `json` is JSON Schema
    that cannot be derived from `schema`. `keeps_empty`: "" is a value, or an error; for other shapes a key with empty
    text counts as not written."""

    schema: object
    expects: str
    convert: Callable[[Any], Any] = _same
    json: Mapping[str, Any] = field(default_factory=dict)
    keeps_empty: bool = False

    def read(self, node: Node, at: Reading) -> Any:
        if at.passes(node):
            return INVALID
        if not isinstance(node, nodes.Scalar):
            return at.wrong(node, f"expected {self.expects}, got {_kind(node)}")
        try:
            if isinstance(node.value, bool) and not _takes_booleans(self.schema):
                raise SchemaError("a boolean is not a number")
            checked = Schema(self.schema).validate(node.value)
        except SchemaError:
            hint = _OMITTED if node.value == "" else ""
            return at.wrong(node, f"expected {self.expects}, got {_shown(node)}", hint=hint)
        try:
            return self.convert(checked)
        except ValueError as error:
            return at.wrong(node, f"expected {self.expects}" if node.secret else str(error))


def _takes_booleans(schema: object) -> bool:
    """In Python, booleans are numbers."""
    return schema is bool or (isinstance(schema, Or) and bool in schema.args)


def _shown(node: nodes.Scalar) -> str:
    match node.value:
        case _ if node.secret:
            return HIDDEN
        case None:
            return "null"
        case bool(value):
            return str(value).lower()
        case str(value):
            return repr(value)
        case value:
            return str(value)


def _kind(node: Node) -> str:
    match node:
        case nodes.Sequence():
            return "a list"
        case nodes.Mapping():
            return "a map"
        case _:
            return _shown(node)


def takes_scalar(shape: Shape) -> bool:
    match shape:
        case Leaf():
            return True
        case Then(shape=inner):
            return takes_scalar(inner)
        case Forms():
            return shape.scalar is not None or _is_list_of_scalars(shape.sequence)
        case _:
            return _is_list_of_scalars(shape)


def _is_list_of_scalars(shape: Shape | None) -> bool:
    return isinstance(shape, ListOf | Keyed) and getattr(shape, "alone", True) and takes_scalar(shape.item)


def _items(shape: ListOf | Keyed, node: Node, at: Reading) -> Iterator[tuple[Node, Reading]] | None:
    """The items of a list with their positions. Text or a number counts as a list of one item. None for other
    values."""
    if isinstance(node, nodes.Sequence):
        return ((part, at.item(index)) for index, part in enumerate(node))
    return iter(((node, at),)) if _is_alone(node) and _is_list_of_scalars(shape) else None


def _is_alone(node: Node) -> bool:
    return isinstance(node, nodes.Scalar) and node.value is not None and not isinstance(node.value, bool)


class ListOf(Struct, frozen=True):
    """A list. `flat`: each item returns several values. `unordered`: a set, sorted by `order`."""

    item: Shape
    flat: bool = False
    unordered: bool = False
    order: Callable[[Any], Any] = _same

    def read(self, node: Node, at: Reading) -> Any:
        if at.passes(node):
            return INVALID
        items = _items(self, node, at)
        if items is None:
            return at.wrong(node, f"expected a list, got {_kind(node)}")
        found: list[Any] = []
        for part, place in items:
            value = self.item.read(part, place)
            if value is not INVALID:
                found += value if self.flat else [value]
        at.at_whole(node)
        return sorted(set(found), key=self.order) if self.unordered else found


class MapOf(Struct, frozen=True):
    """A map from text to one shape; `check` cleans or refuses a key (ValueError). `extensible`: keys with the prefix
    `x-` are ignored, as in Compose, but with a warning, because they may be meant as keys."""

    value: Shape
    check: Callable[[str], str] = _same
    extensible: bool = False

    def read(self, node: Node, at: Reading) -> Any:
        if at.passes(node):
            return INVALID
        if not isinstance(node, nodes.Mapping):
            return at.wrong(node, f"expected a map, got {_kind(node)}")
        at.at(node)
        found: dict[str, Any] = {}
        for name, part in node.entries:
            key = self._key(name, at)
            if key is None:
                continue
            below = at.child(key, hidden=name.secret)
            below.at(part)
            value = self.value.read(part, below)
            if value is not INVALID:
                found[key] = value
            if name.secret:
                at.secrets.add(below.path)
        return found

    def _key(self, name: nodes.Scalar, at: Reading) -> str | None:
        if at.static and has_template(name):
            return None
        if self.extensible and str(name.value).startswith(EXTENSION):
            hint = f"to set it, write a list: [{name.value}=…]"
            at.problems.warn(name.origin, f"'{name.value}' is ignored, as in Compose", address=at.address, hint=hint)
            return None
        try:
            return self.check(str(name.value))
        except ValueError as error:
            at.wrong(name, str(error))
            return None


class Keyed(Struct, frozen=True):
    """A list whose items each return one or more (key, value) pairs of a map: mounts by target, `K=V` by name. `alone`:
    whether text counts as a list of one item; `once`: whether a key given twice is an error, instead of the last one
    counting."""

    item: Shape
    alone: bool = True
    once: bool = False

    def read(self, node: Node, at: Reading) -> Any:
        if at.passes(node):
            return INVALID
        items = _items(self, node, at)
        if items is None:
            return at.wrong(node, f"expected a list, got {_kind(node)}")
        found: dict[str, Any] = {}
        places: dict[str, Origin] = {}
        for part, here in items:
            pair = self.item.read(part, here)
            if pair is INVALID:
                continue
            key, value = pair
            if key in found and self.once and found[key] != value:
                here.wrong(part, f"'{key}' is given twice, first at {places[key]}")
            elif key in found:
                summary = f"'{key}' is given twice, first at {places[key]}; this counts"
                here.problems.warn(nodes.place(part), hide(summary, part), address=here.address)
            places[key] = nodes.place(part)
            at.child(key).at_whole(part)
            found[key] = value
        at.at(node)
        return found


class Entry(Struct, frozen=True, kw_only=True):
    """One key of a record."""

    name: str
    shape: Shape
    doc: str
    aliases: tuple[str, ...] = ()
    required: bool = False


class Record(Struct, frozen=True):
    """A map with known keys. `finish` converts the values into the canonical value; a ValueError is reported, unless a
    value is missing from what it gets because it is a template or an error that is reported already.
    `advice`: what to write instead of keys of other tools."""

    entries: tuple[Entry, ...]
    finish: Callable[[dict[str, Any]], Any] = _same
    advice: Mapping[str, str] = field(default_factory=dict)

    def read(self, node: Node, at: Reading) -> Any:
        if at.passes(node):
            return INVALID
        if not isinstance(node, nodes.Mapping):
            return at.wrong(node, f"expected a map, got {_kind(node)}")
        at.at(node)
        known = {alias: e.name for e in self.entries for alias in (e.name, *e.aliases)}
        named = match_keys(node, known, at, self.advice)
        named = written(named, self.entries)
        found: dict[str, Any] = {}
        complete = readable = True
        for entry in self.entries:
            if entry.name not in named:
                if entry.required:
                    complete = at.wrong(node, f"'{entry.name}' is missing") is not INVALID
                continue
            below = at.child(entry.name)
            below.at(named[entry.name])
            value = entry.shape.read(named[entry.name], below)
            if value is INVALID:
                complete, readable = complete and not entry.required, False
            else:
                found[entry.name] = value
        if not complete:
            return INVALID
        try:
            return self.finish(found)
        except ValueError as error:
            unknown = not readable or (at.static and has_template(node))
            return INVALID if unknown else at.wrong(node, str(error))


def match_keys(
    node: nodes.Mapping, names: Mapping[str, str], at: Reading, advice: Mapping[str, str] | None = None
) -> dict[str, Node]:
    """Entries by canonical name. `names` maps every accepted spelling to it. Unknown and duplicate keys are reported,
    with `advice` for keys of other tools."""
    found: dict[str, Node] = {}
    spelt: dict[str, nodes.Scalar] = {}
    for key, value in node.entries:
        if at.static and has_template(key):
            continue
        name = names.get(str(key.value))
        if name is None:
            word = str(key.value)
            if word.startswith(EXTENSION):
                continue
            at.wrong(key, f"unknown key '{word}'", hint=(advice or {}).get(word) or did_you_mean(word, names))
        elif name in found:
            at.wrong(key, f"'{key.value}' and '{spelt[name].value}' are the same; write one of them")
        elif not (isinstance(value, nodes.Scalar) and value.value is None):
            found[name], spelt[name] = value, key
            if key.value != name:
                at.spell(str(key.value), name)
    return found


class _Row(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> Shape: ...


def written(named: dict[str, Node], rows: Iterable[_Row]) -> dict[str, Node]:
    """Without keys of these rows that have empty text, which counts as not written."""
    empty = {name for name, node in named.items() if isinstance(node, nodes.Scalar) and node.value == ""}
    if not empty:
        return named
    dropped = {row.name for row in rows if row.name in empty and not _keeps_empty(row.shape)}
    return {name: node for name, node in named.items() if name not in dropped}


def _keeps_empty(shape: Shape | None) -> bool:
    match shape:
        case Leaf():
            return shape.keeps_empty
        case Then(shape=inner) | Forms(scalar=inner):
            return _keeps_empty(inner)
        case _:
            return False


class Forms(Struct, frozen=True, kw_only=True):
    """One of several shapes, chosen by the kind of node: scalar, list or map."""

    expects: str
    scalar: Shape | None = None
    sequence: Shape | None = None
    mapping: Shape | None = None
    null: Shape | None = None

    def read(self, node: Node, at: Reading) -> Any:
        if at.passes(node):
            return INVALID
        shape = self._shape(node)
        if shape is None:
            return at.wrong(node, f"expected {self.expects}, got {_kind(node)}")
        return shape.read(node, at)

    def _shape(self, node: Node) -> Shape | None:
        match node:
            case nodes.Mapping():
                return self.mapping
            case nodes.Sequence():
                return self.sequence
            case nodes.Scalar(value=None) if self.null is not None:
                return self.null
            case _ if self.scalar is None and _is_alone(node) and _is_list_of_scalars(self.sequence):
                return self.sequence
            case _:
                return self.scalar


class Constant(Struct, frozen=True):
    """The value of a key without a value (`front:`)."""

    value: Callable[[], Any]

    def read(self, node: Node, at: Reading) -> Any:
        at.at(node)
        return self.value()


class Then(Struct, frozen=True):
    """A shape whose canonical value is converted again; a ValueError is reported."""

    shape: Shape
    convert: Callable[[Any], Any]

    def read(self, node: Node, at: Reading) -> Any:
        value = self.shape.read(node, at)
        if value is INVALID:
            return INVALID
        try:
            return self.convert(value)
        except ValueError as error:
            return at.wrong(node, str(error))


class Warned(Struct, frozen=True):
    """A shape with values that are accepted with a warning. `doubt`: the warning, or ""."""

    shape: Shape
    doubt: Callable[[Any], str]
    hint: str

    def read(self, node: Node, at: Reading) -> Any:
        value = self.shape.read(node, at)
        if value is not INVALID and (summary := self.doubt(value)):
            at.problems.warn(nodes.place(node), hide(summary, node), address=at.address, hint=self.hint)
        return value


def one_or_many(item: Shape, expects: str, *, unordered: bool = False) -> Shape:
    """A list, or a single item."""
    return Forms(
        expects=expects,
        scalar=Then(item, lambda value: [value]),
        sequence=ListOf(item, unordered=unordered),
    )


def spellings(entries: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, str]:
    """Every accepted spelling to its canonical name."""
    return {alias: name for name, aliases in entries for alias in (name, *aliases)}
