"""Limits of evaluating a template: computing time and memory. The operating system enforces them, also inside filters,
regular expressions and arithmetic."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import threading
from collections.abc import Iterator
from typing import Final

from deployer.config.templates.problems import TemplateFault

SECONDS: Final = 5.0
"""Seconds of computing time of one evaluation, including the templates it refers to."""

MEMORY: Final = 512 * 1024 * 1024
"""Bytes in addition to those in use at the start."""

LONGEST: Final = 16 * 1024 * 1024
"""Characters of one template's text."""


class _Overdue(BaseException):
    """Not an `Exception`: Jinja ignores those while it computes constants."""


class Bounds:
    """The limits of a run's evaluations. They apply in the main thread, which alone can be interrupted, and on systems
    with such limits."""

    def __init__(self) -> None:
        self._inside = False
        self._handler = self._end
        try:
            self._sizes = os.open("/proc/self/statm", os.O_RDONLY)
        except OSError:
            self._sizes = -1

    @contextlib.contextmanager
    def evaluation(self) -> Iterator[None]:
        """Raises `TemplateFault` for too much time, MemoryError for too much memory."""
        if self._inside or self._sizes < 0 or threading.current_thread() is not threading.main_thread():
            yield
            return
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        most = int(os.pread(self._sizes, 32, 0).split()[0]) * resource.getpagesize() + MEMORY
        if signal.getsignal(signal.SIGVTALRM) is not self._handler:
            signal.signal(signal.SIGVTALRM, self._handler)
        self._inside = True
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
            resource.setrlimit(resource.RLIMIT_AS, (most if soft == resource.RLIM_INFINITY else min(most, soft), hard))
            yield
        except _Overdue:
            raise TemplateFault(f"it takes more than {SECONDS:g} s of computing time") from None
        finally:
            self._inside = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))

    def _end(self, *_: object) -> None:
        if self._inside:
            raise _Overdue
