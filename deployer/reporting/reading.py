"""Shows on a terminal which hosts are still being read, if that takes long: `reading 9 of 10: a2`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Final, TextIO

from deployer.reporting.words import host_list

if TYPE_CHECKING:
    from rich.status import Status

AFTER: Final = 0.7
"""Seconds before anything is shown: most runs take less, and load nothing for it."""
_LONGEST: Final = 40


class ReadingProgress:
    """A spinner on `stream`. Called with the number of hosts and those that have not answered yet, at the end with
    none."""

    def __init__(self, stream: TextIO, clean: Callable[[str], str], after: float = AFTER) -> None:
        self._stream = stream
        self._clean = clean
        self._after = after
        self._lock = threading.Lock()
        self._text = ""
        self._timer: threading.Timer | None = None
        self._status: Status | None = None

    def __call__(self, hosts: int, left: Collection[str]) -> None:
        with self._lock:
            if not left:
                self._end()
                return
            self._text = self._clean(reading_words(hosts, left))
            if self._status is not None:
                self._status.update(self._text)
            elif self._timer is None:
                self._timer = threading.Timer(self._after, self._show)
                self._timer.daemon = True
                self._timer.start()

    def _show(self) -> None:
        """In a thread of its own."""
        from rich.console import Console
        from rich.status import Status

        console = Console(file=self._stream, force_terminal=True, color_system=None, highlight=False, markup=False)
        with self._lock:
            if self._timer is threading.current_thread():
                self._status = Status(self._text, console=console)
                self._status.start()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._status is not None:
            self._status.stop()
        self._timer = self._status = None


def reading_words(hosts: int, left: Collection[str]) -> str:
    """`reading 9 of 10: a2`, the number of those that have answered and the names of the others."""
    names = host_list(left)
    shown = names if len(names) <= _LONGEST else f"{names[: _LONGEST - 1]}…"
    return f"reading {hosts - len(left)} of {hosts}: {shown}"
