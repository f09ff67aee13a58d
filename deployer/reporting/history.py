"""Records of runs as text and as documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from msgspec.structs import replace

from deployer.model.history import Record, RecordedMove, Result, counts_document
from deployer.reporting.columns import table
from deployer.reporting.fields import value_words
from deployer.reporting.lines import ANY, Line, Sheet, Span, Style, line
from deployer.reporting.locks import moment_words
from deployer.reporting.words import by_number, host_list, plural

_HEADER: Final = ("TIME", "HOST", "PROJECT", "RUN", "RESULT", "CHANGES", "WHO", "COMMIT", "COMMAND")
_CUT: Final = ("COMMIT", "WHO", "COMMAND")
_CUT_LAST: Final = ("HOST", "PROJECT", "CHANGES")
_MOST: Final = 5
"""Changes of a run that are shown, without `whole`."""


def history_lines(records: Iterable[tuple[str, Record]], *, whole: bool = False, sheet: Sheet = ANY) -> list[Line]:
    """One row per run, for all hosts whose records are equal, and below it the first changes with old and new values.
    `whole`: all changes, each field on its own line."""
    runs: dict[Record, list[str]] = {}
    for host, record in records:
        runs.setdefault(replace(record, pulled=(), declared=(), before=()), []).append(host)
    if not runs:
        return [line("No runs are recorded.")]
    cells = [_cells(host_list(sorted(hosts, key=by_number)), record) for record, hosts in runs.items()]
    head, *rows = table(_HEADER, cells, sheet=sheet, cut=_CUT, last=_CUT_LAST)
    lines = [head]
    for row, record in zip(rows, runs, strict=True):
        lines += [row, *_changes(record, sheet, whole=whole)]
    return lines


def _changes(record: Record, sheet: Sheet, *, whole: bool) -> Iterator[Line]:
    fields = dict(enumerate(record.fields))
    shown = record.changes if whole or len(record.changes) <= _MOST + 1 else record.changes[:_MOST]
    for number, change in enumerate(shown):
        words = [f"{name} {value_words(old, new)}" for name, old, new in fields.get(number, ())]
        told = f": {', '.join(words)}" if words and not whole else ""
        yield line(Span(_short(f"    {change}{told}", sheet), Style.MUTED))
        yield from (line(Span(f"        {text}", Style.MUTED)) for text in words if whole)
    if record.moved is not None:
        yield line(Span(_short(f"    {_moved_words(record.moved)}", sheet), Style.MUTED))
    if len(shown) < len(record.changes):
        left = plural(len(record.changes) - len(shown), "more change")
        yield line(Span(f"    {left}: deployer history show {record.number}", Style.MUTED))


def _moved_words(moved: RecordedMove) -> str:
    volumes = f" with volumes {', '.join(moved.volumes)}" if moved.volumes else ""
    return f"moved {moved.source} → {moved.target}: {', '.join(name for name, _ in moved.containers)}{volumes}"


def _short(text: str, sheet: Sheet) -> str:
    clean = sheet.clean(text)
    return clean if len(clean) <= (sheet.width or len(clean)) else f"{clean[: sheet.width - 1]}…"


def _cells(host: str, record: Record) -> tuple[str | Span, ...]:
    return (
        moment_words(record.time),
        host,
        record.project,
        str(record.number),
        Span(record.result, Style.GOOD if record.result == Result.OK else Style.BAD),
        counted(record),
        record.who,
        record.commit,
        record.command,
    )


def counted(record: Record) -> str:
    """`1 created, 2 updated, 1 run`."""
    words = {"create": "created", "update": "updated", "replace": "replaced", "remove": "removed", "run": "run"}
    counts = counts_document(record.counts)
    return ", ".join(f"{counts[key]} {word}" for key, word in words.items() if counts[key]) or "none"


def record_document(host: str, record: Record) -> dict[str, Any]:
    return {
        "host": host,
        "project": record.project,
        "number": record.number,
        "time": record.time,
        "who": record.who,
        "command": record.command,
        "commit": record.commit,
        "result": record.result,
        "version": record.version,
        "counts": counts_document(record.counts),
        "changes": list(record.changes),
        "moved": _moved(record.moved) if record.moved is not None else None,
    }


def _moved(moved: RecordedMove) -> dict[str, Any]:
    names = [name for name, _ in moved.containers]
    return {"source": moved.source, "target": moved.target, "containers": names, "volumes": list(moved.volumes)}
