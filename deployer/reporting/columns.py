"""Aligns cells of several lines."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import zip_longest

from msgspec import Struct

from deployer.reporting.lines import ANY, Line, Sheet, Span, Style

GAP = 2
_NARROWEST, _WIDEST = 8, 1_000_000
"""No column is cut below the first width; the columns that are never cut have up to the second."""


class Row(Struct, frozen=True):
    """`lead` precedes the first cell and is part of its width. `whole`: one text in pieces, not aligned or folded."""

    cells: tuple[Span, ...]
    lead: tuple[Span, ...] = ()
    whole: bool = False


def align(rows: Sequence[Row], limits: Sequence[int] = ()) -> list[Line]:
    """One line per row; the cells of a column start at the same position.

    `limits` are the maximum widths of columns: a longer cell shifts only the rest of its own line. The last cell of a
    row does not count for the width of its column.
    """
    widths = _widths(rows, limits)
    return [_line(row, widths) for row in rows]


def table(
    header: Sequence[str],
    rows: Sequence[Sequence[str | Span]],
    *,
    sheet: Sheet = ANY,
    cut: Collection[str] = (),
    last: Collection[str] = (),
) -> list[Line]:
    """A header and rows of texts, as `ps` prints them. Where they do not fit, columns without a value are left out and
    the columns named by `cut` are cut, the widest first; if that is not enough, those named by `last` too, and then
    those of `cut` are left out, in their order."""
    head = Row(tuple(Span(name, Style.TITLE) for name in header))
    body = [Row(tuple(Span(cell) if isinstance(cell, str) else cell for cell in row)) for row in rows]
    lines = align([head, *body])
    if not sheet.width or max(len(str(found)) for found in lines) <= sheet.width:
        return lines
    columns = zip_longest(*(row.cells for row in (head, *body)), fillvalue=Span(""))
    filled = [cells for cells in columns if any(cell.text for cell in cells[1:])]
    widths = _cut_to(filled, sheet.width, cut, last)
    for name in cut if last else ():
        if _total(widths) > sheet.width:
            filled = [cells for cells in filled if cells[0].text != name]
            widths = _cut_to(filled, sheet.width, cut, last)
    shortened = ([_cut(cell, width, sheet) for cell in cells] for cells, width in zip(filled, widths, strict=True))
    return align([Row(cells) for cells in zip(*shortened, strict=True)])


def _cut_to(columns: list[tuple[Span, ...]], width: int, *tiers: Collection[str]) -> list[int]:
    """Widths of columns, where those of a tier are cut after those of the tiers before it."""
    widths = [max(len(cell.shown) for cell in cells) for cells in columns]
    for names in tiers:
        least = [max(_NARROWEST, len(first.text)) if first.text in names else _WIDEST for first, *_ in columns]
        widths = _fitting(widths, least, width)
    return widths


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _fitting(widths: list[int], least: list[int], width: int) -> list[int]:
    """Widths of columns whose lines have at most `width` characters, as far as that is possible."""
    while _total(widths) > width:
        shrinking = [number for number, size in enumerate(widths) if size > least[number]]
        if not shrinking:
            break
        widths[max(shrinking, key=lambda number: widths[number])] -= 1
    return widths


def _cut(cell: Span, width: int, sheet: Sheet) -> Span:
    """A text of several words keeps its beginning; a name also keeps its end, such as the tag of an image."""
    text = cell.shown
    if len(text) <= width:
        return cell
    text = sheet.clean(text)
    tail = 0 if " " in text else (width - 1) // 2
    return Span(f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}", cell.style)


def _widths(rows: Sequence[Row], limits: Sequence[int]) -> list[int]:
    columns = max((len(row.cells) for row in rows), default=0)
    widths = [0] * columns
    for row in (row for row in rows if not row.whole):
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
    if row.whole:
        return Line((*spans, *row.cells), None)
    for number, cell in enumerate(row.cells):
        spans.append(cell)
        if _is_followed(row, number):
            spans.append(Span(" " * (max(widths[number] - _size(row, number), 0) + GAP)))
    return Line(tuple(spans), max(widths[0], _size(row, 0)) + GAP if _is_followed(row, 0) else 0)
