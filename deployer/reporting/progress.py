"""Lines of progress while a plan is applied, for logs and for terminals that cannot be redrawn."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from deployer.model.outcome import HostEnded, Notice, PullProgress, Status, StepEnded, StepResult, StepStarted, Waiting
from deployer.reporting.lines import Line, Span, Style, line
from deployer.reporting.locks import waiting_words
from deployer.reporting.pulls import Milestones
from deployer.reporting.words import doing, done, seconds, size, subject


class PlainProgress:
    """Writes a line for each finished step, for each started wait, and periodically for pulls.

    `write` takes one line and is called from several threads at once.
    """

    def __init__(self, hosts: Iterable[str], write: Callable[[Line], object]) -> None:
        self._width = host_width(hosts)
        self._write = write
        self._pulls = Milestones()

    def emit(self, event: object) -> None:
        found = self._line(event)
        if found is not None:
            self._write(found)

    def _line(self, event: object) -> Line | None:
        match event:
            case StepStarted(host, step) if step.operation.waits:
                return host_line(host, self._width, Span(f"{subject(step)}: {doing(step)}", Style.MUTED))
            case PullProgress(host, reference) if self._pulls.passed(event):
                return host_line(host, self._width, Span(f"{reference}: {pulled(event)}", Style.MUTED))
            case _:
                return ended_line(event, self._width)


def host_width(hosts: Iterable[str]) -> int:
    return max(map(len, hosts), default=0)


def host_line(host: str, width: int, *parts: Span) -> Line:
    return line(f"{host:<{width}}  ", *parts)


def ended_line(event: object, width: int) -> Line | None:
    """The line for a finished step or host and for waiting, on terminals and in logs."""
    match event:
        case StepEnded(host, result):
            return host_line(host, width, _result(result))
        case Waiting(host, holder):
            return host_line(host, width, Span(waiting_words(holder), Style.WARNING))
        case Notice(host, text):
            return host_line(host, width, Span(text, Style.WARNING))
        case HostEnded(outcome) if outcome.unreachable is not None:
            return host_line(outcome.host, width, Span(f"unreachable: {outcome.unreachable.message}", Style.BAD))
        case _:
            return None


def pulled(event: PullProgress) -> str:
    return f"{size(event.current)} of {size(event.total)}" if event.total else size(event.current)


def _result(result: StepResult) -> Span:
    step = result.step
    match result.status:
        case Status.DONE:
            return Span(f"{subject(step)}: {done(step)} ({seconds(result.seconds)})")
        case Status.UNDONE:
            return Span(f"{subject(step)}: rolled back: {done(step)}", Style.WARNING)
        case Status.SKIPPED:
            return Span(f"{subject(step)}: skipped: {doing(step)}", Style.MUTED)
        case Status.FAILED:
            return Span(f"{subject(step)}: {doing(step)} failed: {result.error}", Style.BAD)
