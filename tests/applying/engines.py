"""Engines, clocks and plans for tests of applying."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from deployer.applying.executor import Execution
from deployer.applying.performing import Stop, Tools
from deployer.interfaces import Engine
from deployer.model.desired import Address, Kind, OnFailure
from deployer.model.operations import (
    AwaitHealthy,
    CreateContainer,
    CreateVolume,
    Made,
    Operation,
    RemoveContainer,
    RenameContainer,
    StartContainer,
    StopContainer,
)
from deployer.model.plan import Group, HostPlan, Phase, Step, Work
from deployer.simulated import SimulatedEngine
from tests.executing import execute

IMAGE = "docker.io/library/app:1"


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.naps: list[float] = []

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.naps.append(seconds)


@dataclass
class Seen:
    """Events, in the order they came."""

    events: list[object] = field(default_factory=list)

    def emit(self, event: object) -> None:
        self.events.append(event)


Around = Callable[[str, tuple[Any, ...], Callable[[], Any]], Any]
"""Told of a call by name and arguments, and how to make it."""


def surrounded(engine: Engine, around: Around) -> Engine:
    """`engine`, every call of which goes through `around`."""
    return cast("Engine", _Surrounded(engine, around))


class _Surrounded:
    def __init__(self, engine: Engine, around: Around) -> None:
        self._engine = engine
        self._around = around

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method: Callable[..., Any] = getattr(self._engine, name)
        return lambda *args, **keys: self._around(name, args, lambda: method(*args, **keys))


BODY: dict[str, Any] = {"Image": IMAGE, "HostConfig": {}}


def app_engine(behaviours: Mapping[str, str] | None = None) -> SimulatedEngine:
    """One that has the image `app:1`."""
    engine = SimulatedEngine(behaviours=behaviours)
    engine.pull_image(IMAGE, "", None, lambda _message: None)
    return engine


def run(engine: Engine, name: str, labels: Mapping[str, str] | None = None, **host: Any) -> str:
    """A running container."""
    body = {"Image": IMAGE, "Labels": dict(labels or {}), "HostConfig": host}
    made, _ = engine.create_container(name, body, "")
    engine.start_container(made)
    return made


def step(
    number: int,
    operation: Operation,
    *,
    needs: tuple[int, ...] = (),
    group: Group | None = None,
    undo: tuple[Operation, ...] = (),
    keep: tuple[Operation, ...] = (),
    phase: Phase = Phase.CHANGE,
    name: str = "app",
) -> Step:
    return Step(number, operation, Address("web1", Kind.CONTAINER, name), "test", needs, group, undo, keep, phase)


def host_plan(*steps: Step, on_failure: OnFailure = OnFailure.STOP) -> HostPlan:
    return HostPlan("web1", "shop", steps=steps, on_failure=on_failure)


def carry_out(
    engine: Engine,
    *steps: Step,
    stop: Stop | None = None,
    seen: Seen | None = None,
    clock: Clock | None = None,
    on_failure: OnFailure = OnFailure.STOP,
) -> Execution:
    tools = Tools(engine, clock or Clock(), seen or Seen(), lambda _reference: None, stop or threading.Event())
    return execute(host_plan(*steps, on_failure=on_failure), tools)


def statuses(done: Execution) -> str:
    """`done done failed skipped`, in the order of the steps."""
    return " ".join(result.status for result in done.results)


def states(engine: Engine) -> dict[str, str]:
    return {str(entry["Names"][0]).lstrip("/"): str(entry["State"]) for entry in engine.list_containers()}


def volume(number: int, name: str, *needs: int, group: str = "") -> Step:
    together = Group(Work.REPLACE, (group,)) if group else None
    return step(number, CreateVolume(name, {"Name": name}), needs=needs, group=together, name=name)


def volumes(engine: Engine) -> list[str]:
    return [found["Name"] for found in engine.list_volumes()]


def replacement(old: str, *, first: int = 1, name: str = "app", body: dict[str, Any] | None = None) -> list[Step]:
    """The steps of a replacement, stop-first, as the planner makes them."""
    group, n = Group(Work.REPLACE, (name,)), first
    made = Made(n)

    def add(number: int, operation: Any, *undo: Any) -> Step:
        needs = (number - 1,) if number > first else ()
        return step(number, operation, needs=needs, group=group, undo=undo, name=name)

    return [
        add(n, CreateContainer(f"{name}.new", body or BODY), RemoveContainer(made)),
        add(n + 1, StopContainer(old), StartContainer(old)),
        add(n + 2, RenameContainer(old, f"{name}.old"), RenameContainer(old, name)),
        add(n + 3, RenameContainer(made, name), RenameContainer(made, f"{name}.new")),
        add(n + 4, StartContainer(made), StopContainer(made)),
        add(n + 5, AwaitHealthy(made, 60, 5)),
        step(n + 6, RemoveContainer(old), needs=(n + 5,), phase=Phase.COMMIT, name=name),
    ]
