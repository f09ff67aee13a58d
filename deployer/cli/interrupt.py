"""Ctrl-C while hosts are changed: the first finishes the running steps, then stops; the second aborts."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final

from deployer.errors import ExitCode

STOPPING: Final = "finishing the running steps, then stopping; press Ctrl-C again to abort"
ABORTED: Final = "aborted; the next run continues from here"


class Interrupt:
    """Handles SIGINT and SIGTERM while it is entered. The run checks `stop`. `tell` shows a notice without a lock,
    since a signal may interrupt the main thread anywhere."""

    def __init__(self, tell: Callable[[str], object], abort: Callable[[int], object] = os._exit) -> None:
        self.stop = threading.Event()
        self._tell = tell
        self._abort = abort
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self.stop.is_set():
            self._tell(ABORTED)
            self._abort(ExitCode.INTERRUPTED)
        self.stop.set()
        self._tell(STOPPING)
