"""What `volume backup`, `restore` and `migrate` are about to do and have done, as text and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from deployer.reporting.columns import table
from deployer.reporting.human import NOT_KEPT, SIMULATED, hint_lines
from deployer.reporting.json_plan import FORMAT_VERSION
from deployer.reporting.lines import Line, Sheet, Span, Style, line
from deployer.reporting.locks import moment_words
from deployer.reporting.rows import marked
from deployer.reporting.words import plural, size

_LOST: Final = f"{NOT_KEPT}; --exact keeps them"
_DONE: Final = {"stop": "stopped while its data is copied", "pause": "paused while its data is copied"}


def plan_lines(source: str, target: str, sides: Iterable[Any], *, loses: bool) -> list[Line]:
    """`sides`: the volumes on hosts; `loses`: something of the source is not kept."""
    sides = tuple(sides)
    marker = SIMULATED if any(side.simulated for side in sides) else ""
    lines = [line(Span(f"{source} → {target}{marker}", Style.TITLE))]
    lines += [found for side in sides for found in _side_lines(side)]
    return [*lines, line(f"  {_LOST}")] if loses else lines


def _side_lines(side: Any) -> Iterator[Line]:
    for member in side.members:
        yield line(f"  {side.place.host}: container {member.name} is {_DONE[side.quiet]}")
    busy = [row.name for row in side.users if row.state == "running"]
    if side.quiet == "live" and busy:
        text = f"  {side.place.host}: {', '.join(busy)} may write while the data is read: it may not be consistent"
        yield line(Span(text, Style.WARNING))
    for path in side.kept:
        text = f"  {side.place}: a run did not end that replaced its content; what was there before is in {path}"
        yield line(Span(text, Style.WARNING))
    if side.stopped_before:
        yield line(f"  {side.place.host}: {plural(len(side.stopped_before), 'container')} of a killed run is started")


def affected(sides: Iterable[Any]) -> int:
    """Containers that are stopped or paused."""
    return sum(len(side.members) for side in sides)


def said_lines(said: Any) -> list[Line]:
    if not said.failed:
        return [line(f"{said.host}  {said.text}")]
    return [line(f"{said.host}  ", Span(said.text, Style.BAD)), *hint_lines(said.hint, "  ")]


def progress_line(place: str, done: int) -> Line:
    return line(Span(f"{place}: {size(done)} read", Style.MUTED))


def done_lines(source: str, target: str, total: Any, stored: int | None) -> list[Line]:
    """`stored`: bytes of the file, where one was written."""
    packed = f", {size(stored)} compressed" if stored is not None else ""
    return [line(f"{source} → {target}: {size(total.size)}{packed}, sha256 {total.sha256}")]


def volume_document(action: str, source: str, target: str, total: Any, said: Iterable[Any]) -> dict[str, Any]:
    """`total` None: only what would be done."""
    return {
        "format_version": FORMAT_VERSION,
        "type": "volume",
        "action": action,
        "source": source,
        "target": target,
        "size": total.size if total is not None else None,
        "sha256": total.sha256 if total is not None else "",
        "steps": [msgspec.to_builtins(each) for each in said],
    }


def declared_lines(wanted: Sequence[Any], *, sheet: Sheet) -> list[Line]:
    cells = [
        (
            str(each.place),
            str(each.target),
            str(each.policy.keep or "all"),
            _DECLARED[each.policy.containers],
            each.policy.schedule_hint,
        )
        for each in wanted
    ]
    header, rows = marked(("VOLUME", "TO", "KEEP", "CONTAINERS", "SCHEDULE"), wanted, cells)
    return table(header, rows, sheet=sheet, cut=("TO",))


_DECLARED: Final = {"stop": "are stopped", "pause": "are paused", "live": "keep running"}


def made_lines(made: Any) -> list[Line]:
    if made.problem:
        return [line(Span(f"{made.place}: failed: {made.problem}", Style.BAD)), *hint_lines(made.hint, "  ")]
    return [
        line(f"{made.place} → {made.file}: {size(made.total.size)}{SIMULATED if made.simulated else ''}"),
        *(line(f"  removed: {each}") for each in made.removed),
    ]


def stored_table(found: Iterable[Any], *, sheet: Sheet) -> list[Line]:
    rows = [
        (each.host, each.volume, moment_words(each.made), size(each.data), size(each.size), each.file)
        if not each.problem
        else ("", "", "", "", "", f"{each.file} {each.problem}")
        for each in found
    ]
    return table(("HOST", "VOLUME", "MADE", "DATA", "STORED", "FILE"), rows, sheet=sheet)


def backups_document(kind: str, found: Iterable[Any]) -> dict[str, Any]:
    """Of `backup run` and `backup list`."""
    return {"format_version": FORMAT_VERSION, "type": kind, "backups": [msgspec.to_builtins(each) for each in found]}


def snapshot_lines(pairs: Iterable[tuple[str, str]], sides: Iterable[Any], *, loses: bool) -> list[Line]:
    sides = tuple(sides)
    lines = [
        line(Span(f"{source} → {target}{SIMULATED if side.simulated else ''}", Style.TITLE))
        for (source, target), side in zip(pairs, sides, strict=True)
    ]
    lines += [found for side in sides for found in _side_lines(side)]
    return [*lines, line(f"  {_LOST}")] if loses else lines


def snapshot_ended(folder: str, volumes: int, *, restored: bool) -> list[Line]:
    how = "restored from" if restored else "saved in"
    return [line(f"{plural(volumes, 'volume')} {how} {folder}")]


def snapshot_document(folder: str, manifest: Any = None) -> dict[str, Any]:
    """`manifest` None: nothing was saved."""
    found = msgspec.to_builtins(manifest) if manifest is not None else {}
    return {"format_version": FORMAT_VERSION, "type": "snapshot", "folder": folder, **found}


def snapshots_document(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {"format_version": FORMAT_VERSION, "type": "snapshots", "snapshots": found}


def snapshots_table(found: Iterable[tuple[str, Any]], *, sheet: Sheet) -> list[Line]:
    rows = [
        (
            moment_words(each.made),
            each.who,
            str(len(each.volumes)),
            size(sum(volume.size for volume in each.volumes)),
            folder,
        )
        for folder, each in found
    ]
    return table(("MADE", "WHO", "VOLUMES", "DATA", "SNAPSHOT"), rows, sheet=sheet)
