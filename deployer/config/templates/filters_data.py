"""Filters of mappings, lists and single values. Unchanged values keep their origin and secrecy."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jinja2 import pass_environment
from jinja2.exceptions import FilterArgumentError

from deployer.config.templates.environment import SandboxEnvironment
from deployer.config.templates.problems import Absent, kind_of, raise_absent

_TRUE = ("yes", "on", "1", "true", "y", "t")
_FALSE = ("no", "off", "0", "false", "n", "f", "")
_LIST_MERGES = ("replace", "keep", "append", "prepend", "append_rp", "prepend_rp")


def mandatory(value: Any, msg: str | None = None) -> Any:
    if isinstance(value, Absent):
        if msg:
            raise FilterArgumentError(str(msg))
        raise_absent(value)
    return value


def to_bool(value: Any) -> bool | None:
    """true/false, yes/no, on/off, 1/0 in any case; null stays null; other values are an error."""
    if value is None or isinstance(value, bool):
        return value
    if value in (0, 1):
        return bool(value)
    text = str(value).lower() if isinstance(value, str) else None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise FilterArgumentError(f"bool: {kind_of(value)} is neither true nor false here")


def ternary(value: Any, true_val: Any, false_val: Any, none_val: Any = None) -> Any:
    if value is None and none_val is not None:
        return none_val
    return true_val if value else false_val


def combine(*terms: Any, recursive: bool = False, list_merge: str = "replace") -> dict[Any, Any]:
    """Merges mappings; later ones win. `recursive` merges inner mappings, `list_merge` says how lists are merged."""
    if list_merge not in _LIST_MERGES:
        raise FilterArgumentError(f"combine: list_merge must be one of {', '.join(_LIST_MERGES)}")
    merged: dict[Any, Any] = {}
    for term in _flat(terms, 1, skip_nulls=False):
        if isinstance(term, Absent):
            raise_absent(term)
        if not isinstance(term, dict):
            raise FilterArgumentError(f"combine: expected a mapping, got {kind_of(term)}")
        merged = _merged(merged, term, recursive=bool(recursive), list_merge=list_merge)
    return merged


def _merged(low: dict[Any, Any], high: dict[Any, Any], *, recursive: bool, list_merge: str) -> dict[Any, Any]:
    result = dict(low.items())
    for key, value in high.items():
        old = result.get(key)
        if recursive and isinstance(old, dict) and isinstance(value, dict):
            result[key] = _merged(old, value, recursive=True, list_merge=list_merge)
        elif isinstance(old, list) and isinstance(value, list):
            result[key] = _merged_lists(old, value, list_merge)
        else:
            result[key] = value
    return result


def _merged_lists(low: list[Any], high: list[Any], how: str) -> list[Any]:
    match how:
        case "keep":
            return low
        case "append":
            return low + high
        case "prepend":
            return high + low
        case "append_rp":
            return [item for item in low if item not in high] + high
        case "prepend_rp":
            return high + [item for item in low if item not in high]
        case _:
            return high


def dict2items(value: Any, key_name: str = "key", value_name: str = "value") -> list[dict[str, Any]]:
    if not isinstance(value, dict):
        raise FilterArgumentError(f"dict2items: expected a mapping, got {kind_of(value)}")
    return [{key_name: key, value_name: item} for key, item in value.items()]


def items2dict(items: Any, key_name: str = "key", value_name: str = "value") -> dict[Any, Any]:
    try:
        return {item[key_name]: item[value_name] for item in items}
    except (KeyError, TypeError) as error:
        raise FilterArgumentError(f"items2dict: expected a list of {{{key_name}, {value_name}}} mappings") from error


def flatten(items: Any, levels: int | None = None, *, skip_nulls: bool = True) -> list[Any]:
    return list(_flat(items, levels, skip_nulls=skip_nulls))


def _flat(items: Iterable[Any], levels: int | None, *, skip_nulls: bool) -> Iterator[Any]:
    for item in items:
        if item in (None, "None", "null") and skip_nulls:
            continue
        if isinstance(item, list | tuple) and levels != 0:
            yield from _flat(item, None if levels is None else levels - 1, skip_nulls=skip_nulls)
        else:
            yield item


def _distinct(items: Iterable[Any]) -> list[Any]:
    """Without duplicates, in order; values may be unhashable."""
    seen: set[Any] = set()
    found: list[Any] = []
    for item in items:
        if isinstance(item, dict | list):
            if item not in found:
                found.append(item)
        elif item not in seen:
            seen.add(item)
            found.append(item)
    return found


def unique(items: Iterable[Any], *, case_sensitive: bool | None = None, attribute: Any = None) -> list[Any]:
    """Without duplicates, in order; text is compared without case unless `case_sensitive`."""
    seen: list[Any] = []
    found: list[Any] = []
    for item in items:
        key = item if attribute is None else item[attribute]
        if case_sensitive is False and isinstance(key, str):
            key = key.lower()
        if key not in seen:
            seen.append(key)
            found.append(item)
    return found


def union(low: Iterable[Any], high: Iterable[Any]) -> list[Any]:
    return _distinct([*low, *high])


def intersect(low: Iterable[Any], high: Iterable[Any]) -> list[Any]:
    others = list(high)
    return [item for item in _distinct(low) if item in others]


def difference(low: Iterable[Any], high: Iterable[Any]) -> list[Any]:
    others = list(high)
    return [item for item in _distinct(low) if item not in others]


def subelements(items: Any, path: str | list[str], *, skip_missing: bool = False) -> list[list[Any]]:
    """Pairs of each item and each element of its list at `path`."""
    steps = path.split(".") if isinstance(path, str) else path
    pairs: list[list[Any]] = []
    for item in items.values() if isinstance(items, dict) else items:
        inner = item
        for step in steps:
            inner = inner.get(step) if isinstance(inner, dict) else None
        if isinstance(inner, list):
            pairs.extend([item, element] for element in inner)
        elif not skip_missing:
            raise FilterArgumentError(f"subelements: an item has no list at '{'.'.join(steps)}'")
    return pairs


@pass_environment
def extract(environment: SandboxEnvironment, key: Any, container: Any, morekeys: Any = None) -> Any:
    value = environment.getitem(container, key)
    more = [] if morekeys is None else morekeys if isinstance(morekeys, list) else [morekeys]
    for step in more:
        value = environment.getitem(value, step)
    return value


def seeded_random(end: Any, start: int | None = None, step: int | None = None, seed: Any = None) -> Any:
    """A random choice by a required seed, the same in every run."""
    if seed is None:
        raise FilterArgumentError("random requires a seed: random(seed=inventory_hostname)")
    source = random.Random(str(seed) if isinstance(seed, str) else seed)
    if isinstance(end, int):
        return source.randrange(start or 0, end, step or 1)
    return source.choice(list(end))


def type_debug(value: Any) -> str:
    builtin = next((kind for kind in (str, bool, int, float, dict, list) if isinstance(value, kind)), type(value))
    return builtin.__name__


def data_filters() -> dict[str, Callable[..., Any]]:
    """The filters of this module by name."""
    return {
        "bool": to_bool,
        "combine": combine,
        "dict2items": dict2items,
        "difference": difference,
        "extract": extract,
        "flatten": flatten,
        "intersect": intersect,
        "items2dict": items2dict,
        "mandatory": mandatory,
        "product": lambda *items, repeat=1: [list(part) for part in itertools.product(*items, repeat=repeat)],
        "random": seeded_random,
        "subelements": subelements,
        "ternary": ternary,
        "type_debug": type_debug,
        "union": union,
        "unique": unique,
        "zip": lambda *items: [list(part) for part in zip(*items, strict=False)],
    }
