"""The plan as text: one block per set of hosts with the same changes, and a summary.

`plan_text` is pure. Symbols and words carry every meaning; styles only repeat it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from deployer.model.plan import Action, HostPlan, Moved, Plan, PlayPlan, Refusal, ResourceChange, Unreachable
from deployer.model.removals import Removals, outnumbering
from deployer.reporting.columns import Row, align
from deployer.reporting.fields import INDENT, declared_rows, field_rows
from deployer.reporting.lines import ANY, Line, Sheet, Span, Style, line
from deployer.reporting.words import by_number, host_list, plural, size

LIMITS = (48, 72)
"""Maximum widths of aligned cells: names, values."""


def limits(sheet: Sheet) -> tuple[int, int]:
    """Those of a sheet."""
    names, values = LIMITS
    return (min(names, sheet.width // 2), min(values, sheet.width // 3)) if sheet.width else LIMITS


STYLES = {
    Action.CREATE: Style.CREATE,
    Action.UPDATE: Style.UPDATE,
    Action.REPLACE_STOP_FIRST: Style.REPLACE,
    Action.REPLACE_START_FIRST: Style.REPLACE,
    Action.REMOVE: Style.REMOVE,
    Action.START: Style.UPDATE,
    Action.STOP: Style.UPDATE,
    Action.RUN: Style.CREATE,
}
REFUSED = "!"
SIMULATED = " (simulated)"
NOT_KEPT = (
    "not kept: access control lists, extended attributes except capabilities, holes of sparse files and fractions of "
    "seconds"
)


def plan_text(plan: Plan, *, steps: bool = False, sheet: Sheet = ANY) -> list[Line]:
    """The whole plan; `steps` adds the fields of new objects and the operations of each host."""
    several = len(plan.plays) > 1
    lines: list[Line] = [line(Span(removals_warning(found), Style.BAD)) for found in outnumbering(plan)]
    for play in plan.plays:
        if several:
            lines.append(line(Span(f"Play: {play.name or play.project}", Style.TITLE)))
        lines += _play(play, steps=steps, sheet=sheet)
    for host in plan.unreachable:
        lines += unreachable_lines(host)
    return [*lines, *summary(plan)]


def removals_warning(found: Removals) -> str:
    removed, declared = plural(found.undeclared, "resource"), found.declared or "none"
    return (
        f"warning: {removed} of project {found.project} would be removed that this run does not declare; it declares "
        f"{declared}. Another playbook file may declare them."
    )


def summary(plan: Plan) -> list[Line]:
    """`Plan: 2 to create, 1 to update, 1 to replace, 0 to remove on 2 hosts.`"""
    counts = plan.counts
    changes = (
        f"{counts.create} to create, {counts.update} to update, {counts.replace} to replace, {counts.remove} to remove"
        + (f", {plural(counts.run, 'job')} to run" if counts.run else "")
    )
    text = f"Plan: {changes if counts.total else 'no changes'} on {_hosts(plan)}"
    refused = sum(1 for _ in plan.refusals)
    blocked = dict.fromkeys(host.host for host in plan.hosts if host.refusals)
    partly = any(host.host in blocked and not host.refusals and host.steps for host in plan.hosts)
    what = "that play is not applied" if partly else "nothing is changed"
    further = [f"{refused} refused, so {what} on {host_list(blocked)}"] if refused else []
    if plan.unreachable:
        further.append(f"{plural(len(plan.unreachable), 'host')} unreachable")
    return [line(Span("; ".join([text, *further]) + ".", Style.TITLE))]


def unreachable_lines(host: Unreachable) -> list[Line]:
    first, *more = host.message.splitlines() or [""]
    lines = [line(Span(f"{host.host}: unreachable: {first}", Style.BAD)), *(line(f"  {text}") for text in more)]
    return lines + hint_lines(host.hint, "  ")


def hint_lines(hint: str, indent: str) -> list[Line]:
    return [line(f"{indent}{'hint: ' if not n else '      '}{text}") for n, text in enumerate(hint.splitlines())]


def error_lines(message: str, hint: str = "") -> list[Line]:
    """The error that ended a run, and the next step."""
    first, *more = message.splitlines() or [""]
    return [line(Span("error: ", Style.BAD), first), *(line(f"  {text}") for text in more), *hint_lines(hint, "  ")]


def refusal_rows(refusal: Refusal, sheet: Sheet = ANY) -> Iterator[Row]:
    place = refusal.origin.short if refusal.origin is not None else ""
    cells = (Span(_name(refusal)), Span(f"refused: {refusal.summary}", Style.BAD), Span(place, Style.MUTED))
    yield Row(cells, _lead(REFUSED, Style.BAD))
    yield from field_rows(refusal.diffs, sheet=sheet)
    for number, text in enumerate(refusal.hint.splitlines()):
        yield Row((Span(f"{'hint: ' if not number else '      '}{text}"),), (Span(INDENT),))


def _hosts(plan: Plan) -> str:
    hosts = {host.host: host.simulated for host in plan.hosts}
    simulated = sum(hosts.values())
    text = plural(len(hosts), "host")
    if not simulated:
        return text
    return f"{text} (simulated)" if simulated == len(hosts) else f"{text} ({simulated} simulated)"


class _Block(Struct, frozen=True):
    """Hosts of a play with the same changes, by name. `sample` is one of them."""

    sample: HostPlan
    hosts: tuple[str, ...]


def _play(play: PlayPlan, *, steps: bool, sheet: Sheet) -> Iterator[Line]:
    if play.once is not None and play.once.jobs and len(play.batches) > 1:
        jobs = f"{'job' if len(play.once.jobs) == 1 else 'jobs'} {', '.join(play.once.jobs)}"
        what = f"{jobs} on {play.once.host} first, once for all hosts; if it fails, nothing else starts"
        yield line(f"{play.project}: {what}")
    if len(play.batches) > 1:
        order = ", then ".join(host_list(batch) for batch in play.batches)
        yield line(f"{play.project}: in {len(play.batches)} batches: {order}")
    for block in _blocks(play.hosts, steps=steps):
        yield from _block(block, steps=steps, sheet=sheet)


def _blocks(hosts: Iterable[HostPlan], *, steps: bool) -> list[_Block]:
    found: dict[Hashable, list[HostPlan]] = {}
    for host in hosts:
        found.setdefault(_likeness(host, steps=steps), []).append(host)
    return [_Block(same[0], tuple(sorted((h.host for h in same), key=by_number))) for same in found.values()]


def _likeness(host: HostPlan, *, steps: bool) -> Hashable:
    """Equal for hosts with the same text."""
    return (
        host.project,
        host.simulated,
        host.notes,
        tuple(_without_host(change, fields=steps) for change in host.changes),
        tuple(replace(refusal, address=replace(refusal.address, host="")) for refusal in host.refusals),
        host.moved,
        str(host) if steps else "",
    )


def _without_host(change: ResourceChange, *, fields: bool) -> ResourceChange:
    return replace(change, address=replace(change.address, host=""), declared=change.declared if fields else ())


def _block(block: _Block, *, steps: bool, sheet: Sheet) -> Iterator[Line]:
    host = block.sample
    marker = SIMULATED if host.simulated else ""
    empty = not host.changes and not host.refusals
    title = Span(f"{host.project} on {host_list(block.hosts)}{marker}", Style.TITLE)
    yield line(title, ": no changes") if empty else line(title)
    rows = [row for change in host.changes for row in _change_rows(change, sheet, declared=steps)]
    rows += [row for refusal in host.refusals for row in refusal_rows(refusal, sheet)]
    yield from align(rows, limits(sheet))
    if host.moved is not None:
        yield line(f"  from {host.moved.source}:")
        yield from (line(f"    {text}") for text in moved_words(host.moved))
    if host.changes and host.refusals:
        yield line(Span("  none of these changes are made while something is refused", Style.BAD))
    yield from (line(f"  note: {note}") for note in host.notes)
    if steps and host.steps:
        yield line("  steps:")
        yield from (line(Span(f"    {step}", Style.MUTED)) for step in host.steps)


def moved_words(moved: Moved) -> Iterator[str]:
    """What happens on the host from which containers come."""
    yield f"containers stopped there, and kept: {', '.join(moved.names)}"
    if moved.begun:
        yield "a run that moved them was killed: what it stopped there runs again if this run fails"
    if moved.volumes:
        each = (
            f"{found.name} ({size(found.size)})" if found.size is not None else found.name for found in moved.volumes
        )
        twice = ", first while they are in use, then what changed" if moved.exact else ""
        yield f"volumes copied{twice}: {', '.join(each)}"
        if not moved.exact:
            yield f"{NOT_KEPT}; exact keeps them"
    if moved.uncopied:
        yield f"not copied: {', '.join(moved.uncopied)}"


def _change_rows(change: ResourceChange, sheet: Sheet, *, declared: bool) -> Iterator[Row]:
    style = STYLES[change.action]
    undeclared = change.action is Action.REMOVE and change.origin is not None and not change.origin.line
    place = change.origin.short if change.origin is not None and not undeclared else ""
    what = _what(change)
    if not what and place:
        what, place = f"declared at {place}", ""
    shown = "" if change.diffs else place
    cells = (Span(_name(change)), Span(what), Span(shown, Style.MUTED))
    yield Row(cells, _lead(str(change.action), style))
    yield from field_rows(change.diffs, mark=change.action.replaces, sheet=sheet)
    yield from declared_rows(change.declared) if declared else ()


def _what(change: ResourceChange) -> str:
    """The reason, after the action if symbol and reason do not imply it."""
    match change.action:
        case Action.CREATE | Action.UPDATE | Action.RUN:
            return change.reason
        case Action.REPLACE_STOP_FIRST | Action.REPLACE_START_FIRST:
            return ", ".join(filter(None, ("replace", change.reason)))
        case Action.REMOVE | Action.START | Action.STOP:
            return ": ".join(filter(None, (change.action.name.lower(), change.reason)))


def _name(found: ResourceChange | Refusal) -> str:
    return "everything" if found.address.is_whole else f"{found.address.kind} {found.address.name}"


def _lead(symbol: str, style: Style) -> tuple[Span, ...]:
    return (Span("  "), Span(symbol, style), Span(" " * (5 - len(symbol))))
