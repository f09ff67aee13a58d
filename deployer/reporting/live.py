"""Progress on a terminal: finished lines scroll, running steps are redrawn below, one line per host."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, TextIO

from msgspec import Struct, field

from deployer.errors import ExitCode
from deployer.model.operations import BuildImage, PullImage, SendImage
from deployer.model.outcome import BuildProgress, HostEnded, HostStarted, PullProgress, StepEnded, StepStarted
from deployer.model.plan import Step
from deployer.reporting.lines import Line, Span, Style, line, render
from deployer.reporting.progress import Lines, built, host_width, pulled
from deployer.reporting.words import doing, plural, seconds, size, subject

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

_REDRAWS_A_SECOND = 8
_MOST_LINES = 20


class _Host(Struct):
    """The state of one host. `running` maps numbers of steps to the step and its start time."""

    steps: int
    ended: int = 0
    running: dict[int, tuple[Step, float]] = field(default_factory=dict)
    pulls: dict[str, PullProgress] = field(default_factory=dict)
    builds: dict[str, BuildProgress] = field(default_factory=dict)


class Board:
    """The state of all hosts, updated by events. Not thread-safe: its owner synchronises access."""

    def __init__(self, hosts: Collection[str], now: Callable[[], float] = time.monotonic) -> None:
        """`hosts`: one entry for each play of a host."""
        self._width = host_width(hosts)
        self._now = now
        self._hosts: dict[str, _Host] = {}
        self._all = len(hosts)
        self._ended = self._failed = 0

    def take(self, event: object) -> None:
        match event:
            case HostStarted():
                self._hosts[event.host] = _Host(event.steps)
            case StepStarted(host, step) if host in self._hosts:
                self._hosts[host].running[step.number] = (step, self._now())
            case StepEnded(host, result) if host in self._hosts:
                self._hosts[host].ended += result.step.number in self._hosts[host].running
                self._hosts[host].running.pop(result.step.number, None)
            case PullProgress(host, reference) if host in self._hosts:
                self._hosts[host].pulls[reference] = event
            case BuildProgress(host, reference) if host in self._hosts:
                self._hosts[host].builds[reference] = event
            case HostEnded(outcome):
                self._hosts.pop(outcome.host, None)
                self._ended += 1
                self._failed += outcome.exit_code is not ExitCode.OK

    def lines(self, most: int = _MOST_LINES) -> list[Line]:
        """One line per active host, in order of start, and the number of hosts that do not fit; then, of several, how
        many are finished."""
        busy = [(name, host) for name, host in self._hosts.items() if host.running]
        shown = busy if len(busy) <= most else busy[: most - 1]
        lines = [self._line(name, host) for name, host in shown]
        if len(shown) < len(busy):
            lines.append(line(Span(f"… and {plural(len(busy) - len(shown), 'host')} more", Style.MUTED)))
        return [*lines, self._total()] if self._all > 1 and busy else lines

    def _total(self) -> Line:
        failed = Span(f", {self._failed} not successful", Style.BAD) if self._failed else Span("")
        return line(Span(f"{self._ended} of {plural(self._all, 'host')} finished", Style.TITLE), failed)

    def _line(self, name: str, host: _Host) -> Line:
        width = len(str(host.steps))
        running = " · ".join(self._step(host, step, began) for step, began in host.running.values())
        return line(f"{name:<{self._width}}  ", Span(f"{host.ended:>{width}}/{host.steps}  ", Style.MUTED), running)

    def _step(self, host: _Host, step: Step, began: float) -> str:
        text = f"{subject(step)}: {doing(step)}"
        elapsed = self._now() - began
        if isinstance(step.operation, PullImage | SendImage) and step.operation.reference in host.pulls:
            progress = host.pulls[step.operation.reference]
            text += f" {pulled(progress)}, {size(progress.current / max(elapsed, 1.0))}/s"
        if isinstance(step.operation, BuildImage) and step.operation.reference in host.builds:
            text += f" {built(host.builds[step.operation.reference])}"
        return f"{text} {seconds(elapsed)}"


class Drawn(Protocol):
    """What is redrawn below the scrolling lines. Not thread-safe."""

    def take(self, event: object) -> None: ...
    def lines(self) -> list[Line]: ...


class LiveProgress:
    """Draws a board with rich on `stream`, as a context manager. `lines` create the scrolling lines; `clean` removes
    secrets."""

    def __init__(
        self, board: Drawn, stream: TextIO, lines: Lines, *, colour: bool, clean: Callable[[str], str]
    ) -> None:
        self._board = board
        self._lines = lines
        self._stream = stream
        self._colour = colour
        self._clean = clean
        self._lock = threading.Lock()
        self._live: Live | None = None
        self._notice = ""

    def notice(self, text: str) -> None:
        """Show a notice below the hosts from the next redraw on. Takes no lock, so signal handlers may call it."""
        self._notice = text

    def emit(self, event: object) -> None:
        with self._lock:
            self._board.take(event)
        ended, live = self._lines.of(event), self._live
        if ended and live is not None:
            live.console.print(self._text(ended), end="")

    def __enter__(self) -> LiveProgress:
        from rich.live import Live

        console = self._console()
        draw = self._draw
        self._live = Live(
            console=console,
            get_renderable=draw,
            refresh_per_second=_REDRAWS_A_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _console(self) -> Console:
        from rich.console import Console

        return Console(
            file=self._stream,
            force_terminal=True,
            color_system="standard" if self._colour else None,
            highlight=False,
            markup=False,
        )

    def _draw(self) -> Text:
        with self._lock:
            lines = self._board.lines()
        if self._notice:
            lines.append(line(Span(self._notice, Style.WARNING)))
        text = self._text(lines)
        text.no_wrap, text.overflow = True, "ellipsis"
        return text

    def _text(self, lines: Iterable[Line]) -> Text:
        from rich.text import Text

        return Text.from_ansi(self._clean(render(lines, colour=self._colour)), end="")
