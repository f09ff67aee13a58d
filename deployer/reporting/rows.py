"""Rows of lists, such as those of `ps`: chosen with `--filter`, and written with `--format`."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from deployer.reporting.columns import Row as Cells
from deployer.reporting.columns import align
from deployer.reporting.lines import Span, visible

JSON: Final = ("json", "{{json .}}")
"""Formats for one JSON document per row."""

_PLACE: Final = re.compile(r"\{\{\s*(json\s+)?\.?([\w.]*)\s*\}\}")
_ESCAPES: Final = {"\\t": "\t", "\\n": "\n"}
_OTHER_NAMES: Final = {"names": "name"}
_TABLE: Final = "table "

Row = TypeVar("Row", bound=Struct)


def check_keys(row: type[Struct], filters: Iterable[tuple[str, str]], template: str) -> None:
    """Raises ValueError for a key that the rows do not have, and for a format without any."""
    known = row.__struct_fields__
    used = [name for _, name in _PLACE.findall(template)]
    for key in (*(key for key, _ in filters), *filter(None, used)):
        if _column(key) not in known:
            raise ValueError(f"there is no column '{key}'; columns: {', '.join(known)}")
    if template and not used and template not in JSON:
        raise ValueError(f"'{template}' names no column; write json, or columns such as '{{{{host}}}} {{{{name}}}}'")


def _column(key: str) -> str:
    return _OTHER_NAMES.get(key.lower(), key.lower())


def filtered(rows: Iterable[Row], filters: Sequence[tuple[str, str]]) -> tuple[Row, ...]:
    """Rows that match every filter, a column and a glob; of several values one has to match."""
    return tuple(row for row in rows if all(_matches(getattr(row, _column(key)), glob) for key, glob in filters))


def _matches(value: Any, glob: str) -> bool:
    values = value if isinstance(value, tuple) and value else (_text(value),)
    return any(fnmatch.fnmatchcase(_text(each), glob) for each in values)


def formatted(rows: Iterable[Struct], template: str) -> Iterator[str]:
    """A line for each row: `{{ name }}`, or `{{.Name}}` as the docker command writes it, is a column; `{{json .Name}}`
    is its JSON. After `table `, the columns are aligned below their names."""
    is_table = template.startswith(_TABLE)
    template = template.removeprefix(_TABLE)
    lines = [_line(template, msgspec.to_builtins(row)) for row in rows]
    if is_table:
        head = filled(template, lambda name: name.upper())
        cells = [Cells(tuple(Span(cell) for cell in line.split("\t"))) for line in (head, *lines)]
        lines = [str(found) for found in align(cells)]
    return (f"{line}\n" for line in lines)


def _line(template: str, document: Mapping[str, Any]) -> str:
    return filled(template, lambda name: document[_column(name)] if name else document)


def filled(template: str, value: Callable[[str], Any]) -> str:
    """The template with the value of each place in it; "" names the whole."""
    for escape, text in _ESCAPES.items():
        template = template.replace(escape, text)
    return _PLACE.sub(lambda found: _shown(value(found[2]), as_json=bool(found[1])), template)


def _shown(value: Any, *, as_json: bool) -> str:
    if as_json or isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    return visible(_text(value))


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(map(_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def marked(
    header: tuple[str, ...], rows: Sequence[Any], cells: Sequence[tuple[str, ...]]
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Says which hosts are simulated: in the first column, or in its name if all are."""
    from deployer.reporting.human import SIMULATED

    if rows and all(row.simulated for row in rows):
        return (f"{header[0]}{SIMULATED}", *header[1:]), list(cells)
    marks = [SIMULATED if row.simulated else "" for row in rows]
    return header, [(f"{first}{mark}", *rest) for (first, *rest), mark in zip(cells, marks, strict=True)]
