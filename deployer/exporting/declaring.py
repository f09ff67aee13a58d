"""The smallest declaration that matches an object: what a user would write to create it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from deployer.fields.field import Field, View
from deployer.fields.table import Table
from deployer.interfaces import Json
from deployer.planning.diff import differences


def minimal_declaration(table: Table, view: View, info: Json, usual: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Canonical values by field, in the order of the table. `info` is the engine's `/info`. Values that may be the
    daemon's default are left out if they equal it; `usual` overrides the defaults. Fields that no declaration can match
    are left out."""
    told = {row.name: row.usual(info, view) for row in table.fields if row.usual is not None} | dict(usual or {})
    seeds = dict(_seeds(table, view, told))
    declared = _thinned(table, view, _grown(table, view, seeds), seeds)
    fitting = declared.keys() - mismatches(table, view, declared)
    return {row.name: declared[row.name] for row in table.fields if row.name in fitting}


def _seeds(table: Table, view: View, usual: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields whose live value differs from the value of an undeclared field, as far as known."""
    for name in usual:
        row = table.row(name)
        live = view.live.get(name, row.zero)
        if live not in (row.zero, usual[name]):
            yield name, _beyond(live, usual[name])


def _beyond(live: Any, usual: Any) -> Any:
    """The parts of a map that differ; anything else whole."""
    if not isinstance(live, Mapping) or not isinstance(usual, Mapping):
        return live
    return {key: _beyond(part, usual.get(key)) for key, part in live.items() if part != usual.get(key)}


def _grown(table: Table, view: View, declared: dict[str, Any]) -> dict[str, Any]:
    """Declare one field after another until every field is as expected or declared completely."""
    whole: set[str] = set()
    while True:
        wrong = next((row for row in table.fields if row.name not in whole and not _fits(row, view, declared)), None)
        if wrong is None:
            return declared
        whole.add(wrong.name)
        declared = declared | {wrong.name: view.live.get(wrong.name, wrong.zero)}


def _thinned(table: Table, view: View, declared: dict[str, Any], seeds: Mapping[str, Any]) -> dict[str, Any]:
    """Remove declarations that make no difference: whole fields, keys of maps, members of sets. The seeds stay."""
    for row in reversed(table.fields):
        if row.name in declared:
            declared = _without_surplus(table, view, declared, row, seeds.get(row.name))
    return declared


def _without_surplus(table: Table, view: View, declared: dict[str, Any], row: Field, seed: Any) -> dict[str, Any]:
    before = mismatches(table, view, declared)
    others = {name: value for name, value in declared.items() if name != row.name}

    def enough(value: Any) -> bool:
        return _holds(value, seed) and mismatches(table, view, others | {row.name: value}) <= before

    if seed is None and mismatches(table, view, others) <= before:
        return others
    return others | {row.name: _thin(declared[row.name], row.depth, enough)}


def _holds(value: Any, seed: Any) -> bool:
    if isinstance(seed, Mapping):
        return isinstance(value, Mapping) and all(key in value and _holds(value[key], seed[key]) for key in seed)
    return seed is None or value == seed


def _thin(value: Any, depth: int, enough: Callable[[Any], bool]) -> Any:
    match value:
        case list():
            return _thin_list(value, enough)
        case Mapping() if depth:
            return _thin_map(dict(value), depth, enough)
        case _:
            return value


def _thin_list(items: list[Any], enough: Callable[[Any], bool]) -> list[Any]:
    for item in list(items):
        without = [other for other in items if other != item]
        items = without if enough(without) else items
    return items


def _thin_map(parts: dict[str, Any], depth: int, enough: Callable[[Any], bool]) -> dict[str, Any]:
    for key in list(parts):
        without = {other: part for other, part in parts.items() if other != key}
        if enough(without):
            parts = without
        elif isinstance(parts[key], Mapping):
            parts[key] = (
                _thin_map(dict(parts[key]), depth - 1, _inside(parts, key, enough)) if depth > 1 else parts[key]
            )
    return parts


def _inside(whole: Mapping[str, Any], key: str, enough: Callable[[Any], bool]) -> Callable[[Any], bool]:
    around = dict(whole)
    return lambda part: enough(around | {key: part})


def mismatches(table: Table, view: View, declared: Mapping[str, Any]) -> set[str]:
    """Fields that are not as expected when this is declared."""
    return {row.name for row in table.fields if not _fits(row, view, declared)}


def _fits(row: Field, view: View, declared: Mapping[str, Any]) -> bool:
    expected = row.expect(row, replace(view, declared=declared))
    return not any(True for _ in differences(row, expected, view.live.get(row.name, row.zero)))
