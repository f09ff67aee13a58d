"""Shows a field's difference: name, `old → new`, and the position of the new value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deployer.fields.field import Change
from deployer.model.plan import FieldDiff
from deployer.model.secrets import MASK
from deployer.reporting.columns import Row
from deployer.reporting.lines import Span, Style

INDENT = " " * 9
_CONTEXT = 1


def field_rows(diffs: Iterable[FieldDiff], *, mark: bool = False) -> Iterator[Row]:
    """`mark`: mark the fields that need a replacement if others do not."""
    diffs = tuple(diffs)
    mixed = mark and len({found.effect is Change.REPLACE for found in diffs}) > 1
    for found in diffs:
        value = change_words(found)
        if mixed and found.effect is Change.REPLACE:
            value += "  (needs replacement)"
        place = Span(place_words(found), Style.MUTED)
        yield Row((Span(found.name), Span(value), place), (Span(INDENT),))
        yield from (Row((span,), (Span(f"{INDENT}  "),)) for span in _by_line(found))


def change_words(found: FieldDiff) -> str:
    """`512 MiB → 1 GiB`, `set to 5s`, `removed (was a)`, `(secret, changed)`."""
    if found.old == found.new == MASK:
        return "(secret, changed)"
    if not found.old:
        return f"set to {_quoted(found.new)}"
    if not found.new:
        return f"removed (was {_quoted(found.old)})"
    if _has_lines(found):
        return "changed lines:"
    return f"{_quoted(found.old)} → {_quoted(found.new)}"


def place_words(found: FieldDiff) -> str:
    """`group_vars/db.yml:3`, or the source of the value in words."""
    return found.origin.short if found.origin is not None else found.source


def _quoted(text: str) -> str:
    """Text with leading or trailing spaces, in quotes."""
    return f'"{text}"' if text != text.strip() else text


def _has_lines(found: FieldDiff) -> bool:
    return bool(found.old and found.new) and "\n" in found.old.strip() + found.new.strip()


def _by_line(found: FieldDiff) -> Iterator[Span]:
    """The lines that differ between two long texts, with a line of context."""
    if not _has_lines(found):
        return
    import difflib

    compared = difflib.unified_diff(found.old.split("\n"), found.new.split("\n"), n=_CONTEXT, lineterm="")
    styles = {"+": Style.CREATE, "-": Style.REMOVE}
    for text in list(compared)[2:]:
        yield Span("…" if text.startswith("@@") else f"{text[:1]} {text[1:]}", styles.get(text[:1], Style.MUTED))
