"""Converts a template's result into a tree of nodes with origins and secrecy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from deployer.config.templates.problems import OMIT, Absent, TemplateFault, kind_of, raise_absent
from deployer.config.templates.values import Frame, LazyDict, Text, entries_of, is_secret_text, owner_of, place_of
from deployer.diagnostics import Origin
from deployer.nodes import Mapping, Node, Scalar, Sequence


def to_node(value: Any, origin: Origin, frame: Frame, source: Origin | None = None) -> Node:
    """The tree of a result. Unchanged variables keep their secrecy and have their origin as source; computed values are
    secret if the frame read a secret. Raises for undefined values and for other objects than data."""
    if isinstance(value, Text):
        text = str.__str__(value)
        return Scalar(text, origin, is_secret_text(value), place_of(value), "{" in text)
    if isinstance(value, str):
        text = str.__str__(value)
        return Scalar(text, origin, frame.secret, source, "{" in text)
    if value is None or isinstance(value, bool | int | float):
        return Scalar(value, origin, frame.secret, source)
    if isinstance(value, LazyDict):
        return Mapping(_lazy_entries(value, origin), origin, owner_of(value).place)
    if isinstance(value, dict):
        kept = ((key, item) for key, item in value.items() if item is not OMIT)
        entries = tuple((_key(key, origin, frame), to_node(item, origin, frame, source)) for key, item in kept)
        return Mapping(entries, origin, source)
    if isinstance(value, Absent):
        raise_absent(value)
    if value is OMIT:
        raise TemplateFault("omit can only be the value of a key or an item of a list")
    kept_items = [item for item in _items(value) if item is not OMIT]
    return Sequence(tuple(to_node(item, origin, frame, source) for item in kept_items), origin, source)


def _lazy_entries(lazy: LazyDict, origin: Origin) -> tuple[tuple[Scalar, Node], ...]:
    """Reading each leaf separately affects the secrecy of no other."""
    owner = owner_of(lazy)
    frames = owner.scope.session.frames
    made = []
    for key, entry in entries_of(lazy):
        frames.append(Frame())
        try:
            value = entry.read()
            if value is not OMIT:
                name = Scalar(key, origin, owner.secret, verbatim="{" in key)
                made.append((name, to_node(value, origin, frames[-1], entry.place)))
        finally:
            frames.pop()
    return tuple(made)


def _key(key: Any, origin: Origin, frame: Frame) -> Scalar:
    if isinstance(key, Absent):
        raise_absent(key)
    text = str(key)
    return Scalar(text, origin, is_secret_text(key) if isinstance(key, Text) else frame.secret, None, "{" in text)


def _items(value: Any) -> Iterable[Any]:
    if isinstance(value, list | tuple | range):
        return value
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Iterator):
        return list(value)
    raise TemplateFault(f"the result is {kind_of(value)}, which is not a value YAML knows")
