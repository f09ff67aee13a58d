"""Rows of lists, such as those of `ps`: chosen with `--filter`, and written with `--format`."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeVar

from msgspec import Struct

from deployer.reporting.lines import visible

_PLACE: Final = re.compile(r"\{\{\s*\.?(\w+)\s*\}\}")
_ESCAPES: Final = {"\\t": "\t", "\\n": "\n"}

Row = TypeVar("Row", bound=Struct)


def check_keys(row: type[Struct], filters: Iterable[tuple[str, str]], template: str) -> None:
    """Raises ValueError for a key that the rows do not have."""
    known = row.__struct_fields__
    for key in (*(key for key, _ in filters), *_PLACE.findall(template)):
        if key.lower() not in known:
            raise ValueError(f"there is no column '{key}'; columns: {', '.join(known)}")


def filtered(rows: Iterable[Row], filters: Sequence[tuple[str, str]]) -> tuple[Row, ...]:
    """Rows that match every filter, a column and a glob; of several values one has to match."""
    return tuple(row for row in rows if all(_matches(getattr(row, key.lower()), glob) for key, glob in filters))


def _matches(value: Any, glob: str) -> bool:
    values = value if isinstance(value, tuple) and value else (_text(value),)
    return any(fnmatch.fnmatchcase(_text(each), glob) for each in values)


def formatted(rows: Iterable[Struct], template: str) -> Iterator[str]:
    """A line for each row: `{{ name }}`, or `{{.Name}}` as the docker command writes it, is a column."""
    for escape, text in _ESCAPES.items():
        template = template.replace(escape, text)
    for row in rows:
        values = {key: visible(_text(getattr(row, key))) for key in row.__struct_fields__}
        parts = _PLACE.split(template)
        yield "".join(values[part.lower()] if number % 2 else part for number, part in enumerate(parts)) + "\n"


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
