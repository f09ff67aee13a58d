"""The two phases of a plan: what can be rolled back, and what cannot and comes last."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from deployer.applying.executor import WIDTH, change, commit, fetch, roll_back
from deployer.applying.performing import Tools
from deployer.errors import EngineError
from deployer.model.desired import OnFailure
from deployer.model.operations import (
    AwaitHealthy,
    Made,
    PullImage,
    RemoveContainer,
    RenameContainer,
    StartContainer,
    StopContainer,
    UpdateContainer,
)
from deployer.model.plan import Phase, Step
from tests.applying.engines import (
    BODY,
    Clock,
    Seen,
    app_engine,
    carry_out,
    host_plan,
    replacement,
    run,
    states,
    statuses,
    step,
    surrounded,
    volume,
    volumes,
)
from tests.engine.faulty import Faults, with_faults


def removal(number: int, container: str, *needs: int, name: str = "app") -> Step:
    return step(number, RemoveContainer(container), needs=needs, phase=Phase.COMMIT, name=name)


def test_irreversible_steps_come_last() -> None:
    engine = app_engine()
    old, more = run(engine, "app"), run(engine, "more")
    asked: list[str] = []

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        asked.append(name)
        return call()

    steps = [removal(1, more, 2), step(2, StopContainer(more)), step(3, StopContainer(old)), volume(4, "aa", 3)]
    assert statuses(carry_out(surrounded(engine, around), *steps)) == "done done done done"
    assert [name for name in asked if name.startswith("remove")] == [asked[-1]]


@pytest.mark.parametrize("policy", [OnFailure.ROLLBACK_HOST, OnFailure.ROLLBACK_ALL])
def test_everything_on_a_host_is_undone_when_one_step_fails(policy: OnFailure) -> None:
    engine = app_engine()
    old, second, third = run(engine, "app"), run(engine, "second"), run(engine, "third")
    body = {**BODY, "Labels": {"sim.behaviour": "exit:3:1"}}
    create, *rest = replacement(third, first=10, name="third", body=body)
    steps = [
        *replacement(old),
        step(8, StopContainer(second), needs=(6,), undo=(StartContainer(second),), name="second"),
        removal(9, second, 8, name="second"),
        replace(create, needs=(8,)),
        *rest,
        volume(17, "aa", 15),
    ]
    before = {found["Id"] for found in engine.list_containers()}
    done = carry_out(engine, *steps, on_failure=policy)
    assert statuses(done) == " ".join(["undone"] * 6 + ["skipped", "undone", "skipped"] + ["undone"] * 5) + (
        " failed skipped skipped"
    )
    assert {found["Id"] for found in engine.list_containers()} == before
    assert states(engine) == {"app": "running", "second": "running", "third": "running"}


def test_steps_without_a_way_back_stay_done() -> None:
    engine = app_engine()
    old = run(engine, "app")
    body = {**BODY, "Labels": {"sim.behaviour": "exit:3:1"}}
    first, *rest = replacement(old, body=body, first=2)
    steps = [volume(1, "aa"), replace(first, needs=(1,)), *rest]
    done = carry_out(engine, *steps, on_failure=OnFailure.ROLLBACK_HOST)
    assert statuses(done).startswith("done undone")
    assert volumes(engine) == ["aa"]


def kept_successor(old: str, behaviour: str) -> list[Step]:
    """A replacement whose successor is kept as `app.failed` when it is what fails."""
    body = {**BODY, "Labels": {"sim.behaviour": behaviour}, "HostConfig": {"RestartPolicy": {"Name": "always"}}}
    create, *rest = replacement(old, body=body)
    no_restart = UpdateContainer(Made(1), {"RestartPolicy": {"Name": "no"}})
    return [replace(create, keep=(no_restart, RenameContainer(Made(1), "app.failed"))), *rest]


@pytest.mark.parametrize("policy", list(OnFailure))
def test_a_container_that_failed_is_kept_for_a_look_at_it(policy: OnFailure) -> None:
    engine = app_engine()
    old = run(engine, "app")
    done = carry_out(engine, *kept_successor(old, "exit:3:1"), on_failure=policy)
    assert states(engine) == {"app": "running", "app.failed": "exited"}
    assert (engine.inspect_container("app.failed") or {})["HostConfig"]["RestartPolicy"]["Name"] == "no"
    assert done.results[0].warnings == ("the failed container is kept, stopped, as app.failed",)


@pytest.mark.parametrize("lost", [False, True])
def test_it_is_not_said_to_be_kept_when_it_is_gone_or_cannot_be_seen(lost: bool) -> None:
    engine = app_engine()
    old = run(engine, "app")

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "update_container":
            engine.remove_container(args[0], force=True, anonymous_volumes=False)
        if name == "inspect_container" and lost and args[0] == "app.failed":
            raise EngineError("no answer", status=500)
        return call()

    done = carry_out(surrounded(engine, around), *kept_successor(old, "exit:3:1"))
    assert (states(engine), done.results[0].warnings) == ({"app": "running"}, ())


def test_one_that_works_is_not_kept_when_another_fails() -> None:
    engine = app_engine()
    old, other = run(engine, "app"), run(engine, "other")
    body = {**BODY, "Labels": {"sim.behaviour": "exit:3:1"}}
    steps = [*kept_successor(old, "run")[:6], *replacement(other, first=8, name="other", body=body)]
    carry_out(engine, *steps, on_failure=OnFailure.ROLLBACK_HOST)
    assert states(engine) == {"app": "running", "other": "running"}


def test_none_is_kept_when_the_operator_stopped_the_run() -> None:
    engine = app_engine()
    old = run(engine, "app")
    stop = threading.Event()

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "start_container":
            stop.set()
        return call()

    carry_out(surrounded(engine, around), *kept_successor(old, "run"), stop=stop)
    assert states(engine) == {"app": "running"}


def test_a_start_that_is_reported_as_failed_is_stopped_all_the_same() -> None:
    engine = app_engine()
    old = run(engine, "app")
    carry_out(with_faults(engine, Faults(at=5, done=True)), *kept_successor(old, "run"))
    assert states(engine) == {"app": "running", "app.failed": "exited"}


def test_a_first_phase_that_worked_can_be_rolled_back_later() -> None:
    engine = app_engine()
    old = run(engine, "app")
    plan = host_plan(*replacement(old)[:6], removal(7, old, 6), on_failure=OnFailure.ROLLBACK_ALL)
    tools = Tools(engine, Clock(), Seen(), lambda _reference: None, threading.Event())
    done = change(plan, tools)
    assert [len(done.results), done.complete, states(engine)["app"]] == [6, True, "running"]
    back = roll_back(plan, tools, done)
    assert statuses(back) == "undone undone undone undone undone undone skipped"
    assert states(engine) == {"app": "running"}
    assert (engine.inspect_container("app") or {})["Id"] == old


def test_a_stop_does_not_keep_a_host_from_being_finished() -> None:
    engine = app_engine()
    old = run(engine, "app")
    plan = host_plan(*replacement(old)[:6], removal(7, old, 6))
    tools = Tools(engine, Clock(), Seen(), lambda _reference: None, threading.Event())
    done = change(plan, tools)
    assert isinstance(tools.stop, threading.Event)
    tools.stop.set()
    assert statuses(commit(plan, tools, done)) == "done done done done done done done"


def test_containers_are_waited_for_together() -> None:
    engine = app_engine()
    count = 3 * WIDTH
    made = [run(engine, f"app{number}") for number in range(count)]
    meeting = threading.Barrier(count, timeout=5)
    first: set[str] = set()

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "inspect_container" and args[0] not in first:
            first.add(args[0])
            meeting.wait()
        return call()

    steps = [step(number, AwaitHealthy(ref, 60, 0)) for number, ref in enumerate(made, start=1)]
    assert statuses(carry_out(surrounded(engine, around), *steps)) == " ".join(["done"] * count)


def test_images_can_be_fetched_before_anything_else_and_only_once() -> None:
    engine, seen, asked = app_engine(), Seen(), list[str]()

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        asked.append(name)
        if args and "gone" in str(args[0]):
            raise EngineError("no such image", status=404)
        return call()

    tools = Tools(surrounded(engine, around), Clock(), seen, lambda _reference: None, threading.Event())
    plan = host_plan(
        step(1, PullImage("docker.io/a/b:1"), name="b"), volume(2, "aa", 1), on_failure=OnFailure.ROLLBACK_HOST
    )
    fetched = fetch(plan, tools)
    assert (statuses(fetched), [name for name in asked if name != "inspect_image"]) == ("done", ["pull_image"])
    assert statuses(change(plan, tools, fetched)) == "done done"
    assert (asked.count("pull_image"), asked.count("create_volume")) == (1, 1)
    assert [type(event).__name__ for event in seen.events].count("HostStarted") == 1
    missing = host_plan(step(1, PullImage("docker.io/a/gone:1"), name="gone"), volume(2, "bb", 1))
    assert statuses(fetch(missing, tools)) == "failed"
    assert asked.count("create_volume") == 1
