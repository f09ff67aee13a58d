"""Records of runs as people read them, and as documents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from deployer.model.history import Record, Result, counts_document
from deployer.reporting.columns import table
from deployer.reporting.lines import Line, Span, Style, line
from deployer.reporting.locks import moment_words

_HEADER: Final = ("TIME", "HOST", "PROJECT", "RUN", "RESULT", "CHANGES", "WHO", "COMMIT", "COMMAND")


def history_lines(records: Iterable[tuple[str, Record]], *, changes: bool) -> list[Line]:
    """One line per record; `changes` adds the changes of each."""
    records = list(records)
    if not records:
        return [line("No runs are recorded.")]
    head, *rows = table(_HEADER, [_cells(host, record) for host, record in records])
    lines = [head]
    for row, (_, record) in zip(rows, records, strict=True):
        lines.append(row)
        lines += [line(Span(f"    {change}", Style.MUTED)) for change in record.changes] if changes else []
    return lines


def _cells(host: str, record: Record) -> tuple[str | Span, ...]:
    return (
        moment_words(record.time),
        host,
        record.project,
        str(record.number),
        Span(record.result, Style.GOOD if record.result == Result.OK else Style.BAD),
        counted(record),
        record.who,
        record.commit or "-",
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
    }
