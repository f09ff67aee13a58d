"""Takes, renews and releases one project's lock on one host. `model.locks` describes the protocol."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from deployer.applying.processes import is_dead
from deployer.errors import DeployerError, EngineError, ExitCode, UnreachableError
from deployer.interfaces import Clock, Engine, Json
from deployer.model import locks
from deployer.model.locks import Claim, Clear, Decision, Enter, Entry, Held, Lease, Taken, View

_ATTEMPTS: Final = 50
"""Reads of a lock whose entries change between two reads."""


class LockLostError(UnreachableError):
    """Another run took the lock, or somebody released it. This run must not change the host any more."""

    exit_code = ExitCode.REFUSED


class HostLock:
    """Safe to use from several threads. `jitter` returns the seconds to wait after a collision of two runs. `is_dead`:
    whether a process is known to have ended. `own` opens a separate connection for renewals, which long requests do
    not delay."""

    def __init__(
        self,
        engine: Engine,
        claim: Claim,
        clock: Clock,
        jitter: Callable[[], float],
        is_dead: Callable[[str], bool] = is_dead,
        own: Callable[[], Engine] | None = None,
    ) -> None:
        self._own = own
        self.claim = claim
        self.volumes: Sequence[Json] = ()
        """All volumes of the host when the lock was taken."""
        self._engine = engine
        self._clock = clock
        self._jitter = jitter
        self._is_dead = is_dead
        self._mutex = threading.Lock()
        self._asked: dict[str, float] = {}
        self._doubtful: set[str] = set()
        self._watched: dict[tuple[str, str], float] = {}
        self._lease: Lease | None = None
        self._lost: LockLostError | None = None

    def try_take(self) -> Entry | None:
        """None if this run has the lock, otherwise its holder. Does not wait; a failed attempt leaves no entry. The
        lock is usually free, so the first attempt creates its entry before it reads: two requests in total."""
        decision: Decision = self._look() if self._watched else Enter(1)
        withdrew = False
        for _ in range(_ATTEMPTS):
            match decision:
                case Enter(number):
                    self._enter(number)
                case Clear(entries):
                    self._clear(entries)
                case Taken(entry):
                    self._lease = Lease(entry, self._asked[entry.name])
                    return None
                case Held(by, mine):
                    self._remove_ours()
                    if not mine or withdrew:
                        return by
                    withdrew = True
                    self._clock.sleep(self._jitter())
            decision = self._look()
        raise EngineError(f"the lock of {self.claim.project} keeps changing", status=0)

    def due(self) -> float:
        """Seconds until the next renewal."""
        lease = self._lease
        return lease.due(self._clock.now()) if lease is not None else 0.0

    def renew(self) -> None:
        """Raises `LockLostError`. After any other `DeployerError`, call it again."""
        with self._mutex:
            self._renew()

    @property
    def sure(self) -> bool:
        """Whether this run holds the lock and no other run can have taken it since."""
        lease = self._lease
        return self._lost is None and lease is not None and lease.sure(self._clock.now())

    def check(self) -> None:
        """Call it before every write. Reads the host only if the last renewal is too old. Raises `LockLostError`, or
        another `DeployerError` if the host cannot be read."""
        if self.sure:
            return
        with self._mutex:
            if self._lost is not None:
                raise self._lost
            self._renew()

    def release(self) -> None:
        """Remove all entries of this run, if there are any. Raises `DeployerError`."""
        lease, patience = self._lease, self.claim.lease / locks.RENEWALS
        if lease is None or not self._mutex.acquire(timeout=patience):
            return
        try:
            self._lease = None
            if not lease.sure(self._clock.now()) or self._lost is not None:
                self._doubtful.update(self._asked)
            self._remove_ours()
        finally:
            self._mutex.release()

    def _look(self) -> Decision:
        """Reads the host's time only if another run has an entry. An answer describes some moment between request and
        response: an entry counts as first seen at the response, and as still seen at the request."""
        began = self._clock.now()
        volumes = self._engine.list_volumes()
        entries = locks.read_entries(volumes, self.claim.project)
        self._watched = locks.watch(self._watched, entries, self._clock.now())
        watched = {key: began - since for key, since in self._watched.items()}
        strangers = any(entry.token != self.claim.token for entry in entries)
        dead = frozenset(process for entry in entries if self._is_dead(process := entry.claim.process))
        view = View(entries, self._host_now(began) if strangers else None, watched, dead)
        decision = locks.decide(self.claim.token, view)
        if isinstance(decision, Taken):
            self.volumes = volumes
        return decision

    def _host_now(self, began: float) -> datetime | None:
        """The host's clock at the time of the request, so that a slow connection makes no entry look older."""
        now = locks.host_time(str(self._engine.info().get("SystemTime") or ""))
        return now - timedelta(seconds=self._clock.now() - began) if now is not None else None

    def _enter(self, number: int) -> Entry:
        """Creates an entry, or returns the existing one. An entry that was requested before keeps its time."""
        name = locks.volume_name(self.claim.project, number)
        if name not in self._asked:
            self._asked[name] = self._clock.now()
            self._doubtful.add(name)
        try:
            volume: Json | None = self._engine.create_volume({"Name": name, "Labels": self.claim.labels})
        except EngineError:
            # Podman refuses a volume that was created at the same moment.
            volume = self._engine.inspect_volume(name)
            if volume is None:
                raise
        entry = locks.read_entry(volume or {})
        if entry is None:
            raise EngineError(f"the engine answered with another volume than {name}", status=0)
        self._doubtful.discard(name)
        if entry.token != self.claim.token:
            del self._asked[name]
        return entry

    def _clear(self, entries: tuple[Entry, ...]) -> None:
        """Only while this run's entry protects the lock: afterwards, new entries could have the same names."""
        asked = min(self._asked.values(), default=0.0)
        if self._clock.now() - asked < self.claim.lease / locks.RENEWALS:
            for entry in entries:
                self._remove(entry.name)
        else:
            self._remove_ours()

    def _renew(self) -> None:
        lease = self._lease
        if lease is None:
            return
        self._change_line()
        number = lease.entry.number + 1
        while (entry := self._enter(number)).token != self.claim.token:
            number += 1
        if not self._is_ours(lease.entry.name):
            raise self._lose(entry)
        self._lease = Lease(entry, self._asked[entry.name])
        for name in [name for name in self._asked if name != entry.name]:
            self._remove(name)

    def _change_line(self) -> None:
        """Use a separate connection from now on, or the shared one if none can be opened."""
        own, self._own = self._own, None
        if own is not None:
            with contextlib.suppress(DeployerError):
                self._engine = own()

    def _lose(self, entry: Entry) -> LockLostError:
        """The previous entry is missing: another run took the lock, or somebody released it."""
        project, taker = self.claim.project, None
        self._lost = LockLostError(
            f"the lock of {project} was lost: it was released by hand, or its volume was removed",
            hint="run plan again before you continue",
        )
        try:
            self._remove(entry.name)
            others = [found for found in self._entries() if found.token != self.claim.token]
            taker = others[0].claim if others else None
        except DeployerError:
            pass
        if taker is not None:
            hint = "this run did not renew it in time; run plan again before you continue"
            self._lost = LockLostError(f"the lock of {project} was lost: {taker.who} took it over", hint=hint)
        return self._lost

    def _entries(self) -> tuple[Entry, ...]:
        return locks.read_entries(self._engine.list_volumes(), self.claim.project)

    def _is_ours(self, name: str) -> bool:
        volume = self._engine.inspect_volume(name)
        entry = locks.read_entry(volume) if volume is not None else None
        return entry is not None and entry.token == self.claim.token

    def _remove_ours(self) -> None:
        for name in list(self._asked):
            if name not in self._doubtful or self._is_ours(name):
                self._remove(name)

    def _remove(self, name: str) -> None:
        try:
            self._engine.remove_volume(name)
        except EngineError as error:
            if not error.not_found:
                raise
        self._asked.pop(name, None)
        self._doubtful.discard(name)
