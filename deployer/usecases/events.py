"""What happens on several hosts, merged in the order of the times."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from deployer.engine import answers
from deployer.errors import DeployerError, UnreachableError, boundary
from deployer.interfaces import Clock, EventQuery, Json
from deployer.model import ownership, volume_names
from deployer.model.plan import Unreachable
from deployer.usecases.containers import Choice
from deployer.usecases.fleet import Fleet
from deployer.usecases.inspect_hosts import Row
from deployer.usecases.logs import Problem
from deployer.usecases.merging import Merge, Source

_PATIENCE: Final = 0.3
"""Seconds that an event is held back for earlier ones of other hosts."""

_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 10.0
"""Seconds between two attempts to read a host's events."""

_OVERLAP: Final = 2
"""Seconds before the last event from which they are read again: they are not quite in order."""

_REMEMBERED: Final = 512
"""Events of a host by which repeated ones are known; engines remember 256."""

_COMMANDS: Final = "exec_"
"""Events of commands in containers, also of those of health checks."""


class Event(Struct, frozen=True):
    """`name`: of the container, image, network or volume; `attributes`: what the engine says further of it."""

    host: str
    time: str
    kind: str
    action: str
    name: str
    attributes: Mapping[str, str]

    @property
    def stream(self) -> int:
        return 0


class Watch:
    """Reads events in threads, which end with the process."""

    def __init__(
        self, fleet: Fleet, choice: Choice, query: EventQuery, clock: Clock, tell: Callable[[Problem], object]
    ) -> None:
        self._fleet = fleet
        self._query = query
        self._tell = tell
        self._wanted = _wanted(choice, query)
        self._merge: Merge[str, Event] = Merge(clock.now, None if query.until else _PATIENCE)
        self._stopped = threading.Event()

    def read(self) -> Iterator[Event]:
        """Up to `until`; without it, until the caller ends."""
        found = self._fleet.read(self._fleet.hosts, lambda _host, engine: str(engine.info().get("SystemTime") or ""))
        for host, said in found.items():
            lost = isinstance(said, Unreachable)
            if isinstance(said, Unreachable):
                self._tell(Problem(host, said.message, said.hint))
            if not (lost and self._query.until):
                began = "" if isinstance(said, Unreachable) or self._query.until else _seconds(said)
                position = _Position(replace(self._query, since=self._query.since or began))
                source = self._merge.add(host)
                threading.Thread(
                    target=self._follow, args=(source, position), kwargs={"lost": lost}, name="events", daemon=True
                ).start()
        while not (self._query.until and self._merge.done):
            yield from (event for _, event in self._merge.take(1.0))

    def close(self) -> None:
        self._stopped.set()
        self._merge.close()

    def _follow(self, source: Source[str, Event], position: _Position, *, lost: bool) -> None:
        """Reads on from the last event when a stream ends."""
        host, pause, ended = source.label, _PAUSE, False
        while not (self._stopped.is_set() or ended):
            with ExitStack() as stack:
                try:
                    with boundary():
                        messages = self._open(host, position.query, stack)
                except DeployerError as error:
                    if not (lost or self._stopped.is_set()):
                        self._tell(Problem(host, error.message, error.hint))
                    lost, ended = True, bool(self._query.until)
                    self._stopped.wait(pause)
                    pause = min(_LONGEST_PAUSE, pause * 2)
                    continue
                if lost:
                    self._tell(Problem(host, "reached again", over=True))
                lost, pause = False, _PAUSE
                ended = self._take(source, position, messages)
            if not ended:
                self._stopped.wait(_PAUSE / 10)
        self._merge.end(source)

    def _open(self, host: str, query: EventQuery, stack: ExitStack) -> Iterator[Json]:
        return self._fleet.with_room(host, lambda engine: stack.enter_context(engine.read_events(query)))

    def _take(self, source: Source[str, Event], position: _Position, messages: Iterator[Json]) -> bool:
        """Whether the engine has no more to send."""
        try:
            with boundary():
                for message in messages:
                    found = answers.read(message, answers.Event, "/events")
                    if position.is_new(found) and self._wanted(source.label, found):
                        self._merge.put(source, [_event(source.label, found)])
        except UnreachableError:
            return False
        except DeployerError as error:
            self._tell(Problem(source.label, error.message, error.hint))
            return False
        return bool(self._query.until)


class _Position:
    """How far a host's events were read."""

    def __init__(self, query: EventQuery) -> None:
        self._query = query
        self._last = 0
        self._seen: deque[tuple[int, str, str]] = deque(maxlen=_REMEMBERED)

    @property
    def query(self) -> EventQuery:
        """What to read next: from shortly before the last event, but not from before the first."""
        if not self._last:
            return self._query
        since = max(Decimal(self._last) / 10**9 - _OVERLAP, Decimal(self._query.since or 0))
        return replace(self._query, since=f"{since:.9f}")

    def is_new(self, found: answers.Event) -> bool:
        key = found.nanoseconds, found.actor.id, found.action
        if key in self._seen:
            return False
        self._seen.append(key)
        self._last = max(self._last, found.nanoseconds)
        return True


def _seconds(time: str) -> str:
    """A time of the engine as seconds since the epoch; "" for other text."""
    try:
        return f"{datetime.fromisoformat(time).timestamp():.6f}"
    except ValueError:
        return ""


def _wanted(choice: Choice, query: EventQuery) -> Callable[[str, answers.Event], bool]:
    every = not (choice.names or choice.project or choice.declared is not None)
    commands = any(action.startswith(_COMMANDS) for action in query.filters.get("event", ()))

    def wanted(host: str, found: answers.Event) -> bool:
        if found.action.startswith(_COMMANDS) and not commands:
            return False
        known = found.actor.attributes or {}
        if every:
            return not (found.type == "volume" and volume_names.is_own(found.actor.id))
        project, resource = known.get(ownership.PROJECT, ""), known.get(ownership.RESOURCE, "")
        name = known.get("name") or found.actor.id
        return choice.matches(Row(host, found.actor.id, name, "", "", "", (), project, resource))

    return wanted


def _event(host: str, found: answers.Event) -> Event:
    known = found.actor.attributes or {}
    whole, rest = divmod(found.nanoseconds, 10**9)
    time = f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
    name = known.get("name") or found.actor.id
    further = {key: known[key] for key in sorted(known) if key != "name"}
    return Event(host, time, found.type, found.action, name, further)
