"""A simulated host with a clock, and runs that take turns on it, one request at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from deployer.applying.lock import HostLock
from deployer.errors import UnreachableError
from deployer.interfaces import Engine, Json
from deployer.model.locks import Claim
from deployer.simulated import SimulatedEngine

START = datetime(2026, 1, 2, 12, tzinfo=UTC)
LEASE = 30.0


class FakeClock:
    """Seconds since the beginning; the host's clock goes with it, ahead by `jump`."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.jump = 0.0

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    @property
    def host_now(self) -> datetime:
        return START + timedelta(seconds=self.seconds + self.jump)


class ClockedHost:
    """Volumes and time of a simulated host. Counts requests; `down` cuts the connection; `before` is called before each
    request, `after` gets a chance to lose its answer."""

    def __init__(self, clock: FakeClock, engine: SimulatedEngine, made: dict[str, datetime]) -> None:
        self.clock = clock
        self.engine = engine
        self.requests = 0
        self.down = False
        self.lose_answer = False
        self.tells_time = True
        self.before: Callable[[], None] = lambda: None
        self._made = made

    def another(self) -> ClockedHost:
        """A second connection to the same host."""
        return ClockedHost(self.clock, self.engine, self._made)

    def info(self) -> Json:
        self._request()
        return {"SystemTime": self.clock.host_now.isoformat()} if self.tells_time else {}

    def list_volumes(self) -> Sequence[Json]:
        self._request()
        return [self._dated(volume) for volume in self.engine.list_volumes()]

    def inspect_volume(self, name: str) -> Json | None:
        self._request()
        found = self.engine.inspect_volume(name)
        return None if found is None else self._dated(found)

    def create_volume(self, body: Json) -> Json:
        self._request()
        if self.engine.inspect_volume(str(body["Name"])) is None:
            self._made[str(body["Name"])] = self.clock.host_now
        made = self._dated(self.engine.create_volume(body))
        if self.lose_answer:
            self.down = True
            raise UnreachableError("the connection was lost")
        return made

    def remove_volume(self, name: str) -> None:
        self._request()
        self.engine.remove_volume(name)

    @property
    def names(self) -> list[str]:
        return sorted(volume["Name"] for volume in self.engine.list_volumes())

    def _request(self) -> None:
        self.before()
        if self.down:
            raise UnreachableError("the connection was lost")
        self.requests += 1

    def _dated(self, volume: Json) -> dict[str, Any]:
        made = self._made.get(volume["Name"], START)
        return {**volume, "CreatedAt": made.strftime("%Y-%m-%dT%H:%M:%SZ")}


def new_host(clock: FakeClock) -> ClockedHost:
    return ClockedHost(clock, SimulatedEngine(), {})


def claim(token: str, lease: float = LEASE) -> Claim:
    return Claim("shop", token, f"{token}@here", "2026-01-02T12:00:00Z", "apply shop.yml", lease)


def lock_on(host: ClockedHost, token: str, jitter: float = 0.1) -> HostLock:
    engine: Engine = host  # type: ignore[assignment]
    return HostLock(engine, claim(token), host.clock, lambda: jitter)


class Turns:
    """Runs in threads of their own of which one at a time moves, by one request, when it is told to."""

    def __init__(self, hosts: Sequence[ClockedHost], works: Sequence[Callable[[], None]]) -> None:
        self._go = [threading.Semaphore(0) for _ in works]
        self._came = [threading.Semaphore(0) for _ in works]
        self._free = False
        self.ended = [False for _ in works]
        self._threads = [
            threading.Thread(target=self._run, args=(number, work), daemon=True) for number, work in enumerate(works)
        ]
        for number, host in enumerate(hosts):
            host.before = lambda number=number: self._pause(number)  # type: ignore[misc]
        for number, thread in enumerate(self._threads):
            thread.start()
            self._came[number].acquire()

    def step(self, number: int) -> None:
        """Let one go on to its next request."""
        if not self.ended[number]:
            self._go[number].release()
            self._came[number].acquire()

    def finish(self) -> None:
        """Let all go on to their ends, in turns."""
        while not all(self.ended):
            for number in range(len(self.ended)):
                self.step(number)
        for thread in self._threads:
            thread.join(5)

    def _pause(self, number: int) -> None:
        self._came[number].release()
        self._go[number].acquire()

    def _run(self, number: int, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            self.ended[number] = True
            self._came[number].release()
