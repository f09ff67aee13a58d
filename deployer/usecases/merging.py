"""Merges lines that several threads read into one sequence in the order of their times, with bounded memory."""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Generic, Protocol, TypeVar

_MOST: Final = 2000
"""Lines of a source that wait to be taken; then its thread waits."""

_HELD: Final = 8
"""Lines of a source that are there before its first is given out: stdout and stderr are not quite in order."""


class Timed(Protocol):
    """`time`: as a text that sorts; `stream`: entries of one stream keep their order."""

    @property
    def time(self) -> str: ...
    @property
    def stream(self) -> int: ...


Label = TypeVar("Label")
Entry = TypeVar("Entry", bound=Timed)


class Source(Generic[Label, Entry]):
    """What one thread reads. Belongs to its `Merge`, whose lock guards it."""

    def __init__(self, number: int, label: Label, since: float) -> None:
        self.number = number
        self.label = label
        self.lines: deque[tuple[str, Entry]] = deque()
        self.last: dict[int, str] = {}
        self.ended = False
        self.quiet_since = since


class Merge(Generic[Label, Entry]):
    """A line is given out once every source that has not ended has later ones, or has been quiet for `patience`
    seconds; None waits for all. Lines of one stream keep their order, even where their times do not rise."""

    def __init__(self, now: Callable[[], float], patience: float | None = None) -> None:
        self._now = now
        self._patience = patience
        self._held = _HELD if patience is None else 1
        self._sources: list[Source[Label, Entry]] = []
        self._heads: list[tuple[str, int, Source[Label, Entry]]] = []
        self._changed = threading.Condition()
        self._numbers = 0
        self._closed = False

    def add(self, label: Label) -> Source[Label, Entry]:
        with self._changed:
            self._numbers += 1
            source: Source[Label, Entry] = Source(self._numbers, label, self._now())
            self._sources.append(source)
            return source

    def put(self, source: Source[Label, Entry], lines: Sequence[Entry]) -> None:
        """Waits while too many lines of the source are not taken yet."""
        with self._changed:
            self._changed.wait_for(lambda: len(source.lines) < _MOST or self._closed)
            first = source.lines[0] if source.lines else None
            keyed = []
            for line in lines:
                key = source.last[line.stream] = max(line.time, source.last.get(line.stream, ""))
                keyed.append((key, line))
            if source.lines and keyed and _time(min(keyed, key=_time)) < source.lines[-1][0]:
                keyed = [*source.lines, *keyed]
                source.lines.clear()
            source.lines.extend(sorted(keyed, key=_time))
            source.quiet_since = self._now()
            if source.lines and source.lines[0] is not first:
                heapq.heappush(self._heads, (source.lines[0][0], source.number, source))
            self._changed.notify_all()

    def end(self, source: Source[Label, Entry]) -> None:
        with self._changed:
            source.ended = True
            if not source.lines:
                self._sources.remove(source)
            self._changed.notify_all()

    def close(self) -> None:
        """Threads that wait to put lines go on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self, wait: float) -> Iterator[tuple[Label, Entry]]:
        """The lines whose turn it is; waits up to `wait` seconds for the first."""
        with self._changed:
            if not self._ready():
                self._changed.wait(wait)
            found = []
            ready = self._ready()
            while ready and self._heads:
                time, _, source = heapq.heappop(self._heads)
                # An earlier line may have come since it was pushed.
                if source.lines and source.lines[0][0] == time:
                    found.append((source.label, self._pop(source)))
                    ready = not self._is_awaited(source)
            self._changed.notify_all()
        return iter(found)

    @property
    def done(self) -> bool:
        """Whether no source is left."""
        with self._changed:
            return not self._sources

    def _pop(self, source: Source[Label, Entry]) -> Entry:
        _, line = source.lines.popleft()
        if source.lines:
            heapq.heappush(self._heads, (source.lines[0][0], source.number, source))
        elif source.ended:
            self._sources.remove(source)
        return line

    def _ready(self) -> bool:
        return bool(self._heads) and not any(self._is_awaited(source) for source in self._sources)

    def _is_awaited(self, source: Source[Label, Entry]) -> bool:
        if len(source.lines) >= self._held or source.ended:
            return False
        return self._patience is None or self._now() - source.quiet_since < self._patience


def _time(entry: tuple[str, object]) -> str:
    return entry[0]
