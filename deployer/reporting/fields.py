"""Shows a field's difference: name, `old → new`, and the position of the new value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deployer.fields.field import Change
from deployer.model.plan import FieldDiff
from deployer.model.secrets import MASK
from deployer.reporting.columns import Row
from deployer.reporting.lines import ANY, Sheet, Span, Style, visible

INDENT = " " * 9
_BELOW = f"{INDENT}  "
_CONTEXT = 1
_MOST_LINES = 100
"""Of one text that differs; its whole old and new value is in the plan as JSON."""
_CONTEXT_CHARACTERS = 24


def field_rows(diffs: Iterable[FieldDiff], *, mark: bool = False, sheet: Sheet = ANY) -> Iterator[Row]:
    """`mark`: mark the fields that need a replacement if others do not."""
    diffs = tuple(diffs)
    mixed = mark and len({found.effect is Change.REPLACE for found in diffs}) > 1
    for found in diffs:
        value, below = change_words(found), _by_line(found)
        if _is_long(found, sheet.width):
            value, below = "changed:", _below_each_other(found, sheet)
        if mixed and found.effect is Change.REPLACE:
            value += "  (needs replacement)"
        place = Span(place_words(found), Style.MUTED)
        yield Row((Span(found.name), Span(value), place), (Span(INDENT),))
        yield from (Row(spans, (Span(_BELOW),), whole=True) for spans in below)


def declared_rows(declared: Iterable[FieldDiff]) -> Iterator[Row]:
    """The fields of a new object, each on its line."""
    for found in declared:
        value = "(secret)" if found.new == MASK else _quoted(found.new)
        yield Row((Span(found.name), Span(value), Span(place_words(found), Style.MUTED)), (Span(INDENT),))


def change_words(found: FieldDiff) -> str:
    return "changed lines:" if _has_lines(found) else value_words(found.old, found.new)


def value_words(old: str, new: str) -> str:
    """`512 MiB → 1 GiB`, `set to 5s`, `removed (was a)`, `(secret, changed)`."""
    if old == new == MASK:
        return "(secret, changed)"
    if not old:
        return f"set to {_quoted(new)}"
    if not new:
        return f"removed (was {_quoted(old)})"
    return f"{_quoted(old)} → {_quoted(new)}"


def place_words(found: FieldDiff) -> str:
    """`group_vars/db.yml:3`, or the source of the value in words."""
    return found.origin.whole if found.origin is not None else found.source


def _quoted(text: str) -> str:
    """Text with leading or trailing spaces, in quotes."""
    return f'"{text}"' if text != text.strip() else text


def _has_lines(found: FieldDiff) -> bool:
    return bool(found.old and found.new) and "\n" in found.old.strip() + found.new.strip()


def _is_long(found: FieldDiff, width: int) -> bool:
    """Whether `old → new` is too long for a line."""
    text = change_words(found)
    length = len(INDENT) + len(found.name) + 2 + len(text)
    return 0 < width < length and " → " in text and not _has_lines(found)


def _below_each_other(found: FieldDiff, sheet: Sheet) -> Iterator[tuple[Span, ...]]:
    """The old and the new value, and a line that marks the differences. On a narrow terminal, equal parts are
    shortened."""
    texts = [visible(sheet.clean(text)) for text in (found.old, found.new)]
    before, after = _equal_parts(*texts)
    old, new = (text[len(before) : len(text) - len(after)] for text in texts)
    room = sheet.width - len(_BELOW) - 2 - max(len(old), len(new))
    before, after = _shortened(before, after, max(room, _CONTEXT_CHARACTERS))
    for sign, text, style in (("- ", old, Style.REMOVE), ("+ ", new, Style.CREATE)):
        yield Span(sign, style), Span(before, Style.MUTED), Span(text, style), Span(after, Style.MUTED)
    yield (Span(" " * (2 + len(before)) + "^" * max(1, len(old), len(new))),)


def _equal_parts(old: str, new: str) -> tuple[str, str]:
    """The common prefix and suffix, without parts of words or numbers that differ."""
    start = _alike(old, new)
    end = _alike(old[start:][::-1], new[start:][::-1])
    while start and old[start - 1].isalnum():
        start -= 1
    while end and old[len(old) - end].isalnum():
        end -= 1
    return old[:start], old[len(old) - end :]


def _alike(old: str, new: str) -> int:
    return next(
        (number for number, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
    )


def _shortened(before: str, after: str, room: int) -> tuple[str, str]:
    """Both in at most `room` characters: each gets at least half, and what the other does not need."""
    first = max(room // 2, room - len(after))
    before = before if len(before) <= first else f"…{before[len(before) - first + 1 :]}"
    rest = room - len(before)
    return before, after if len(after) <= rest else f"{after[: max(rest - 1, 0)]}…"


def _by_line(found: FieldDiff) -> Iterator[tuple[Span, ...]]:
    """The lines that differ between two long texts, with a line of context."""
    if not _has_lines(found):
        return
    import difflib

    compared = difflib.unified_diff(found.old.split("\n"), found.new.split("\n"), n=_CONTEXT, lineterm="")
    styles = {"+": Style.CREATE, "-": Style.REMOVE}
    lines = list(compared)[2:]
    for text in lines[:_MOST_LINES]:
        yield (Span("…" if text.startswith("@@") else f"{text[:1]} {text[1:]}", styles.get(text[:1], Style.MUTED)),)
    if len(lines) > _MOST_LINES:
        yield (Span(f"… and {len(lines) - _MOST_LINES} more lines", Style.MUTED),)
