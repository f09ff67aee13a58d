"""Runs a play on hosts exclusively, with a plan that is still valid, and records the result. Hosts without changes are
neither locked nor written to."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from msgspec.structs import replace

from deployer import __version__
from deployer.applying import history as records
from deployer.applying.locking import ForEachHost, Locks, Run, time_stamp
from deployer.applying.performing import Stop
from deployer.errors import DeployerError, ExitCode, boundary
from deployer.interfaces import Clock, Engine, Events
from deployer.model import volume_names
from deployer.model.history import Record, Result, changes_of, fields_of, owed_after, recorded_move, result_of
from deployer.model.operations import Operation
from deployer.model.outcome import Blocked, HostOutcome, Notice, Obstacle, Status
from deployer.model.plan import Counts, HostPlan, Moved, ResourceChange, Unreachable

OLD: Final = 15.0
"""Seconds after which a host is read again before it is changed: the confirmation may have taken long."""


class Turns:
    """The exclusive access of one run. `read_at`: when the hosts were read, by `clock`. `records`: the number of the
    newest record of each host and project at that time. Without a run, nothing is locked or recorded."""

    def __init__(
        self,
        run: Run | None,
        each: ForEachHost,
        clock: Clock,
        events: Events,
        stop: Stop,
        *,
        read_at: float,
        records: Mapping[tuple[str, str], int],
        another: Callable[[str], Engine] | None = None,
    ) -> None:
        """`another` opens an additional connection to a host."""
        self._another = another
        self._run = run
        self._each = each
        self._clock = clock
        self._events = events
        self._stop = stop
        self._read_at = read_at
        self._records = dict(records)
        self._worked: set[str] = set()
        self._started: dict[str, int] = {}
        self._commit = ""
        self._id = uuid.uuid4().hex[:12]

    @contextmanager
    def of_play(self, plans: Iterable[HostPlan]) -> Iterator[Turn]:
        """Lock the hosts with changes, and those from which containers are moved. The locks are always released at the
        end."""
        busy: dict[str, str] = {}
        for plan in (plan for plan in plans if plan.steps and not plan.refusals):
            busy |= dict.fromkeys(plan.concerned, plan.project)
        if self._run is None or not busy:
            yield Turn(self, None)
            return
        self._commit = self._commit or self._run.commit()
        locks = Locks(self._run, self._each, self._clock, self._events, self._stop, own=self._another)
        turn = Turn(self, locks)
        try:
            if self._run.lock:
                locks.take(busy)
            yield turn
        finally:
            try:
                self._put_on_record(turn.outcomes, locks)
            finally:
                locks.release()

    def still_holds(self, plan: HostPlan, locks: Locks | None) -> bool:
        """Whether a plan is still valid: this run waited for no other run, none has recorded changes since the host was
        read, and that was recently. A plan lacks the ids of objects that earlier plays of this run created."""
        if self._run is None or locks is None:
            return True
        volumes = locks.volumes(plan.host)
        known = self._records.get((plan.host, plan.project), 0)
        if plan.host in locks.waited or (volumes is not None and volume_names.newest(volumes, plan.project) != known):
            return False
        return plan.host not in self._worked and self._clock.now() - self._read_at < OLD

    def has_worked_on(self, host: str) -> bool:
        """Whether an earlier play of this run has changed the host."""
        return host in self._worked

    def _put_on_record(self, outcomes: Mapping[str, HostOutcome], locks: Locks) -> None:
        changed = {host: found for host, found in outcomes.items() if found.results and found.unreachable is None}
        self._worked |= set(changed)
        changed |= {host: outcomes[host] for host in self._started if host in outcomes and host not in changed}
        changed = {host: found for host, found in changed.items() if found.unreachable is None}
        if not changed or self._run is None:
            return
        stamp = time_stamp(self._run.now())
        made = {host: self._record(found, stamp) for host, found in changed.items()}
        done = {host: _operations(found) for host, found in changed.items()}
        self._each(changed, lambda host, engine: self._write(host, engine, made[host], done[host], locks))
        away = {moved.source: made[host] for host, found in changed.items() if (moved := _gone(found)) is not None}
        self._each(away, lambda host, engine: self._write_left(host, engine, away[host], locks))

    def _record(self, outcome: HostOutcome, stamp: str) -> Record:
        assert self._run is not None
        changes, counts = changes_of(outcome)
        return Record(
            project=outcome.plan.project,
            time=stamp,
            who=self._run.who,
            command=self._run.command,
            commit=self._commit,
            result=result_of(outcome),
            version=__version__,
            counts=counts,
            changes=changes,
            fields=fields_of(outcome),
            declared=tuple(sorted(outcome.plan.images)),
            before=outcome.plan.before,
            endpoints=owed_after(outcome),
            run=self._id,
            moved=recorded_move(outcome.plan),
        )

    def start(self, plan: HostPlan, engine: Engine, locks: Locks | None) -> None:
        """Record the planned changes before the first one, so that later runs find them if this run is killed."""
        if self._run is None or locks is None or not plan.steps:
            return
        stamp = time_stamp(self._run.now())
        record = replace(self._record(HostOutcome(plan), stamp), result=Result.STARTED, counts=Counts())
        try:
            with boundary():
                self._started[plan.host] = records.start(engine, record, locks.volumes(plan.host))
        except DeployerError as error:
            self._notice(plan.host, error)

    def _notice(self, host: str, error: DeployerError) -> None:
        """If a record cannot be written, that is only a warning."""
        self._events.emit(Notice(host, f"this run could not be recorded: {error.message}"))

    def _write(self, host: str, engine: Engine, record: Record, done: tuple[Operation, ...], locks: Locks) -> None:
        try:
            with boundary():
                number = records.write(engine, record, locks.volumes(host), done, started=self._started.pop(host, 0))
        except DeployerError as error:
            self._notice(host, error)
        else:
            self._records[host, record.project] = number

    def _write_left(self, host: str, engine: Engine, record: Record, locks: Locks) -> None:
        try:
            with boundary():
                self._records[host, record.project] = records.write_left(engine, record, locks.volumes(host))
        except DeployerError as error:
            self._notice(host, error)


class Turn:
    """The exclusive access to the hosts of one play."""

    def __init__(self, turns: Turns, locks: Locks | None) -> None:
        self.outcomes: dict[str, HostOutcome] = {}
        """The last outcome of each host is recorded."""
        self._turns = turns
        self._locks = locks

    def begin(self, plan: HostPlan, engine: Engine, again: Callable[[], HostPlan]) -> HostPlan | Blocked | Unreachable:
        """What to do on one host: the plan, the rest of it after planning `again`, or why nothing is done."""
        for host in plan.concerned:
            if self._locks is not None and (bar := self._locks.bar(host)) is not None:
                if isinstance(bar, Blocked) and host != plan.host:
                    return replace(bar, detail=bar.detail or host)
                return bar
        if not self._turns.still_holds(plan, self._locks):
            made = again()
            if unseen := _unseen(plan, made, exactly=not self._turns.has_worked_on(plan.host)):
                return Blocked(Obstacle.CHANGED, detail=", ".join(unseen))
            plan = made
        self._turns.start(plan, engine, self._locks)
        return plan

    def check(self, host: str) -> None:
        """Call it before every write. Raises `LockLostError`, or another `DeployerError` if the host cannot be read."""
        if self._locks is not None:
            self._locks.check(host)

    def check_all(self, hosts: Iterable[str]) -> None:
        for host in hosts:
            self.check(host)

    def ended(self, outcomes: Iterable[HostOutcome]) -> None:
        self.outcomes |= {outcome.host: outcome for outcome in outcomes}


def _gone(outcome: HostOutcome) -> Moved | None:
    """What has left another host."""
    return outcome.plan.moved if outcome.exit_code is ExitCode.OK else None


def _operations(outcome: HostOutcome) -> tuple[Operation, ...]:
    """The operations that succeeded."""
    return tuple(result.step.operation for result in outcome.results if result.status is Status.DONE)


def _unseen(shown: HostPlan, made: HostPlan, *, exactly: bool) -> list[str]:
    """Changes that the operator has not confirmed. Fewer changes are accepted: another run has made them. If this run
    changed the host before, values may differ (`exactly` is false): they may be ids of objects it created."""
    if exactly:
        agreed = {_key(change) for change in shown.changes}
        new = [change.address.label for change in made.changes if _key(change) not in agreed]
    else:
        paths = {(change.address, change.action): _paths(change) for change in shown.changes}
        fits = (_paths(change) <= paths.get((change.address, change.action), frozenset()) for change in made.changes)
        new = [change.address.label for change, fit in zip(made.changes, fits, strict=True) if not fit]
    return [*new, *(refusal.address.label for refusal in made.refusals)]


def _paths(change: ResourceChange) -> frozenset[tuple[str, ...]]:
    """The fields that differ, and the change itself."""
    return frozenset({(), *(diff.path for diff in change.diffs)})


def _key(change: ResourceChange) -> Hashable:
    """The action, the address, and the old and new values; without reason and position."""
    return change.address, change.action, tuple((diff.path, diff.old, diff.new) for diff in change.diffs)
