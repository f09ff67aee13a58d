"""How many logins may be under way at once where they meet: at one address, behind one jump host.

sshd drops connections at random once ten are not logged in yet (sshd_config(5), MaxStartups 10:30:100).
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Final

LOGINS: Final = 8
"""Below ten, so that others can log in at the same time."""


class Gate:
    """Limits concurrent logins per address and per jump host. Safe to use from several threads."""

    def __init__(self, limit: int = LOGINS) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._places: dict[Hashable, threading.Semaphore] = {}

    @contextmanager
    def passing(self, place: Hashable) -> Iterator[None]:
        """Wait for a free login; it is held until the end of the block."""
        with self._lock:
            free = self._places.setdefault(place, threading.Semaphore(self._limit))
        with free:
            yield
