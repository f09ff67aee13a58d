"""Aligns cells of several lines. The result depends on the texts only, not on the width of a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from deployer.reporting.lines import Line, Span, Style

GAP = 2


class Row(Struct, frozen=True):
    """`lead` precedes the first cell and is part of its width."""

    cells: tuple[Span, ...]
    lead: tuple[Span, ...] = ()


def align(rows: Sequence[Row], limits: Sequence[int] = ()) -> list[Line]:
    """One line per row; the cells of a column start at the same position.

    `limits` are the maximum widths of columns: a longer cell shifts only the rest of its own line. The last cell of a
    row does not count for the width of its column.
    """
    widths = _widths(rows, limits)
    return [_line(row, widths) for row in rows]


def table(header: Sequence[str], rows: Sequence[Sequence[str | Span]]) -> list[Line]:
    """A header and rows of texts, as `ps` prints them."""
    head = Row(tuple(Span(name, Style.TITLE) for name in header))
    body = [Row(tuple(Span(cell) if isinstance(cell, str) else cell for cell in row)) for row in rows]
    return align([head, *body])


def _widths(rows: Sequence[Row], limits: Sequence[int]) -> list[int]:
    columns = max((len(row.cells) for row in rows), default=0)
    widths = [0] * columns
    for row in rows:
        for number in range(len(row.cells)):
            size = _size(row, number)
            if _is_followed(row, number) and (number >= len(limits) or size <= limits[number]):
                widths[number] = max(widths[number], size)
    return widths


def _is_followed(row: Row, number: int) -> bool:
    return any(cell.text for cell in row.cells[number + 1 :])


def _size(row: Row, number: int) -> int:
    lead = sum(len(span.shown) for span in row.lead) if number == 0 else 0
    return lead + len(row.cells[number].shown)


def _line(row: Row, widths: Sequence[int]) -> Line:
    spans = list(row.lead)
    for number, cell in enumerate(row.cells):
        spans.append(cell)
        if _is_followed(row, number):
            spans.append(Span(" " * (max(widths[number] - _size(row, number), 0) + GAP)))
    return Line(tuple(spans))
