"""The result of a run: failures with their causes, then one line per host as in Ansible."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deployer.model.desired import Kind
from deployer.model.outcome import HostOutcome, Outcome, Status, StepResult
from deployer.model.plan import HostPlan, Plan, ResourceChange, Unreachable
from deployer.reporting.columns import align
from deployer.reporting.fields import field_rows
from deployer.reporting.human import LIMITS, SIMULATED, hint_lines, unreachable_lines
from deployer.reporting.lines import Line, Span, Style, line
from deployer.reporting.locks import blocked_lines
from deployer.reporting.results import rolled_back
from deployer.reporting.tally import Tally, tally
from deployer.reporting.words import by_number, doing, plural

_HOST_WIDTH = 26
_BAR = "    | "


def recap_text(outcome: Outcome) -> list[Line]:
    """All failures, host by host, and the recap."""
    begun = [host.shown or host.plan for host in outcome.hosts]
    left = [host for host in outcome.plan.hosts if host not in begun]
    details = [found for host in outcome.hosts for found in _details(host)]
    details += [_not_begun(host) for host in left if host.changes]
    details += [found for host in outcome.plan.unreachable for found in unreachable_lines(host)]
    tallies = [(host.plan, tally(host)) for host in outcome.hosts]
    tallies += [(host, Tally(skipped=len(host.changes))) for host in left]
    return [*details, *([line()] if details else []), *_recap(tallies, outcome.plan.unreachable)]


def check_recap(plan: Plan) -> list[Line]:
    """The recap of a dry run: what would change."""
    tallies = [
        (host, Tally(changed=0 if host.refusals else len(host.changes), refused=len(host.refusals)))
        for host in plan.hosts
    ]
    return _recap(tallies, plan.unreachable)


def _recap(tallies: Iterable[tuple[HostPlan, Tally]], unreachable: Iterable[Unreachable]) -> list[Line]:
    """Hosts by name; plays of one host added up."""
    total: dict[str, Tally] = {}
    for host, found in tallies:
        name = host.host + (SIMULATED if host.simulated else "")
        total[name] = total.get(name, Tally()) + found
    for lost in unreachable:
        total[lost.host] = total.get(lost.host, Tally()) + Tally(unreachable=1)
    width = max((_HOST_WIDTH, *map(len, total)))
    return [
        line(Span("RECAP", Style.TITLE)),
        *(_recap_line(name, total[name], width) for name in sorted(total, key=by_number)),
    ]


def _recap_line(name: str, found: Tally, width: int) -> Line:
    styles = {"ok": Style.GOOD, "changed": Style.CHANGED}
    spans: list[Span] = []
    for key, value in found.counts.items():
        style = styles.get(key, Style.BAD) if value else Style.PLAIN
        spans += [Span(f"{key}={value}", style), Span(" " * max(1, 5 - len(str(value))))]
    return line(Span(f"{name:<{width}}", _style(found)), " : ", *spans)


def _style(found: Tally) -> Style:
    if found.unreachable or found.failed or found.refused or found.rolledback or found.skipped:
        return Style.BAD
    return Style.CHANGED if found.changed else Style.GOOD


def _details(host: HostOutcome) -> Iterator[Line]:
    for result in host.results:
        if result.status is Status.FAILED:
            yield from _failure(result)
        yield from (line(Span(f"{result.step.address}: {text}", Style.WARNING)) for text in result.warnings)
    yield from _rolled_back(host)
    for change in host.remaining:
        yield from _remaining(change)
    if host.unreachable is not None:
        yield from unreachable_lines(host.unreachable)
    if host.refused:
        yield line(Span(f"{host.host}: nothing was changed: {_refusals(host.plan)}", Style.BAD))
    yield from blocked_lines(host)
    skipped = sum(result.status is Status.SKIPPED for result in host.results)
    if host.interrupted:
        left = f" with {plural(skipped, 'step')} left" if skipped else ""
        yield line(Span(f"{host.host}: interrupted{left}; the next run continues from here", Style.WARNING))


def _not_begun(host: HostPlan) -> Line:
    """A host whose batch never started: the run was stopped, too many hosts had failed, or the host had failed
    before."""
    what = plural(len(host.changes), "change")
    return line(Span(f"{host.host}: {what} of {host.project} not started: the run ended first", Style.BAD))


def _failure(result: StepResult) -> Iterator[Line]:
    step = result.step
    first, *more = result.error.splitlines() or ["no reason was given"]
    yield line(Span(f"{step.address}: {doing(step)} failed: {first}", Style.BAD))
    yield from (line(f"    {text}") for text in more)
    yield from hint_lines(result.hint, "  ")
    if result.log.strip():
        yield line("  last log lines:")
        yield from (line(Span(f"{_BAR}{text}", Style.MUTED)) for text in result.log.rstrip().splitlines())


def _rolled_back(host: HostOutcome) -> Iterator[Line]:
    """What was rolled back. Resources with a step that could not be rolled back are not claimed to be as before."""
    stuck = {result.step.address for result in host.results if result.stuck}
    undone = host.rolled_back
    for result in host.results if undone else ():
        if result.step.lasting and result.status is Status.DONE:
            yield line(Span(f"{result.step.address}: has run, and is not rolled back", Style.WARNING))
    if host.restored and not stuck:
        yield line(Span(f"{host.host}: rolled back {host.restored} to the state before this run", Style.WARNING))
        return
    for address in undone:
        if address.kind is Kind.JOB:
            yield line(Span(f"{address}: {rolled_back(host, address)}", Style.WARNING))
            continue
        words = "only partly rolled back" if address in stuck else "rolled back to the state before this run"
        yield line(Span(f"{address}: {words}", Style.WARNING))


def _remaining(change: ResourceChange) -> Iterator[Line]:
    reason = f": {change.reason}" if change.reason and not change.diffs else ""
    yield line(Span(f"{change.address}: did not converge{reason}", Style.BAD))
    yield from align(tuple(field_rows(change.diffs)), LIMITS)


def _refusals(plan: HostPlan) -> str:
    return "; ".join(f"{found.address.label}: {found.summary}" for found in plan.refusals)
