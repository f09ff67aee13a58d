"""Lines of progress while a plan is applied, for logs and for terminals: one per resource, or one per step."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from msgspec import Struct

from deployer.model.desired import Address
from deployer.model.outcome import (
    BuildProgress,
    Cut,
    HostEnded,
    HostOutcome,
    HostStarted,
    Notice,
    PullProgress,
    Status,
    StepEnded,
    StepResult,
    StepStarted,
    Waiting,
)
from deployer.model.plan import HostPlan, Phase
from deployer.reporting.lines import Line, Span, Style, line
from deployer.reporting.locks import waiting_words
from deployer.reporting.pulls import Milestones
from deployer.reporting.results import happened, rolled_back
from deployer.reporting.words import doing, done, named, seconds, size, subject
from deployer.values import image


class Lines(Protocol):
    """Turns events into lines; safe to call from several threads."""

    def of(self, event: object) -> list[Line]: ...


class PlainProgress:
    """Writes the lines of each event. `write` takes one line and is called from several threads at once."""

    def __init__(self, lines: Lines, write: Callable[[Line], object]) -> None:
        self._lines = lines
        self._write = write

    def emit(self, event: object) -> None:
        for found in self._lines.of(event):
            self._write(found)


class StepLines:
    """A line for each finished step, for each started wait, and periodically for pulls."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._width = host_width(hosts)
        self._pulls = Milestones()

    def of(self, event: object) -> list[Line]:
        match event:
            case StepStarted(host, step) if step.operation.waits:
                return [host_line(host, self._width, Span(f"{subject(step)}: {doing(step)}", Style.MUTED))]
            case PullProgress(host, reference) if self._pulls.passed(event):
                return [host_line(host, self._width, Span(f"{reference}: {pulled(event)}", Style.MUTED))]
            case BuildProgress(host, reference, instruction, 0):
                text = f"image {image.familiar(reference)}: {instruction}"
                return [host_line(host, self._width, Span(text, Style.MUTED))]
            case StepEnded(host, result):
                return [host_line(host, self._width, _step(result))]
            case _:
                return list(_about_the_host(event, self._width))


class _Host(Struct):
    """`started`: when the first step of a resource started. `open`: the numbers of its steps that have not ended."""

    plan: HostPlan
    open: dict[Address, set[int]]
    started: dict[Address, float]


class ResourceLines:
    """A line for each resource that is as planned, failed or was rolled back; the recap says why it failed. With
    `quiet`, only failures and rollbacks. A replaced container counts as replaced when the new one is in place; the old
    one may be removed later."""

    def __init__(self, hosts: Iterable[str], *, quiet: bool = False, now: Callable[[], float] = time.monotonic) -> None:
        self._width = host_width(hosts)
        self._quiet = quiet
        self._now = now
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    def of(self, event: object) -> list[Line]:
        with self._lock:
            return list(self._of(event))

    def _of(self, event: object) -> Iterator[Line]:
        match event:
            case HostStarted(plan):
                self._hosts[plan.host] = _Host(plan, _effective_steps(plan), {})
            case StepStarted(host, step) if host in self._hosts:
                self._hosts[host].started.setdefault(step.address, self._now())
            case StepEnded(host, result) if host in self._hosts:
                yield from self._ended(self._hosts[host], result)
            case HostEnded(outcome):
                self._hosts.pop(outcome.host, None)
                yield from (self._rolled_back(outcome, address) for address in outcome.rolled_back)
                yield from _about_the_host(event, self._width)
            case _:
                yield from _about_the_host(event, self._width)

    def _ended(self, host: _Host, result: StepResult) -> Iterator[Line]:
        step, name = result.step, host.plan.host
        if result.status is Status.FAILED and not result.stuck:
            took = seconds(self._now() - host.started.get(step.address, self._now()))
            yield host_line(name, self._width, _not_done(result, f" ({took})"))
        if result.status is not Status.DONE or step.number not in host.open.get(step.address, ()):
            return
        host.open[step.address].discard(step.number)
        if not host.open[step.address] and not self._quiet:
            took = seconds(self._now() - host.started.get(step.address, self._now()))
            yield host_line(name, self._width, Span(f"{subject(step)}: {happened(host.plan, step)} ({took})"))

    def _rolled_back(self, outcome: HostOutcome, address: Address) -> Line:
        text = f"{named(address)}: {rolled_back(outcome, address)}"
        return host_line(outcome.host, self._width, Span(text, Style.WARNING))


def _effective_steps(plan: HostPlan) -> dict[Address, set[int]]:
    """The steps of each resource after which it is as planned: those of the first phase, if it has any."""
    found: dict[Address, set[int]] = {}
    for phase in (Phase.CHANGE, Phase.COMMIT):
        known = set(found)
        for step in plan.steps:
            if step.phase is phase and step.address not in known:
                found.setdefault(step.address, set()).add(step.number)
    return found


def host_width(hosts: Iterable[str]) -> int:
    return max(map(len, hosts), default=0)


def host_line(host: str, width: int, *parts: Span) -> Line:
    return line(f"{host:<{width}}  ", *parts)


def _about_the_host(event: object, width: int) -> Iterator[Line]:
    match event:
        case Waiting(host, holder):
            yield host_line(host, width, Span(waiting_words(holder), Style.WARNING))
        case Notice(host, text):
            yield host_line(host, width, Span(text, Style.WARNING))
        case HostEnded(outcome) if outcome.unreachable is not None:
            yield host_line(outcome.host, width, Span("unreachable", Style.BAD))


def built(event: BuildProgress) -> str:
    return f"{size(event.sent)} sent" if event.sent else event.doing


def pulled(event: PullProgress) -> str:
    amount = f"{size(event.current)} of {size(event.total)}" if event.total else size(event.current)
    return f"reading from {event.reading} {amount}" if event.reading else amount


def _step(result: StepResult) -> Span:
    step = result.step
    name = subject(step)
    match result.status:
        case Status.DONE:
            return Span(f"{name}: {done(step)} ({seconds(result.seconds)})")
        case Status.UNDONE:
            return Span(f"{name}: rolled back: {done(step)}", Style.WARNING)
        case Status.SKIPPED:
            return Span(f"{name}: skipped: {doing(step)}", Style.MUTED)
        case Status.FAILED:
            return _not_done(result)


def _not_done(result: StepResult, took: str = "") -> Span:
    text = f"{subject(result.step)}: {doing(result.step)}"
    if result.cut is Cut.STOPPED:
        return Span(f"{text} interrupted{took}", Style.WARNING)
    return Span(f"{text} failed{took}", Style.BAD)
