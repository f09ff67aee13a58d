"""Selects the progress messages of a pull that get a line."""

from __future__ import annotations

import threading

from deployer.model.outcome import PullProgress

STEP = 10
"""Percent between two lines."""


class Milestones:
    """Records the last reported progress of each pull; safe to use from several threads."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str, str], int] = {}
        self._lock = threading.Lock()

    def passed(self, event: PullProgress) -> bool:
        """Whether the pull has advanced by `STEP` percent. Progress may decrease when new layers become known."""
        reached = event.current * 100 // event.total // STEP if event.total else 0
        key = (event.host, event.reference, event.reading)
        with self._lock:
            if reached <= self._told.get(key, 0):
                return False
            self._told[key] = reached
            return True
