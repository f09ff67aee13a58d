"""Who sends an image to the next host: this machine to the first ones, and hosts that have it to the others."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct


class Giver(Struct, frozen=True):
    """A host that has the image and may log in to others. `containerd`: its store; `api`: of its engine."""

    host: str
    containerd: bool
    api: str


class ImageTree:
    """The hosts of one image. This machine sends to `fanout` hosts at once, and to no more while there are or will be
    hosts that may send it on; each of these sends to one at once. Safe to use from several threads."""

    def __init__(self, fanout: int) -> None:
        self._fanout = fanout
        self._changed = threading.Condition()
        self._free: list[Giver] = []
        self._expected: list[Giver] = []
        self._proven: set[str] = set()
        self._from_here = 0
        self._sent = 0

    def add(self, giver: Giver | None) -> None:
        """A host that has the image; None for one that may not send it on."""
        with self._changed:
            if giver is not None and giver not in (*self._free, *self._expected):
                self._free.append(giver)
                self._changed.notify_all()

    @contextmanager
    def turn(self, own: Giver | None, *, containerd: bool) -> Iterator[Giver | None]:
        """Waits for a host that sends the image, None for this machine. A host that fails is not asked again, unless it
        has sent it before. `own`: the receiver, if it may send the image on; `containerd`: its store, which needs what
        only another such store keeps."""
        giver, done = self._take(own, containerd=containerd), False
        try:
            yield giver
            done = True
        finally:
            with self._changed:
                for each in (giver, own):
                    if each is not None:
                        self._expected.remove(each)
                        self._free += [each] if done or (each is giver and each.host in self._proven) else []
                self._proven |= {giver.host} if done and giver is not None else set()
                self._changed.notify_all()

    @contextmanager
    def from_here(self) -> Iterator[None]:
        """Waits until this machine sends to less than `fanout` hosts."""
        with self._changed:
            self._changed.wait_for(lambda: self._from_here < self._fanout)
            self._from_here += 1
        try:
            yield
        finally:
            with self._changed:
                self._from_here -= 1
                self._changed.notify_all()

    def _take(self, own: Giver | None, *, containerd: bool) -> Giver | None:
        def fits(giver: Giver) -> bool:
            return giver.containerd or not containerd

        with self._changed:
            while (found := next(filter(fits, self._free), None)) is None:
                if self._sent < self._fanout or not any(map(fits, self._expected)):
                    self._sent += 1
                    break
                self._changed.wait()
            if found is not None:
                self._free.remove(found)
            self._expected += [each for each in (found, own) if each is not None]
            return found
