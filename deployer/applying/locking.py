"""The locks of one play's hosts: taken before the first write, renewed in the background, released at the end. All are
tried at once. A run that may wait waits for the first host that is not free, and meanwhile holds no host that sorts
after it: all runs wait in the same order, so they cannot deadlock."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Final, Protocol, TypeVar

from msgspec import Struct

from deployer.applying.lock import HostLock, LockLostError
from deployer.applying.performing import Stop
from deployer.applying.processes import this_process
from deployer.errors import DeployerError, EngineError, boundary
from deployer.interfaces import Clock, Engine, Events, Json
from deployer.model import locks
from deployer.model.locks import Claim, Entry
from deployer.model.outcome import Blocked, Notice, Obstacle, Waiting
from deployer.model.plan import Unreachable

_POLL: Final = 1.0
"""Seconds between two reads of a lock that a run waits for."""

Result = TypeVar("Result")


class ForEachHost(Protocol):
    """Runs work on several hosts in parallel; see `Fleet.each`."""

    def __call__(
        self, hosts: Iterable[str], work: Callable[[str, Engine], Result]
    ) -> dict[str, Result | Unreachable]: ...


class Run(Struct, frozen=True):
    """This run, as shown to others. `now` is the time of day, for people. `wait`: seconds it may wait for other runs;
    `lease`: seconds after its last renewal until its locks expire; `lock`: whether it locks at all."""

    who: str
    command: str
    now: Callable[[], datetime]
    commit: Callable[[], str] = str
    wait: float = 0.0
    lease: float = locks.LEASE
    lock: bool = True


def time_stamp(moment: datetime) -> str:
    """`2026-01-02T12:00:00Z`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _jitter() -> float:
    return random.uniform(0.05, 0.3)


def _token() -> str:
    return uuid.uuid4().hex


class Locks:
    """The locks of one play. `jitter` and `token` are the sources of randomness."""

    def __init__(
        self,
        run: Run,
        each: ForEachHost,
        clock: Clock,
        events: Events,
        stop: Stop,
        jitter: Callable[[], float] = _jitter,
        token: Callable[[], str] = _token,
        own: Callable[[str], Engine] | None = None,
    ) -> None:
        """`own` opens another connection to a host."""
        self._own = own
        self.waited: set[str] = set()
        """Hosts with a lock that another run held."""
        self._run = run
        self._each = each
        self._clock = clock
        self._events = events
        self._stop = stop
        self._jitter = jitter
        self._token = token
        self._projects: dict[str, str] = {}
        self._locks: dict[str, HostLock] = {}
        self._taken: dict[str, threading.Event] = {}
        self._bars: dict[str, Blocked | Unreachable] = {}

    def take(self, projects: Mapping[str, str]) -> None:
        """Takes the lock of every host's project. `bar` returns why a host is not available."""
        self._projects |= projects
        pending = sorted(projects)
        until = self._clock.now() + self._run.wait
        while pending:
            holders = self._try(pending)
            if not holders:
                return
            if self._clock.now() >= until or self._stop.is_set():
                self._bars |= {host: _locked(holder) for host, holder in holders.items()}
                return
            first = min(holders)
            self.waited |= set(holders)
            later = [host for host in pending if host > first and host in self._taken]
            self.release(later)
            self._await(first, holders[first], until)
            pending = sorted({*later, *holders} - {first})

    def bar(self, host: str) -> Blocked | Unreachable | None:
        """Why a host must not be changed."""
        return self._bars.get(host)

    def check(self, host: str) -> None:
        """Call it before every write. Raises `LockLostError`, or another `DeployerError` if the host cannot be read."""
        if host in self._locks:
            self._locks[host].check()

    def volumes(self, host: str) -> Sequence[Json] | None:
        """All volumes of the host when it was locked; None for one that was not."""
        return self._locks[host].volumes if host in self._taken else None

    def release(self, hosts: Iterable[str] | None = None) -> None:
        """Release the locks of some hosts, or of all. A lock that cannot be released expires."""
        released = [host for host in (self._taken if hosts is None else hosts) if host in self._taken]
        for host in released:
            self._taken.pop(host).set()
        self._each(released, self._release)

    def _release(self, host: str, _engine: Engine) -> None:
        try:
            with boundary():
                self._locks[host].release()
        except DeployerError as error:
            after = f"it expires within {self._run.lease + locks.MARGIN:g}s"
            self._events.emit(Notice(host, f"the lock could not be released: {error.message}; {after}"))

    def _try(self, hosts: Iterable[str]) -> dict[str, Entry]:
        """The holders of the locks that were not free."""
        found = self._each(hosts, self._try_one)
        self._bars |= {host: bar for host, bar in found.items() if isinstance(bar, Blocked | Unreachable)}
        return {host: holder for host, holder in found.items() if isinstance(holder, Entry)}

    def _try_one(self, host: str, engine: Engine) -> Entry | Blocked | None:
        if host not in self._locks:
            own = partial(self._own, host) if self._own is not None else None
            self._locks[host] = HostLock(engine, self._claim(host), self._clock, self._jitter, own=own)
        lock = self._locks[host]
        try:
            holder = lock.try_take()
        except EngineError as error:
            return Blocked(Obstacle.NOT_LOCKABLE, detail=error.message, hint="--no-lock runs without a lock")
        if holder is None:
            self._taken[host] = ended = threading.Event()
            threading.Thread(target=_keep, args=(lock, ended), name=f"lock-{host}", daemon=True).start()
        return holder

    def _claim(self, host: str) -> Claim:
        run = self._run
        since = time_stamp(run.now())
        return Claim(self._projects[host], self._token(), run.who, since, run.command, run.lease, this_process())

    def _await(self, host: str, holder: Entry, until: float) -> None:
        """Retries until the lock is taken or cannot be taken any more."""
        told = ""
        while True:
            if holder.token != told:
                told = holder.token
                self._events.emit(Waiting(host, holder.claim))
            left = until - self._clock.now()
            if left <= 0 or self._stop.is_set():
                self._bars[host] = _locked(holder)
                return
            self._clock.sleep(min(_POLL, left))
            found = self._try([host])
            if host not in found:
                return
            holder = found[host]


def _locked(holder: Entry) -> Blocked:
    return Blocked(Obstacle.LOCKED, holder.claim)


def _keep(lock: HostLock, ended: threading.Event) -> None:
    """Renews a lock until it is released or lost. Failed renewals are retried soon."""
    pause = lock.due()
    while not ended.wait(max(0.0, pause)):
        try:
            with boundary():
                lock.renew()
            pause = lock.due()
        except LockLostError:
            return
        except DeployerError:
            pause = lock.claim.lease / (4 * locks.RENEWALS)
