"""A YAML value as a tree that records where each part was written and whether it came from a secret.

Readers (`config/`) build these trees, templating maps one tree to another, the field tables (`spec/`) parse them.
A node made by a template keeps the place of the template text; `source` then names the variables it came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from deployer.diagnostics import Origin

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"


class Scalar(Struct, frozen=True):
    """Text, a number, a boolean or null. `secret`: from a vault, or computed from something that was.

    `verbatim`: text that is never a template, because it was tagged `!unsafe` or is the result of one.
    """

    value: bool | int | float | str | None
    origin: Origin
    secret: bool = False
    source: Origin | None = None
    verbatim: bool = False

    def __repr__(self) -> str:
        return f"Scalar({'***' if self.secret else repr(self.value)}, {self.origin})"


class Sequence(Struct, frozen=True):
    items: tuple[Node, ...]
    origin: Origin
    source: Origin | None = None

    def __iter__(self) -> Iterator[Node]:
        return iter(self.items)


class Mapping(Struct, frozen=True):
    """Entries in the order written; keys are scalars, unique by their text."""

    entries: tuple[tuple[Scalar, Node], ...]
    origin: Origin
    source: Origin | None = None

    def get(self, key: str) -> Node | None:
        return next((value for name, value in self.entries if str(name.value) == key), None)

    def items(self) -> Iterator[tuple[str, Node]]:
        return ((str(name.value), value) for name, value in self.entries)

    def keys(self) -> tuple[Scalar, ...]:
        return tuple(name for name, _ in self.entries)


Node: TypeAlias = Scalar | Sequence | Mapping


def place(node: Node) -> Origin:
    """Where a user would change this value: at the variable, for a value that is one template, otherwise where it is
    written."""
    return node.source or node.origin


def from_plain(value: object, origin: Origin, *, secret: bool = False, source: Origin | None = None) -> Node:
    """Wrap a plain value; all parts have the same position. Keys become text."""
    match value:
        case dict():
            entries = tuple(
                (Scalar(str(key), origin), from_plain(item, origin, secret=secret, source=source))
                for key, item in value.items()
            )
            return Mapping(entries, origin, source)
        case list() | tuple():
            parts = tuple(from_plain(item, origin, secret=secret, source=source) for item in value)
            return Sequence(parts, origin, source)
        case None | bool() | int() | float() | str():
            return Scalar(value, origin, secret, source)
        case _:
            return Scalar(str(value), origin, secret, source)


def to_plain(node: Node) -> Plain:
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [to_plain(item) for item in node.items]
        case Mapping():
            return {name: to_plain(value) for name, value in node.items()}


def is_template(value: object) -> bool:
    """Whether it is text that contains a Jinja expression, statement or comment."""
    return isinstance(value, str) and "{" in value and ("{{" in value or "{%" in value or "{#" in value)


def has_template(node: Node) -> bool:
    """Whether any part of the value is a template."""
    if isinstance(node, Scalar):
        return not node.verbatim and is_template(node.value)
    return any(map(has_template, parts(node)))


def parts(node: Node) -> tuple[Node, ...]:
    """The child nodes, keys and values alternating."""
    match node:
        case Scalar():
            return ()
        case Sequence():
            return node.items
        case Mapping():
            return tuple(part for entry in node.entries for part in entry)


def same(one: Node, other: Node) -> bool:
    """Whether two trees are equal, including positions. Unlike in Python, true, 1 and 1.0 differ."""
    if one is other:
        return True
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return type(one.value) is type(other.value) and one == other
    if type(one) is not type(other) or (one.origin, one.source) != (other.origin, other.source):
        return False
    ours, theirs = parts(one), parts(other)
    return len(ours) == len(theirs) and all(map(same, ours, theirs))


def is_secret(node: Node) -> bool:
    """Whether any part of the value is secret."""
    return node.secret if isinstance(node, Scalar) else any(map(is_secret, parts(node)))


def as_secret(node: Node) -> Node:
    """The same tree with every scalar marked secret."""
    match node:
        case Scalar():
            return replace(node, secret=True)
        case Sequence():
            return replace(node, items=tuple(as_secret(item) for item in node.items))
        case Mapping():
            return replace(node, entries=tuple((name, as_secret(value)) for name, value in node.entries))


def secret_texts(node: Node) -> Iterator[str]:
    """The texts that must never be shown."""
    if not isinstance(node, Scalar):
        for part in parts(node):
            yield from secret_texts(part)
    elif node.secret and node.value is not None and not isinstance(node.value, bool):
        yield str(node.value)
