"""The result of a run: failures with their causes, then one line per host as in Ansible."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Final

from msgspec.structs import replace

from deployer.model.desired import Address, Kind
from deployer.model.outcome import HostOutcome, Outcome, Status, StepResult
from deployer.model.plan import HostPlan, Plan, Refusal, ResourceChange, Unreachable
from deployer.reporting.columns import align
from deployer.reporting.fields import field_rows
from deployer.reporting.human import SIMULATED, hint_lines, limits, unreachable_lines
from deployer.reporting.lines import ANY, Line, Sheet, Span, Style, line
from deployer.reporting.locks import UNCHANGED, blocked_lines
from deployer.reporting.results import rolled_back
from deployer.reporting.tally import Tally, standing, tally
from deployer.reporting.words import by_number, doing, host_list, plural

_HOST_WIDTH = 26
_BAR = "    | "
_MOST = 12
"""Resources that one line lists."""
_KEYS: Final = tuple(Tally().counts)
_ALWAYS: Final = ("ok", "changed")


def recap_text(outcome: Outcome, sheet: Sheet = ANY) -> list[Line]:
    """All failures, once for hosts with the same ones, and the recap. Hosts that were unreachable while planning are
    not repeated."""
    started = [host.shown or host.plan for host in outcome.hosts]
    left = [host for host in outcome.plan.hosts if host not in started]
    changed = {host.host for host in outcome.hosts if host.done}
    details = _in_common((host.host, partial(_details, host, sheet, changed)) for host in outcome.hosts)
    details += _in_common((host.host, partial(_not_started, host)) for host in left if host.changes)
    tallies = [(host.plan, tally(host)) for host in outcome.hosts]
    tallies += [(host, Tally(skipped=len(host.changes))) for host in left]
    return [*details, *([line()] if details else []), *_recap(tallies, outcome.plan.unreachable, sheet)]


def _in_common(found: Iterable[tuple[str, Callable[[str], Iterable[Line]]]]) -> list[Line]:
    """The lines of each host, by a function of the name to show; equal lines once for all their hosts."""
    alike: dict[tuple[Line, ...], list[tuple[str, Callable[[str], Iterable[Line]]]]] = {}
    for host, lines in found:
        alike.setdefault(tuple(lines("")), []).append((host, lines))
    named = ((host_list(sorted({host for host, _ in same}, key=by_number)), same[0][1]) for same in alike.values())
    return [shown for name, lines in named for shown in lines(name)]


def check_recap(plan: Plan, sheet: Sheet = ANY) -> list[Line]:
    """The recap of a dry run: what would change."""
    tallies = [
        (host, Tally(changed=0 if host.refusals else len(host.changes), refused=len(host.refusals)))
        for host in plan.hosts
    ]
    return _recap(tallies, plan.unreachable, sheet)


def _recap(tallies: Iterable[tuple[HostPlan, Tally]], unreachable: Iterable[Unreachable], sheet: Sheet) -> list[Line]:
    """Hosts by name, with the plays of a host added up. Counts of zero are left out if the lines are too long."""
    total: dict[str, Tally] = {}
    for host, found in tallies:
        name = host.host + (SIMULATED if host.simulated else "")
        total[name] = total.get(name, Tally()) + found
    for lost in unreachable:
        total[lost.host] = total.get(lost.host, Tally()) + Tally(unreachable=1)
    names, column = sorted(total, key=by_number), max((_HOST_WIDTH, *map(len, total)))
    lines = [_recap_line(name, total[name], column) for name in names]
    if sheet.width and any(len(str(found)) > sheet.width for found in lines):
        lines = [_recap_line(name, total[name], column, kept=_ALWAYS) for name in names]
    return [line(Span("RECAP", Style.TITLE)), *lines]


def _recap_line(name: str, found: Tally, width: int, kept: Collection[str] = _KEYS) -> Line:
    """`kept`: the counts that are shown even if they are zero."""
    styles = {"ok": Style.GOOD, "changed": Style.CHANGED}
    spans: list[Span] = []
    for key, value in found.counts.items():
        if value or key in kept:
            style = styles.get(key, Style.BAD) if value else Style.PLAIN
            spans += [Span(f"{key}={value}", style), Span(" " * max(1, 5 - len(str(value))))]
    return line(Span(f"{name:<{width}}", _style(found)), " : ", *spans)


def _style(found: Tally) -> Style:
    if found.unreachable or found.failed or found.refused or found.rolledback or found.skipped:
        return Style.BAD
    return Style.CHANGED if found.changed else Style.GOOD


def _details(host: HostOutcome, sheet: Sheet, changed: Collection[str], name: str) -> Iterator[Line]:
    """`name` is shown for the host; `changed`: hosts on which a play was applied."""
    unchanged = f"the play of {host.plan.project} was not applied" if host.host in changed else UNCHANGED
    for result in host.failed:
        yield from _failure(result, name)
    for result in host.results:
        yield from (line(Span(f"{_of(result.step.address, name)}: {text}", Style.WARNING)) for text in result.warnings)
    yield from _rolled_back(host, name)
    for change in host.remaining:
        yield from _remaining(change, name, sheet)
    if host.unreachable is not None:
        yield from unreachable_lines(replace(host.unreachable, host=name))
    if host.refused:
        why = "; ".join(_refusal(found) for found in host.plan.refusals)
        yield line(Span(f"{name}: {unchanged}: {why}", Style.BAD))
    yield from blocked_lines(host, name, unchanged)
    skipped = sum(result.status is Status.SKIPPED for result in host.results)
    if host.interrupted:
        left = f" with {plural(skipped, 'step')} left" if skipped else ""
        yield line(Span(f"{name}: interrupted{left}; the next run continues from here", Style.WARNING))
    yield from _left(host, name)


def _refusal(found: Refusal) -> str:
    return found.summary if found.address.is_whole else f"{found.address.label}: {found.summary}"


def _of(address: Address, name: str) -> str:
    return f"{name}/{address.label}"


def _left(host: HostOutcome, name: str) -> Iterator[Line]:
    """Which resources were skipped, and why."""
    found = standing(host)
    if not found.left:
        return
    if host.interrupted:
        why = "the run was interrupted"
    elif host.unreachable is not None or host.blocked is not None:
        why = "the connection to the host was lost"
    else:
        why = f"{_labels(found.failed)} failed" if found.failed else "the host was rolled back"
    yield line(Span(f"{name}: skipped, because {why}: {_labels(found.left, found.partial)}", Style.WARNING))


def _labels(addresses: Iterable[Address], partial: Collection[Address] = ()) -> str:
    found = (f"{each.label}{' (changed in part)' if each in partial else ''}" for each in sorted(addresses))
    first, more = [*islice(found, _MOST)], len([*found])
    return ", ".join(first) + (f" and {more} more" if more else "")


def _not_started(host: HostPlan, name: str) -> Iterator[Line]:
    """A host whose batch never started: the run was stopped, too many hosts had failed, or the host had failed
    before."""
    what = plural(len(host.changes), "change")
    yield line(Span(f"{name}: {what} of {host.project} not started: the run ended first", Style.BAD))


def _failure(result: StepResult, name: str) -> Iterator[Line]:
    step = result.step
    first, *more = result.error.splitlines() or ["no reason was given"]
    yield line(Span(f"{_of(step.address, name)}: {doing(step)} failed: {first}", Style.BAD))
    yield from (line(f"    {text}") for text in more)
    yield from hint_lines(result.hint, "  ")
    if result.log.strip():
        yield line("  last log lines:")
        yield from (line(Span(f"{_BAR}{text}", Style.MUTED)) for text in result.log.rstrip().splitlines())


def _rolled_back(host: HostOutcome, name: str) -> Iterator[Line]:
    """What was rolled back. A resource with a step that could not be rolled back is not reported as restored."""
    stuck = {result.step.address for result in host.results if result.stuck}
    undone = host.rolled_back
    for result in host.results if undone else ():
        if result.step.lasting and result.status is Status.DONE:
            yield line(Span(f"{_of(result.step.address, name)}: has run, and is not rolled back", Style.WARNING))
    if host.restored and not stuck:
        yield line(Span(f"{name}: rolled back {host.restored} to the state before this run", Style.WARNING))
        return
    for address in undone:
        words = "only partly rolled back" if address in stuck else "rolled back to the state before this run"
        words = rolled_back(host, address) if address.kind is Kind.JOB else words
        yield line(Span(f"{_of(address, name)}: {words}", Style.WARNING))


def _remaining(change: ResourceChange, name: str, sheet: Sheet) -> Iterator[Line]:
    reason = f": {change.reason}" if change.reason and not change.diffs else ""
    yield line(Span(f"{_of(change.address, name)}: did not converge{reason}", Style.BAD))
    yield from align(tuple(field_rows(change.diffs, sheet=sheet)), limits(sheet))
