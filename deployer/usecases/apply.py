"""Applies a plan: executes and verifies it, play by play, batch by batch, the hosts of a batch in parallel."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from deployer.applying.executor import Execution, abandon, change, commit, fetch, may_commit, roll_back
from deployer.applying.history import forget_files
from deployer.applying.lock import LockLostError
from deployer.applying.locking import Locks, Run
from deployer.applying.performing import Stop, Tools
from deployer.applying.pulling import PullSlots
from deployer.applying.turns import Turn, Turns
from deployer.errors import DeployerError, ExitCode, UnreachableError, boundary
from deployer.fields.options import Recreate
from deployer.interfaces import Clock, Engine, Events
from deployer.model.desired import Desired, OnFailure, has_settings
from deployer.model.observed import Observed
from deployer.model.outcome import Blocked, HostEnded, HostOutcome, Notice, Obstacle, Outcome
from deployer.model.plan import Action, HostPlan, Phase, PlayPlan, ResourceChange, Unreachable
from deployer.model.settings import ContainerSettings, RunSettings
from deployer.planning.container.health import judged
from deployer.planning.earlier import manifests_of
from deployer.planning.moves import with_move
from deployer.planning.run_once import alone_first
from deployer.usecases.fleet import guarded
from deployer.usecases.image_sources import ImageSources
from deployer.usecases.load import PlayInput
from deployer.usecases.plan import Session, credentials, reconcile
from deployer.usecases.system import System, keep_passwords

if TYPE_CHECKING:
    from deployer.usecases.moves import Move
    from deployer.usecases.moving import Moving

Of = TypeVar("Of", HostPlan, Desired)

PULLS_AT_ONCE: Final = 8
"""Hosts of a play that pull one image at the same time: more would slow down each other at the registry."""

LOOPS: Final = "keeps restarting"
UNTOUCHED: Final = "this run does not change it"


def apply(session: Session, system: System, events: Events, stop: Stop, run: Run | None = None) -> Outcome:
    """Applies the plan: plays in order, batches in order, hosts of a batch in parallel. A failed host takes no part in
    later plays; a batch with too many failures ends the run. `run` describes the run in locks and records; without it,
    hosts are not locked and nothing is recorded. New passwords are written to their files first; raises `DeployerError`
    if that is not possible."""
    if session.method.planner is reconcile:
        keep_passwords(session.planned.loaded.passwords)
    outcomes: list[HostOutcome] = []
    out: set[str] = set()
    planned = session.planned
    fleet, read_at = session.fleet, planned.read_at
    turns = Turns(
        run, fleet.each, system.clock, events, stop, read_at=read_at, records=planned.records, another=fleet.another
    )
    with ImageSources(fleet.host, len(fleet.hosts)) as sources:
        for number, (play, given) in enumerate(zip(planned.plan.plays, planned.loaded.plays, strict=True)):
            with turns.of_play(found for found in play.hosts if found.host not in out) as turn:
                plans, wishes = _by_host(play.hosts), _by_host(given.desired)
                moves = {host: move for (of, host), move in session.moves.items() if of == number}
                work = _Work(session, system, events, stop, turn, plans, wishes, sources, moves)
                goes_on, ended = _play(work, play, given, out)
            outcomes += ended
            if not goes_on:
                break
    if run is not None:
        clear_locks(session, system, events, run)
    return Outcome(planned.plan, tuple(outcomes))


def clear_locks(session: Session, system: System, events: Events, run: Run) -> None:
    """Removes what killed runs left from hosts on which this run changes nothing: locks, and containers that wrote
    files. Locks of active runs stay."""
    planned = session.planned
    busy = {(plan.host, plan.project) for plan in planned.plan.hosts if plan.steps and not plan.refusals}
    left = sorted(planned.locked - busy) if run.lock else ()
    for project in {project: None for _, project in left}:
        locks = Locks(replace(run, wait=0.0), session.fleet.each, system.clock, events, threading.Event())
        hosts = [host for host, other in left if other == project]
        locks.take(dict.fromkeys(hosts, project))
        taken = (host for host in hosts if locks.bar(host) is None)
        session.fleet.each(taken, partial(_forget, locks, project))
        locks.release()


def _forget(locks: Locks, project: str, host: str, engine: Engine) -> None:
    forget_files(engine, project, locks.volumes(host) or ())


def _play(work: _Work, play: PlayPlan, given: PlayInput, out: set[str]) -> tuple[bool, list[HostOutcome]]:
    """Applies one play. Adds failed hosts to `out`; returns whether the run continues, and the outcomes. Hosts that
    were unreachable while planning count as failed in their batch, so the batch may not start at all."""
    outcomes: list[HostOutcome] = []
    away: list[str] = []
    failed = False
    batches = given.batches if play.once is None else alone_first(given.batches, play.once.host)
    for number, batch in enumerate(batches):
        if play.once is not None and play.once.host in out:
            failed = True
            break
        hosts = [host for host in batch if host in work.plans and host not in out]
        lost = [host for host in batch if host not in work.plans and host not in out]
        out |= set(lost)
        away += lost
        failed = bool(lost) and _too_many(len(lost), len(hosts) + len(lost), given, OnFailure.STOP)
        if failed:
            break
        if number and hosts:
            _pause(given.pause, work.system.clock, work.stop)
        if not hosts or work.stop.is_set():
            continue
        ended = work.session.fleet.each(hosts, work.one)
        found = [_outcome(work.plans[host], result) for host, result in ended.items()]
        work.turn.ended(found)
        outcomes += found
        out |= {host for outcome in found if outcome.exit_code for host in outcome.plan.concerned}
        bad = sum(outcome.exit_code not in (ExitCode.OK, ExitCode.INTERRUPTED) for outcome in found)
        failed = _too_many(bad + len(lost), len(hosts) + len(lost), given, work.on_failure if bad else OnFailure.STOP)
        if failed:
            break
    return not failed, work.settle(outcomes, away, restore=failed)


def _pause(seconds: float, clock: Clock, stop: Stop) -> None:
    """Returns early if the operator stops the run."""
    until = clock.now() + seconds
    while clock.now() < until and not stop.is_set():
        clock.sleep(min(0.2, max(0.0, until - clock.now())))


def _too_many(bad: int, hosts: int, given: PlayInput, on_failure: OnFailure) -> bool:
    """As in Ansible: strictly more than the percentage, or, without one, if every host of a batch failed. With
    `rollback_all`, the first failure ends the play, unless a percentage is set."""
    limit = given.max_fail_percentage
    if bad and (given.any_errors_fatal or (limit is None and on_failure is OnFailure.ROLLBACK_ALL)):
        return True
    return bad == hosts if limit is None else 100 * bad / hosts > limit


def _outcome(host_plan: HostPlan, result: HostOutcome | Unreachable) -> HostOutcome:
    return HostOutcome(host_plan, unreachable=result) if isinstance(result, Unreachable) else result


class _Pending(Struct, frozen=True):
    """A host of a play that may still be rolled back as a whole."""

    outcome: HostOutcome
    done: Execution


class _Work:
    """One play's work on its hosts."""

    def __init__(
        self,
        session: Session,
        system: System,
        events: Events,
        stop: Stop,
        turn: Turn,
        plans: Mapping[str, HostPlan],
        desired: Mapping[str, Desired],
        sources: ImageSources,
        moves: Mapping[str, Move],
    ) -> None:
        self.session = session
        self.system = system
        self.stop = stop
        self.turn = turn
        self.plans = plans
        self._events = events
        self._desired = desired
        self._slots = PullSlots(PULLS_AT_ONCE)
        self._sources = sources
        self._pending: dict[str, _Pending] = {}
        self._moves = moves
        self._moving: dict[str, Moving] = {}

    @property
    def on_failure(self) -> OnFailure:
        return next((found.on_failure for found in self.plans.values()), OnFailure.ROLLBACK_HOST)

    def one(self, host: str, engine: Engine) -> HostOutcome:
        outcome = _outcome(self.plans[host], guarded(host, lambda: self._apply(self.plans[host], engine)))
        if host not in self._pending:
            self._events.emit(HostEnded(outcome))
        return outcome

    def settle(self, outcomes: list[HostOutcome], away: Iterable[str], *, restore: bool) -> list[HostOutcome]:
        """Runs the delayed second phase of every host, or rolls back every host. `away`: unreachable hosts. Returns the
        final outcomes."""
        if not self._pending:
            return outcomes
        why = ", ".join((*(found.host for found in outcomes if found.exit_code), *away))
        end = partial(self._restore, why) if restore else self._commit
        ended = self.session.fleet.each(self._pending, end)
        settled = [_settled_outcome(found, ended.get(found.host)) for found in outcomes]
        self.turn.ended(settled)
        return settled

    def _apply(self, shown: HostPlan, engine: Engine) -> HostOutcome:
        outcome = HostOutcome(shown, refused=bool(shown.refusals), unchanged=self._unchanged(shown))
        if shown.refusals or not shown.steps:
            return outcome
        match self.turn.begin(shown, engine, lambda: self._plan_again(shown.host, engine)):
            case Blocked() as blocked:
                return replace(outcome, blocked=blocked)
            case Unreachable() as lost:
                return replace(outcome, unreachable=lost)
            case host_plan:
                outcome = replace(outcome, plan=host_plan, shown=shown, unchanged=self._unchanged(host_plan))
                if not host_plan.steps:
                    return outcome
                return self._carry(outcome, engine) if host_plan.moved is not None else self._execute(outcome, engine)

    def _carry(self, outcome: HostOutcome, engine: Engine) -> HostOutcome:
        """A host that gets containers of another one."""
        from deployer.usecases.moving import Moving, watching_of

        host, tools = outcome.host, self._tools(outcome.host, engine)
        source, loaded = self._moves[host].source, self.session.planned.loaded
        permit = partial(self.turn.check_all, (host, source))
        move, fleet = self._moves[host], self.session.fleet
        moving = Moving(move, fleet, loaded, watching_of(tools, permit), pruned=source in self.plans)
        ended = moving.check(outcome)
        fetched = fetch(outcome.plan, tools) if ended is None else Execution(())
        outcome = replace(outcome, results=fetched.results)
        if not fetched.complete:
            done = abandon(outcome.plan, tools, fetched)
            return replace(self._ended(outcome, done, done.unreachable), interrupted=self.stop.is_set())
        ended = ended or moving.carry(outcome)
        if ended is not None:
            return ended
        self._moving[host] = moving
        try:
            ended = self._execute(outcome, engine, fetched)
        except BaseException:
            moving.give_up()
            raise
        return ended if host in self._pending else moving.end(ended)

    def _end_move(self, outcome: HostOutcome) -> HostOutcome:
        """Of a host that was waiting for the others of the play."""
        return self._moving[outcome.host].end(outcome) if outcome.host in self._moving else outcome

    def _execute(self, outcome: HostOutcome, engine: Engine, fetched: Execution | None = None) -> HostOutcome:
        host_plan, tools = outcome.plan, self._tools(outcome.host, engine)
        done = change(host_plan, tools, fetched)
        remaining, lost = self._verified(host_plan, engine) if done.complete else ((), done.unreachable)
        interrupted = self.stop.is_set() and not done.complete
        if host_plan.on_failure is not OnFailure.STOP and any(map(_is_down, remaining)):
            done = roll_back(host_plan, tools, done)
        elif lost is not None or not may_commit(host_plan, done):
            done = abandon(host_plan, tools, done)
        elif host_plan.on_failure is OnFailure.ROLLBACK_ALL and not remaining and not interrupted:
            found = self._ended(outcome, done, lost)
            self._pending[outcome.host] = _Pending(found, done)
            return found
        else:
            done = commit(host_plan, tools, done)
        lost = lost or done.unreachable
        return replace(self._ended(outcome, done, lost), remaining=remaining, interrupted=interrupted)

    def _ended(self, outcome: HostOutcome, done: Execution, lost: UnreachableError | None) -> HostOutcome:
        taken = isinstance(lost, LockLostError)
        return replace(
            outcome,
            results=done.results,
            unreachable=Unreachable(outcome.host, lost.message, lost.hint) if lost and not taken else None,
            blocked=Blocked(Obstacle.LOST, detail=lost.message, hint=lost.hint) if lost and taken else None,
        )

    def _commit(self, host: str, engine: Engine) -> HostOutcome:
        pending = self._pending[host]
        done = commit(pending.outcome.plan, self._tools(host, engine), pending.done)
        outcome = self._end_move(self._ended(pending.outcome, done, done.unreachable))
        self._events.emit(HostEnded(outcome))
        return outcome

    def _restore(self, why: str, host: str, engine: Engine) -> HostOutcome:
        pending = self._pending[host]
        done = roll_back(pending.outcome.plan, self._tools(host, engine), pending.done)
        outcome = replace(self._ended(pending.outcome, done, done.unreachable), restored=f"after the failure of {why}")
        outcome = self._end_move(outcome)
        self._events.emit(HostEnded(outcome))
        return outcome

    def _tools(self, host: str, engine: Engine) -> Tools:
        auth = credentials(self.session.planned.loaded.of_host(host))
        permit = partial(self.turn.check, host)
        sources = self._sources
        slots = self._slots.of
        return Tools(
            engine,
            self.system.clock,
            self._events,
            auth,
            self.stop,
            permit,
            slots,
            sources.send,
            sources.builds,
            partial(self.session.fleet.host, host),
        )

    def _plan_again(self, host: str, engine: Engine) -> HostPlan:
        made = self.session.plan_again(host, engine, self._desired[host])
        return with_move(made, self.plans[host].moved)

    def _unchanged(self, host_plan: HostPlan) -> int:
        changed = {change.address for change in host_plan.changes} | {found.address for found in host_plan.refusals}
        return sum(found.address not in changed for found in self._desired[host_plan.host].resources)

    def _verified(
        self, host_plan: HostPlan, engine: Engine
    ) -> tuple[tuple[ResourceChange, ...], UnreachableError | None]:
        """The remaining changes, or why they are unknown."""
        try:
            with boundary():
                return self._verify(host_plan, engine), None
        except UnreachableError as error:
            return (), error
        except DeployerError as error:
            return (), UnreachableError(f"cannot be read after the changes: {error.message}", hint=error.hint)

    def _verify(self, host_plan: HostPlan, engine: Engine) -> tuple[ResourceChange, ...]:
        """Reads and compares the host again. Remaining changes did not converge, except those of the second phase.
        Containers that are not part of the plan and stopped meanwhile are only reported."""
        method = self.session.method
        desired = _settled(self._desired[host_plan.host])
        seen = _without(self.session.observe(host_plan.host, engine), host_plan)
        left = (method.verifier or method.planner)(desired, seen, self.session.planned.policy)
        at_last = {step.address for step in left.steps} - {s.address for s in left.steps if s.phase is Phase.CHANGE}
        others = left.changes if method.verifier is not None else ()
        at_last |= {found.address for found in others} - {found.address for found in host_plan.changes}
        looping = (
            ResourceChange(resource.address, Action.START, reason=LOOPS)
            for resource in desired.of(ContainerSettings)
            for found in [seen.container(resource.name)]
            if found is not None and found.state == "restarting" and not resource.absent
        )
        found = (*(each for each in left.changes if each.address not in at_last), *looping)
        answered = judged(desired, host_plan.changes)
        for other in (each for each in found if _is_down(each) and each.address.name not in answered):
            self._events.emit(Notice(host_plan.host, f"{other.address.label}: {other.reason}; {UNTOUCHED}"))
        # Containers that did not work before the run are awaited in the second phase.
        waits = {step.address for step in host_plan.steps if step.phase is Phase.COMMIT and step.operation.waits}
        kept = (each for each in found if not _is_down(each) or each.address.name in answered)
        return tuple(each for each in kept if each.address not in waits)


def _without(seen: Observed, host_plan: HostPlan) -> Observed:
    """The host without the containers that the second phase will remove, and with the manifests that it will write."""
    at_last = (step.operation for step in host_plan.steps if step.phase is Phase.COMMIT and not step.operation.waits)
    away = {getattr(operation, "container", "") for operation in at_last}
    containers = tuple(found for found in seen.containers if found.id not in away)
    return replace(seen, containers=containers, manifests={**seen.manifests, **manifests_of(host_plan)})


def _is_down(found: ResourceChange) -> bool:
    return found.action is Action.START


def _settled_outcome(found: HostOutcome, ended: HostOutcome | Unreachable | None) -> HostOutcome:
    if ended is None:
        return found
    return ended if isinstance(ended, HostOutcome) else replace(found, unreachable=ended)


def _by_host(found: Iterable[Of]) -> dict[str, Of]:
    return {each.host: each for each in found}


def _settled(desired: Desired) -> Desired:
    """`recreate: always` has been applied."""
    resources = (
        replace(found, settings=replace(found.settings, recreate=Recreate.AUTO))
        if has_settings(found, RunSettings)
        else found
        for found in desired.resources
    )
    return replace(desired, resources=tuple(resources))
