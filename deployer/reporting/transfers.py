"""Images that are sent to hosts or pulled there: a line per host, redrawn on a terminal, and one with its result."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from deployer.model.outcome import PullProgress, TransferEnded
from deployer.reporting.lines import Line, Span
from deployer.reporting.progress import host_line, host_width, pulled
from deployer.reporting.words import seconds, size

_MEASURED: Final = 0.5
"""Seconds from which on the rate of a transfer says something."""

_MOST_LINES: Final = 20


class TransferBoard:
    """The hosts that are sent to, in order of their start. Not thread-safe. `verb`: `sent` or `pulled`."""

    def __init__(self, verb: str, now: Callable[[], float] = time.monotonic) -> None:
        self._verb = verb
        self._now = now
        self._running: dict[str, tuple[float, PullProgress]] = {}

    def take(self, event: object) -> None:
        match event:
            case PullProgress(host):
                before = self._running.get(host)
                goes_on = before is not None and before[1].reading == event.reading
                self._running[host] = before[0] if before is not None and goes_on else self._now(), event
            case TransferEnded(host):
                self._running.pop(host, None)

    def lines(self) -> list[Line]:
        width, found = host_width(self._running), []
        for host, (began, event) in self._running.items():
            took = self._now() - began
            verb = "" if event.reading else f"{self._verb} "
            amount = f"{verb}{pulled(event)}{rate(event.current, took)}, {seconds(took)}"
            found.append(host_line(host, width, Span(amount)))
        return found[:_MOST_LINES]


def rate(amount: int, took: float) -> str:
    """`, 33 MB/s`; "" for what is too short to measure."""
    return f", {size(amount / took)}/s" if amount and took >= _MEASURED else ""


def sent_words(sent: int, total: int, took: float) -> str:
    """` 50 MB of 300 MB, 33 MB/s`; "" where nothing was."""
    return f" {size(sent)} of {size(total)}{rate(sent, took)}" if sent else ""
