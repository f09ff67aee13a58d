"""A simulated engine to carry plans out on: read, plan, execute, as often as a test likes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from msgspec.structs import replace

from deployer.applying.executor import Execution
from deployer.applying.operations import Worker, perform
from deployer.applying.performing import Tools
from deployer.engine.observe import needs_of, observe
from deployer.interfaces import Engine
from deployer.model.desired import Desired
from deployer.model.observed import Observed
from deployer.model.outcome import Status, StepResult
from deployer.model.plan import HostPlan, Step
from deployer.planning.policy import Policy
from deployer.planning.reconcile import destroy, reconcile
from deployer.simulated import SimulatedEngine
from tests.executing import execute
from tests.planning.build import HOST, play


class _Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self._now = 0.0

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


class _Silence:
    def emit(self, event: object) -> None:
        """Nobody looks."""


@dataclass(slots=True)
class Host:
    """One simulated host."""

    engine: SimulatedEngine = field(default_factory=SimulatedEngine)

    def look(self, *wishes: Desired, adopt: bool = False) -> Observed:
        needs = replace(needs_of(wishes, lambda _reference: None), adopt=adopt)
        return observe(self.engine, HOST, needs, width=1)

    def plan(self, wish: str | Desired, **policy: Any) -> HostPlan:
        desired = _read(wish)
        return reconcile(desired, self.look(desired, adopt=bool(policy.get("adopt"))), Policy(**policy))

    def apply(self, wish: str | Desired, *, steps: int | None = None, **policy: Any) -> Execution:
        """Carry out the plan, or only its first `steps`, as if the run was killed after them."""
        found = self.plan(wish, **policy)
        assert not found.refusals, found.refusals
        return self.execute(found if steps is None else replace(found, steps=found.steps[:steps]))

    def execute(self, found: HostPlan) -> Execution:
        stop = threading.Event()
        # What a killed run leaves is not undone by that run.
        killed = replace(found, steps=tuple(replace(step, group=None) for step in found.steps))
        return execute(killed, Tools(self.engine, _Clock(), _Silence(), lambda _reference: None, stop))

    def execute_on(self, engine: Engine, found: HostPlan) -> Execution:
        """The same on an engine around the host's own, such as one that fails, and with what a failure undoes."""
        return execute(found, Tools(engine, _Clock(), _Silence(), lambda _reference: None, threading.Event()))

    def execute_in(self, found: HostPlan, choose: Callable[[list[Step]], Step]) -> list[Step]:
        """Carry out the whole plan one step at a time, in an order that its graph allows and the caller chooses.
        Returns the steps in that order; the engine's refusal of one of them is raised."""
        made: dict[int, str] = {}
        worker = Worker(
            self.engine, _Clock(), lambda _reference: None, made, lambda _progress: None, HOST, lambda: False
        )
        waiting, done = list(found.steps), list[Step]()
        while waiting:
            numbers = {step.number for step in done}
            step = choose([each for each in waiting if numbers.issuperset(each.needs)])
            waiting.remove(step)
            done.append(step)
            if key := perform(worker, step.operation).made:
                made[step.number] = key
        return done

    def converge(self, wish: str | Desired, **policy: Any) -> None:
        """Apply, and see that nothing is left to do."""
        done = self.apply(wish, **policy)
        assert all(result.status is Status.DONE for result in done.results), failures(done)
        again = self.plan(wish, **policy)
        assert (again.changes, again.steps) == ((), ()), str(again)

    def destroy(self, wish: str | Desired) -> HostPlan:
        desired = _read(wish)
        found = destroy(desired, self.look(desired), Policy())
        self.execute(found)
        return found

    @property
    def containers(self) -> dict[str, str]:
        """Names and states."""
        listed = self.engine.list_containers()
        return {str(entry["Names"][0]).lstrip("/"): str(entry["State"]) for entry in listed}


@cache
def converged(text: str) -> SimulatedEngine:
    """An engine on which a play was applied; copy it before use."""
    host = Host()
    host.converge(text)
    return host.engine


@cache
def _play(text: str) -> Desired:
    return play(text)


def _read(wish: str | Desired) -> Desired:
    return wish if isinstance(wish, Desired) else _play(wish)


def failures(done: Execution) -> list[StepResult]:
    return [result for result in done.results if result.status is not Status.DONE]
