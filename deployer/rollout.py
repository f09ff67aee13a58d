"""Doing what a plan says: execute and verify, play by play, batch by batch, the hosts of a batch in parallel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from deployer import runner
from deployer.applying.executor import Execution, Stop, Tools, execute
from deployer.applying.lock import LockLostError
from deployer.applying.locking import Run
from deployer.applying.turns import Turn, Turns
from deployer.engine.observe import observe
from deployer.errors import EngineError, UnreachableError
from deployer.inputs import PlayInput
from deployer.interfaces import Clock, Engine, Events
from deployer.model.desired import Desired, Kind
from deployer.model.outcome import Blocked, HostEnded, HostOutcome, Obstacle, Outcome, Status
from deployer.model.plan import Action, HostPlan, PlayPlan, ResourceChange, Unreachable
from deployer.records import dataclass
from deployer.world import World

Of = TypeVar("Of", HostPlan, Desired)


def apply(planned: runner.Planned, world: World, events: Events, stop: Stop, run: Run | None = None) -> Outcome:
    """Do what the plan says: plays in order, batches in order, hosts of a batch in parallel.

    A host that failed takes no part in what follows; a batch with too many failures ends the run. `run`: for whom
    hosts are locked and what is put on record; without it neither is done.
    """
    outcomes: list[HostOutcome] = []
    out: set[str] = set()
    turns = Turns(run, planned.fleet.each, world.clock, events, stop, read_at=planned.read_at, records=planned.records)
    for play, given in zip(planned.plan.plays, planned.loaded.plays, strict=True):
        with turns.of_play(found for found in play.hosts if found.host not in out) as turn:
            work = _Work(planned, world, events, stop, turn, _by_host(play.hosts), _by_host(given.desired))
            if not _batches(work, play, given, outcomes, out):
                break
    return Outcome(planned.plan, tuple(outcomes))


def _batches(work: _Work, play: PlayPlan, given: PlayInput, outcomes: list[HostOutcome], out: set[str]) -> bool:
    """One play. Adds to the outcomes and to the hosts that are `out`; returns whether the run goes on."""
    for number, batch in enumerate(play.batches):
        hosts = [host for host in batch if host not in out]
        if number and hosts:
            _pause(given.pause, work.world.clock, work.stop)
        if not hosts or work.stop.is_set():
            continue
        ended = work.planned.fleet.each(hosts, work.one)
        found = [_outcome(work.plans[host], result) for host, result in ended.items()]
        work.turn.ended(found)
        outcomes += found
        bad = {outcome.host for outcome in found if outcome.exit_code}
        out |= bad
        if _too_many(len(bad), len(hosts), given):
            return False
    return True


def _pause(seconds: float, clock: Clock, stop: Stop) -> None:
    """Ends early when the operator stops the run."""
    until = clock.now() + seconds
    while clock.now() < until and not stop.is_set():
        clock.sleep(min(0.2, max(0.0, until - clock.now())))


def _too_many(bad: int, hosts: int, given: PlayInput) -> bool:
    """Ansible's rule: strictly more than the percentage; without one, a batch of which every host failed."""
    if given.any_errors_fatal and bad:
        return True
    limit = given.max_fail_percentage
    return bad == hosts if limit is None else 100 * bad / hosts > limit


def _outcome(host_plan: HostPlan, result: HostOutcome | Unreachable) -> HostOutcome:
    return HostOutcome(host_plan, unreachable=result) if isinstance(result, Unreachable) else result


@dataclass(frozen=True, slots=True)
class _Work:
    """One play's work on one of its hosts."""

    planned: runner.Planned
    world: World
    events: Events
    stop: Stop
    turn: Turn
    plans: Mapping[str, HostPlan]
    desired: Mapping[str, Desired]

    def one(self, host: str, engine: Engine) -> HostOutcome:
        outcome = self._apply(self.plans[host], engine)
        self.events.emit(HostEnded(outcome))
        return outcome

    def _apply(self, shown: HostPlan, engine: Engine) -> HostOutcome:
        outcome = HostOutcome(shown, refused=bool(shown.refusals), unchanged=self._unchanged(shown))
        if shown.refusals or not shown.steps:
            return outcome
        match self.turn.begin(shown, lambda: self._plan_again(shown.host, engine)):
            case Blocked() as blocked:
                return replace(outcome, blocked=blocked)
            case Unreachable() as lost:
                return replace(outcome, unreachable=lost)
            case host_plan:
                outcome = replace(outcome, plan=host_plan, shown=shown, unchanged=self._unchanged(host_plan))
                return self._execute(outcome, engine) if host_plan.steps else outcome

    def _execute(self, outcome: HostOutcome, engine: Engine) -> HostOutcome:
        host_plan = outcome.plan
        auth = runner.credentials(self.planned.loaded.of_host(host_plan.host))
        permit = partial(self.turn.check, host_plan.host)
        done = execute(host_plan, Tools(engine, self.world.clock, self.events, auth, self.stop, permit))
        remaining, lost = self._verified(host_plan, engine) if _complete(done) else ((), done.unreachable)
        taken = isinstance(lost, LockLostError)
        return replace(
            outcome,
            results=done.results,
            remaining=remaining,
            unreachable=Unreachable(host_plan.host, lost.message, lost.hint) if lost and not taken else None,
            blocked=Blocked(Obstacle.LOST, detail=lost.message, hint=lost.hint) if lost and taken else None,
            interrupted=self.stop.is_set() and not _complete(done),
        )

    def _plan_again(self, host: str, engine: Engine) -> HostPlan:
        seen = observe(engine, host, runner.needs(self.planned.loaded, host))
        return self.planned.planner(self.desired[host], seen, self.planned.policy)

    def _unchanged(self, host_plan: HostPlan) -> int:
        changed = {change.address for change in host_plan.changes} | {found.address for found in host_plan.refusals}
        return sum(found.address not in changed for found in self.desired[host_plan.host].resources)

    def _verified(
        self, host_plan: HostPlan, engine: Engine
    ) -> tuple[tuple[ResourceChange, ...], UnreachableError | None]:
        """What is left, or why that cannot be said."""
        try:
            return self._verify(host_plan, engine), None
        except UnreachableError as error:
            return (), error
        except EngineError as error:
            return (), UnreachableError(f"cannot be read again: {error.message}", hint=error.hint)

    def _verify(self, host_plan: HostPlan, engine: Engine) -> tuple[ResourceChange, ...]:
        """Read the host again and compare again: what is left did not converge."""
        loaded = self.planned.loaded
        desired = _settled(self.desired[host_plan.host])
        seen = observe(engine, host_plan.host, runner.needs(loaded, host_plan.host))
        left = self.planned.planner(desired, seen, self.planned.policy)
        looping = (
            ResourceChange(resource.address, Action.START, reason="keeps restarting")
            for resource in desired.of(Kind.CONTAINER)
            for found in [seen.container(resource.name)]
            if found is not None and found.state == "restarting" and not resource.absent
        )
        return (*left.changes, *looping)


def _by_host(found: Iterable[Of]) -> dict[str, Of]:
    return {each.host: each for each in found}


def _complete(done: Execution) -> bool:
    return all(result.status is Status.DONE for result in done.results)


def _settled(desired: Desired) -> Desired:
    """`recreate: always` was obeyed."""
    resources = tuple(replace(found, settings=replace(found.settings, recreate="auto")) for found in desired.resources)
    return replace(desired, resources=resources)
