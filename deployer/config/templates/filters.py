"""Filters, tests and functions of templates, also by their names in `ansible.builtin`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from itertools import zip_longest
from pathlib import Path
from typing import Any

from jinja2.exceptions import FilterArgumentError

from deployer.config.templates.environment import SandboxEnvironment
from deployer.config.templates.filters_data import data_filters, to_bool
from deployer.config.templates.filters_text import expanduser, text_filters
from deployer.config.templates.lookups import lookup, query, refused_now, undef
from deployer.config.templates.problems import OMIT

_COLLECTION = "ansible.builtin."
_LOOSE = re.compile(r"\d+|[a-zA-Z]+")
_SEMVER = re.compile(
    r"(?P<core>(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*))(?:-(?P<pre>[0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?\Z"
)


def regex(
    value: Any,
    pattern: str = "",
    *,
    ignorecase: bool = False,
    multiline: bool = False,
    match_type: str = "search",
) -> bool:
    flags = (re.IGNORECASE if ignorecase else 0) | (re.MULTILINE if multiline else 0)
    compiled = re.compile(pattern, flags)
    kinds = {"search": compiled.search, "match": compiled.match, "fullmatch": compiled.fullmatch}
    if match_type not in kinds:
        raise FilterArgumentError(f"regex: match_type must be one of {', '.join(kinds)}")
    return kinds[match_type](str(value)) is not None


def match(value: Any, pattern: str = "", *, ignorecase: bool = False, multiline: bool = False) -> bool:
    return regex(value, pattern, ignorecase=ignorecase, multiline=multiline, match_type="match")


def version(value: Any, other: Any, compare: str = "eq", *, version_type: str = "loose") -> bool:
    """Compares two versions by `compare`: `>=`, `ge`, `lt`, `==`, …"""
    kinds: dict[str, Callable[[str], Any]] = {"loose": _loose, "semver": _semver, "semantic": _semver}
    if version_type not in kinds:
        raise FilterArgumentError(f"version: version_type must be one of {', '.join(kinds)}")
    left, right = kinds[version_type](str(value)), kinds[version_type](str(other))
    if version_type == "loose":
        left, right = _aligned(left, right)
    return bool(_comparison(compare)(left, right))


def _comparison(name: str) -> Callable[[Any, Any], Any]:
    names: dict[str, Callable[[Any, Any], Any]] = {
        **dict.fromkeys(("==", "=", "eq"), operator.eq),
        **dict.fromkeys(("!=", "<>", "ne"), operator.ne),
        **dict.fromkeys((">", "gt"), operator.gt),
        **dict.fromkeys((">=", "ge"), operator.ge),
        **dict.fromkeys(("<", "lt"), operator.lt),
        **dict.fromkeys(("<=", "le"), operator.le),
    }
    if name not in names:
        raise FilterArgumentError(f"version: '{name}' is not a comparison; supported: {', '.join(names)}")
    return names[name]


def _loose(text: str) -> list[int | str]:
    return [int(part) if part.isdecimal() else part for part in _LOOSE.findall(text)]


def _aligned(left: list[int | str], right: list[int | str]) -> tuple[list[Any], list[Any]]:
    """Comparable parts: numbers sort after words, and a missing part before all others."""
    pairs = list(zip_longest(left, right))
    return [_rank(part) for part, _ in pairs], [_rank(part) for _, part in pairs]


def _rank(part: int | str | None) -> tuple[int, int, str]:
    if part is None:
        return (0, 0, "")
    return (2, part, "") if isinstance(part, int) else (1, 0, part)


def _semver(text: str) -> Any:
    found = _SEMVER.match(text.removeprefix("v"))
    if found is None:
        raise FilterArgumentError(f"version: '{text}' is not a semantic version such as 1.2.3")
    core = tuple(int(part) for part in found["core"].split("."))
    if found["pre"] is None:
        return (core, 1, ())
    parts = ((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in found["pre"].split("."))
    return (core, 0, tuple(parts))


def subset(value: Iterable[Any], other: Iterable[Any]) -> bool:
    others = list(other)
    return all(item in others for item in value)


def superset(value: Iterable[Any], other: Iterable[Any]) -> bool:
    return subset(other, value)


def truthy(value: Any, *, convert_bool: bool = False) -> bool:
    return bool(_as_bool(value) if convert_bool else value)


def falsy(value: Any, *, convert_bool: bool = False) -> bool:
    return not truthy(value, convert_bool=convert_bool)


def _as_bool(value: Any) -> Any:
    try:
        return to_bool(value)
    except FilterArgumentError:
        return value


def contains(value: Any, item: Any) -> bool:
    return item in value


def extra_tests() -> dict[str, Callable[..., bool]]:
    """The tests of this module by name."""
    return {
        "abs": lambda path: Path(str(path)).is_absolute(),
        "all": lambda items: all(items),
        "any": lambda items: any(items),
        "contains": contains,
        "directory": lambda path: Path(expanduser(path)).is_dir(),
        "exists": lambda path: Path(expanduser(path)).exists(),
        "falsy": falsy,
        "file": lambda path: Path(expanduser(path)).is_file(),
        "issubset": subset,
        "issuperset": superset,
        "link": lambda path: Path(expanduser(path)).is_symlink(),
        "match": match,
        "regex": regex,
        "search": regex,
        "subset": subset,
        "superset": superset,
        "truthy": truthy,
        "version": version,
        "version_compare": version,
    }


def add_filters(environment: SandboxEnvironment) -> None:
    """Adds filters, tests and functions to an environment. Their results are the same in every run."""
    environment.filters.update(text_filters())
    environment.filters.update(data_filters())
    environment.tests.update(extra_tests())
    for table in (environment.filters, environment.tests):
        table.update({_COLLECTION + name: function for name, function in table.items() if name.isidentifier()})
    environment.globals.pop("lipsum")
    environment.globals.update(
        ansible_managed="Managed by deployer",
        lookup=lookup,
        now=refused_now,
        omit=OMIT,
        q=query,
        query=query,
        undef=undef,
    )
