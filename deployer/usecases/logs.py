"""The logs of several containers on several hosts, merged in the order of their times."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from deployer.errors import DeployerError, EngineError, UnreachableError, boundary
from deployer.interfaces import Clock, LogLine, LogQuery
from deployer.usecases.containers import Choice, Chosen
from deployer.usecases.fleet import Fleet
from deployer.usecases.inspect_hosts import Row, read_rows
from deployer.usecases.merging import Merge, Source

_PATIENCE: Final = 0.3
"""Seconds that a followed line is held back for earlier ones of other containers."""

_POLL: Final = 1.0
_LONGEST_PAUSE: Final = 10.0
"""Seconds between two looks at a host's containers, and between two attempts to reach a lost host."""

_BATCH: Final = 0.05
"""Seconds between two outputs while logs are followed: many lines at once cost less than each on its own."""

_OVERLAP: Final = 2
"""Seconds before the last line from which a log is read again: stdout and stderr are not in order."""

_Source: TypeAlias = Source[Row, LogLine]
Lines: TypeAlias = Sequence[tuple[Row, LogLine]]


class Problem(Struct, frozen=True):
    """What went wrong, for people; `over`: a lost host is reached again."""

    where: str
    message: str
    hint: str = ""
    over: bool = False


class Position:
    """How far a container's log was read. Each reading of the log passes its lines through `new`."""

    def __init__(self, query: LogQuery) -> None:
        self._query = query
        self._first = ""
        self._last: dict[int, tuple[str, int]] = {}

    @property
    def query(self) -> LogQuery:
        """What to read next: all at first, then from shortly before the last line."""
        if not self._last:
            return self._query
        time = max(time for time, _ in self._last.values())
        return replace(self._query, since=f"{_seconds(time) - _OVERLAP}{time[19:29]}", tail=None)

    def new(self, batches: Iterator[Sequence[LogLine]]) -> Iterator[Sequence[LogLine]]:
        """Without the lines that an earlier reading gave. Those of one stream and one time are counted."""
        caught_up: set[int] = set()
        counts: dict[int, int] = {}
        before, first = dict(self._last), self._first
        for batch in batches:
            fresh = []
            for line in batch:
                if line.stream not in caught_up:
                    time, count = before.get(line.stream, (first, 0))
                    if line.time == time:
                        counts[line.stream] = counts.get(line.stream, 0) + 1
                    if line.time < time or (line.time == time and counts[line.stream] <= count):
                        continue
                    # From here on its times may go back, when a clock is set.
                    caught_up.add(line.stream)
                fresh.append(line)
            if fresh:
                self._note(fresh)
                yield fresh

    def _note(self, lines: Sequence[LogLine]) -> None:
        self._first = self._first or min(line.time for line in lines)
        for line in lines:
            time, count = self._last.get(line.stream, ("", 0))
            self._last[line.stream] = (line.time, count + 1) if line.time == time else (line.time, 1)


def _seconds(time: str) -> int:
    return int(datetime.fromisoformat(time[:19]).replace(tzinfo=UTC).timestamp())


class Reading:
    """Reads logs in threads, which end with the process."""

    def __init__(self, fleet: Fleet, query: LogQuery, clock: Clock, tell: Callable[[Problem], object]) -> None:
        self._fleet = fleet
        self._query = query
        self._clock = clock
        self._tell = tell
        self._merge: Merge[Row, LogLine] = Merge(clock.now, _PATIENCE if query.follow else None)
        self._stopped = threading.Event()

    def read(self, rows: Sequence[Row]) -> Iterator[Lines]:
        """Each log once, to its end."""
        sources = [(row, self._merge.add(row)) for row in rows]
        for row, source in sources:
            _begin(self._read, row, source, Position(self._query))
        yield from self._taken(pause=0.0, until=lambda: self._merge.done)

    def follow(self, chosen: Chosen, choice: Choice) -> Iterator[Lines]:
        """What is written until the caller ends, by containers that are there or come later."""
        lost = {found.host for found in chosen.unreachable}
        for host in self._fleet.hosts:
            rows = None if host in lost else chosen.by_host.get(host, ())
            _begin(self._follow, _Follower(host, choice, self._query, rows))
        yield from self._taken(pause=_BATCH, until=lambda: False)

    def close(self) -> None:
        self._stopped.set()
        self._merge.close()

    def _taken(self, *, pause: float, until: Callable[[], bool]) -> Iterator[Lines]:
        while True:
            lines = list(self._merge.take(pause or 1.0))
            if lines:
                yield lines
            elif until():
                return
            if pause:
                self._clock.sleep(pause)

    def _follow(self, follower: _Follower) -> None:
        """Looks at one host's containers again and again, and reads the log of each that may have written."""
        pause, lost = _POLL, follower.rows is None
        while not self._stopped.is_set():
            try:
                with boundary():
                    rows = follower.matching(self._fleet)
            except DeployerError as error:
                if not lost and not self._stopped.is_set():
                    self._tell(Problem(follower.host, error.message, error.hint))
                lost = True
                self._stopped.wait(pause)
                pause = min(_LONGEST_PAUSE, pause * 2)
                continue
            if lost:
                self._tell(Problem(follower.host, "reached again", over=True))
            pause, lost = _POLL, False
            for row, position in follower.due(rows):
                source = self._merge.add(row)
                _begin(self._read, row, source, position, follower)
            follower.lost.wait(_POLL)
            follower.lost.clear()

    def _read(self, row: Row, source: _Source, position: Position, follower: _Follower | None = None) -> None:
        failed = False
        try:
            with boundary(), ExitStack() as stack:
                for lines in position.new(self._open(row, position.query, stack)):
                    self._merge.put(source, lines)
        except DeployerError as error:
            # One that is followed is read on from where it was; the thread of its host says what is lost.
            lost = isinstance(error, UnreachableError) or (isinstance(error, EngineError) and error.not_found)
            failed = follower is None or not lost
            if follower is not None and lost:
                follower.lost.set()
            if failed and not self._stopped.is_set():
                self._tell(Problem(f"{row.host}/{row.name}", error.message, error.hint))
        finally:
            self._merge.end(source)
            if follower is not None and not failed:
                follower.ended(row)

    def _open(self, row: Row, query: LogQuery, stack: ExitStack) -> Iterator[Sequence[LogLine]]:
        return self._fleet.with_room(row.host, lambda engine: stack.enter_context(engine.read_logs(row.id, query)))


class _Follower:
    """The followed containers of one host. `rows`: as they were read at first, None where the host was not reached;
    `lost`: set when the reading of a log broke off, so that it is read on at once."""

    def __init__(self, host: str, choice: Choice, query: LogQuery, rows: Sequence[Row] | None) -> None:
        self.host = host
        self.rows = rows
        self.lost = threading.Event()
        self._choice = choice
        self._query = query
        self._first = rows is not None
        self._lock = threading.Lock()
        self._positions: dict[str, Position] = {}
        self._reading: set[str] = set()
        self._states: dict[str, tuple[str, str]] = {}

    def matching(self, fleet: Fleet) -> Sequence[Row]:
        if self._first and self.rows is not None:
            self._first = False
            return self.rows
        rows = read_rows(self.host, fleet.host(self.host).engine(), "")
        return [row for row in rows if self._choice.matches(row)]

    def due(self, rows: Sequence[Row]) -> list[tuple[Row, Position]]:
        """Containers whose log nobody reads: those that run, and those whose state was another one at the last look."""
        beginning = not self._positions
        found = []
        with self._lock:
            for row in rows:
                state = row.state, row.status
                changed = self._states.get(row.id) != state
                if row.id not in self._reading and (row.state == "running" or changed):
                    query = self._query if beginning else replace(self._query, tail=None)
                    position = self._positions.setdefault(row.id, Position(query))
                    self._reading.add(row.id)
                    self._states[row.id] = state
                    found.append((row, position))
        return found

    def ended(self, row: Row) -> None:
        with self._lock:
            self._reading.discard(row.id)


def _begin(work: Callable[..., object], *given: object) -> None:
    threading.Thread(target=work, args=given, name="logs", daemon=True).start()
