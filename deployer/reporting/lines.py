"""Styled lines, from which every report is built, and their conversion to text.

A report is a list of `Line`s whose spans name a meaning, not a colour. `render` turns them into plain text or into
text with ANSI colours; nothing else writes escape sequences, and control characters inside values never reach the
terminal unescaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Final

from msgspec import Struct

_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Style(Enum):
    """What a span means. Colour only supports the meaning; the text carries it alone."""

    PLAIN = "plain"
    TITLE = "title"
    MUTED = "muted"
    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    REMOVE = "remove"
    GOOD = "good"
    CHANGED = "changed"
    BAD = "bad"
    WARNING = "warning"


CODES: Final[Mapping[Style, str]] = {
    Style.TITLE: "1",
    Style.MUTED: "2",
    Style.CREATE: "32",
    Style.UPDATE: "33",
    Style.REPLACE: "35",
    Style.REMOVE: "31",
    Style.GOOD: "32",
    Style.CHANGED: "33",
    Style.BAD: "1;31",
    Style.WARNING: "33",
}
"""SGR parameters of each style; `Style.PLAIN` has none."""


class Span(Struct, frozen=True):
    """A piece of a line. `shown` is its text with control characters written as escapes."""

    text: str
    style: Style = Style.PLAIN

    @property
    def shown(self) -> str:
        return visible(self.text)


class Line(Struct, frozen=True):
    """`hang`: the column where continuation lines start, 0 for two after the indentation, None if the line is never
    folded, such as a command to paste."""

    spans: tuple[Span, ...] = ()
    hang: int | None = 0

    def __str__(self) -> str:
        return "".join(span.shown for span in self.spans).rstrip()


class Sheet(Struct, frozen=True):
    """The target of a report: `width` columns, 0 for no limit. `clean` removes secrets from a text, and must be called
    before a text is shortened or divided: a part of a secret is not recognised."""

    width: int = 0
    clean: Callable[[str], str] = str


ANY: Final = Sheet()


def line(*parts: str | Span, hang: int | None = 0) -> Line:
    """A line of spans and plain texts."""
    return Line(tuple(Span(part) if isinstance(part, str) else part for part in parts), hang)


def fold(found: Line, sheet: Sheet) -> list[Line]:
    """The line in pieces that fit. It is divided only at spaces, between columns if possible; a longer word is not
    divided."""
    text, width = str(found), sheet.width
    if not width or len(text) <= width or found.hang is None:
        return [found]
    clean = sheet.clean(text)
    if clean != text:
        text, found = clean, Line((Span(clean),), found.hang)
    indent = len(text) - len(text.lstrip())
    hang = found.hang if found.hang and indent < found.hang <= width // 2 else indent + 2
    pieces = _pieces(text, width, indent, hang)
    return [_piece(found, start, end, hang if number else 0) for number, (start, end) in enumerate(pieces)]


def _pieces(text: str, width: int, indent: int, hang: int) -> Iterator[tuple[int, int]]:
    start, room, first = 0, width, indent
    while len(text) - start > room:
        gap = text.rfind("  ", start + room // 2, start + room + 2)
        end = gap if gap != -1 else text.rfind(" ", start + first + 1, start + room + 1)
        end = end if end != -1 else text.find(" ", start + room)
        if end == -1:
            break
        yield start, start + len(text[start:end].rstrip())
        start = end + len(text[end:]) - len(text[end:].lstrip())
        room, first = width - hang, 0
    yield start, len(text)


def _piece(found: Line, start: int, end: int, indent: int) -> Line:
    """Columns `start` to `end` of a line, indented."""
    spans, at = [Span(" " * indent)], 0
    for span in found.spans:
        shown = span.shown
        spans.append(Span(shown[max(0, start - at) : max(0, end - at)], span.style))
        at += len(shown)
    return Line(tuple(span for span in spans if span.text), found.hang)


def visible(text: str) -> str:
    """Control characters, line separators, direction overrides and lone surrogates as escapes."""
    return _UNSAFE.sub(lambda found: _NAMED.get(found[0], _escape(found[0])), text)


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def render(lines: Iterable[Line], *, colour: bool) -> str:
    """Every line ended by a newline."""
    return "".join(f"{_coloured(found) if colour else found}\n" for found in lines)


def _coloured(found: Line) -> str:
    return "".join(_ansi(span) for span in found.spans).rstrip()


def _ansi(span: Span) -> str:
    code = CODES.get(span.style, "")
    return f"\x1b[{code}m{span.shown}\x1b[0m" if code and span.text else span.shown
