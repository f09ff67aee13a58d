"""Carrying out steps: in which order, what a failure, a stop or a lost connection leaves, and what is told."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from deployer.applying.executor import WIDTH
from deployer.errors import EngineError, UnreachableError
from deployer.interfaces import Engine
from deployer.model.operations import CreateContainer, StartContainer
from deployer.model.outcome import HostStarted, StepEnded, StepStarted
from deployer.simulated import SimulatedEngine
from tests.applying.engines import (
    BODY,
    IMAGE,
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
from tests.engine.faulty import Faults, connection_lost, with_faults

# Order


def test_a_plan_without_steps_does_nothing() -> None:
    seen = Seen()
    assert carry_out(SimulatedEngine(), seen=seen).results == ()
    assert seen.events == [HostStarted(host_plan())]


def test_a_step_begins_when_those_it_needs_have_ended() -> None:
    seen = Seen()
    steps = [volume(1, "aa"), volume(2, "bb", 1), volume(3, "cc", 1, 2), volume(4, "dd", 3)]
    assert statuses(carry_out(SimulatedEngine(), *steps, seen=seen)) == "done done done done"
    told = [event for event in seen.events if isinstance(event, StepStarted | StepEnded)]
    assert [type(event) for event in told] == [StepStarted, StepEnded] * 4


def test_steps_that_need_nothing_of_each_other_go_together() -> None:
    meeting = threading.Barrier(WIDTH, timeout=5)

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        meeting.wait()
        return call()

    steps = [volume(number, f"v{number}") for number in range(1, WIDTH + 1)]
    assert statuses(carry_out(surrounded(SimulatedEngine(), around), *steps)) == " ".join(["done"] * WIDTH)


def test_never_more_than_a_connection_has_channels() -> None:
    lock, now, most = threading.Lock(), [0], [0]
    gate = threading.Event()

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
            if most[0] == WIDTH:
                gate.set()
        gate.wait(5)
        with lock:
            now[0] -= 1
        return call()

    carry_out(surrounded(SimulatedEngine(), around), *[volume(n, f"v{n}") for n in range(1, 4 * WIDTH)])
    assert most[0] == WIDTH


# Failure


def test_dependants_of_a_failed_step_are_skipped_and_others_done() -> None:
    engine = SimulatedEngine()
    faults = Faults(at=1)
    steps = [volume(1, "aa"), volume(2, "bb", 1), volume(3, "cc", 2), volume(4, "dd", 5), volume(5, "ee")]
    sequential = [steps[0], steps[1], steps[2], steps[4], steps[3]]

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if args[0]["Name"] == "aa":
            raise faults.error
        return call()

    done = carry_out(surrounded(engine, around), *sequential)
    assert statuses(done) == "failed skipped skipped done done"
    assert volumes(engine) == ["ee", "dd"]
    assert done.results[0].error == "injected failure"
    assert done.unreachable is None


WRITES = ["create", "stop", "rename", "rename", "start", "wait"]


@pytest.mark.parametrize("at", range(1, 6))
def test_a_replacement_that_fails_anywhere_leaves_the_old_one_running(at: int) -> None:
    engine = app_engine()
    old = run(engine, "app")
    done = carry_out(with_faults(engine, Faults(at=at)), *replacement(old))
    expected = ["undone"] * (at - 1) + ["failed"] + ["skipped"] * (7 - at)
    assert statuses(done) == " ".join(expected)
    assert states(engine) == {"app": "running"}
    assert (engine.inspect_container("app") or {})["Id"] == old


def test_steps_are_undone_last_first() -> None:
    engine = app_engine()
    old = run(engine, "app")
    faults = Faults(at=5)
    carry_out(with_faults(engine, faults), *replacement(old))
    assert faults.writes == [
        *("create_container", "stop_container", "rename_container", "rename_container", "start_container"),
        *("stop_container", "rename_container", "rename_container", "start_container", "remove_container"),
    ]


def test_one_that_does_not_get_healthy_is_rolled_back_with_its_last_words() -> None:
    engine = app_engine()
    old = run(engine, "app")
    body = {**BODY, "Labels": {"sim.behaviour": "exit:3:1"}}
    done = carry_out(engine, *replacement(old, body=body))
    assert statuses(done) == "undone undone undone undone undone failed skipped"
    assert done.results[5].error == "is exited with code 3"
    assert done.results[5].log
    assert states(engine) == {"app": "running"}


@pytest.mark.parametrize(("reads", "log"), [(0, "simulated: app ended with exit code 3"), (1, "")])
def test_one_that_vanishes_by_itself_is_rolled_back_too(reads: int, log: str) -> None:
    """What it wrote is known where it ended at once."""
    engine = app_engine()
    old = run(engine, "app")
    body = {"Image": IMAGE, "HostConfig": {"AutoRemove": True}, "Labels": {"sim.behaviour": f"exit:3:{reads}"}}
    done = carry_out(engine, *replacement(old, body=body))
    assert statuses(done) == "undone undone undone undone undone failed skipped"
    assert done.results[5].error == "is gone, it exited with code 3"
    assert done.results[5].log.splitlines()[-1:] == ([log] if log else [])
    assert states(engine) == {"app": "running"}


def test_other_groups_continue() -> None:
    engine = app_engine()
    one, two = run(engine, "one"), run(engine, "two")
    bad = {**BODY, "Labels": {"sim.behaviour": "fail:no such file"}}
    done = carry_out(engine, *replacement(one, name="one", body=bad), *replacement(two, first=8, name="two"))
    assert statuses(done) == "undone undone undone undone failed skipped skipped" + " done" * 7
    assert states(engine) == {"one": "running", "two": "running"}
    assert (engine.inspect_container("one") or {})["Id"] == one
    assert (engine.inspect_container("two") or {})["Id"] != two


def test_an_error_of_this_tool_is_rolled_back_like_any_failure() -> None:
    engine = app_engine()
    old = run(engine, "app")

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "start_container" and args[0] != old:
            raise KeyError("odd")
        return call()

    done = carry_out(surrounded(engine, around), *replacement(old))
    assert statuses(done) == "undone undone undone undone failed skipped skipped"
    assert re.fullmatch(r"internal error: KeyError: 'odd' \(test_executor\.py:\d+\)", done.results[4].error)
    assert states(engine) == {"app": "running"}


def test_answers_that_nobody_expects_do_not_keep_a_failed_replacement_from_being_rolled_back() -> None:
    engine = app_engine()
    old = run(engine, "app")

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "start_container" and args[0] != old:
            raise EngineError("no such file", status=400)
        if name == "container_logs":
            raise KeyError("Config")
        return call()

    done = carry_out(surrounded(engine, around), *replacement(old))
    assert statuses(done) == "undone undone undone undone failed skipped skipped"
    assert (done.results[4].error, done.results[4].log) == ("no such file", "")
    assert states(engine) == {"app": "running"}


def test_a_rollback_that_gets_an_unexpected_answer_goes_on_with_the_rest() -> None:
    engine = app_engine()
    old = run(engine, "app")

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "start_container" and args[0] != old:
            raise EngineError("no such file", status=400)
        found = call()
        if name == "rename_container" and args[1] == "app.new":
            raise TypeError("a text")
        return found

    done = carry_out(surrounded(engine, around), *replacement(old))
    assert statuses(done) == "undone undone undone undone failed skipped skipped"
    assert states(engine) == {"app": "running"}


def test_a_display_that_fails_stops_nothing() -> None:
    class Broken(Seen):
        def emit(self, event: object) -> None:
            if isinstance(event, StepStarted | StepEnded):
                raise ValueError("cannot be drawn")

    engine = app_engine()
    assert statuses(carry_out(engine, *replacement(run(engine, "app")), seen=Broken())) == " ".join(["done"] * 7)


@pytest.mark.parametrize("labels", [{"deployer.project": "shop"}, {}])
def test_a_container_whose_creation_was_not_confirmed_is_removed_when_it_has_the_labels(labels: dict[str, str]) -> None:
    engine = app_engine()
    old = run(engine, "app")
    body = {**BODY, "Labels": {"deployer.project": "shop"}}

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name != "create_container":
            return call()
        engine.create_container(args[0], {**args[1], "Labels": labels}, "")
        raise EngineError("the answer was lost", status=500)

    done = carry_out(surrounded(engine, around), *replacement(old, body=body))
    assert statuses(done) == "failed skipped skipped skipped skipped skipped skipped"
    assert states(engine) == {"app": "running"} | ({} if labels else {"app.new": "created"})


def test_failed_rollbacks_are_reported_and_the_rest_is_tried() -> None:
    engine = app_engine()
    old = run(engine, "app")

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "start_container" and args[0] != old:
            raise EngineError("no", status=500)
        if name == "rename_container" and args == (old, "app"):
            raise EngineError("the name is taken", status=409)
        return call()

    done = carry_out(surrounded(engine, around), *replacement(old))
    assert statuses(done) == "undone undone failed undone failed skipped skipped"
    assert done.results[2].error == "could not be rolled back: the name is taken"
    assert done.results[2].stuck
    assert done.results[2].hint == "the next run continues from here"
    assert states(engine) == {"app.old": "running"}


# Stop and a lost connection


def stopping_at(engine: Engine, stop: threading.Event, write: str, when: Callable[[tuple[Any, ...]], bool]) -> Engine:
    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == write and when(args):
            stop.set()
        return call()

    return surrounded(engine, around)


def test_a_stop_from_the_beginning_begins_nothing() -> None:
    engine, stop = SimulatedEngine(), threading.Event()
    stop.set()
    assert statuses(carry_out(engine, volume(1, "aa"), volume(2, "bb", 1), stop=stop)) == "skipped skipped"
    assert volumes(engine) == []


def test_a_stop_ends_the_running_step_and_begins_no_other() -> None:
    engine, stop = SimulatedEngine(), threading.Event()
    stopping = stopping_at(engine, stop, "create_volume", lambda args: args[0]["Name"] == "bb")
    done = carry_out(stopping, volume(1, "aa"), volume(2, "bb", 1), volume(3, "cc", 2), stop=stop)
    assert statuses(done) == "done done skipped"
    assert volumes(engine) == ["aa", "bb"]


@pytest.mark.parametrize("write", ["create_container", "stop_container", "rename_container", "start_container"])
def test_a_stop_in_the_middle_of_a_replacement_undoes_it(write: str) -> None:
    engine, stop = app_engine(), threading.Event()
    old = run(engine, "app")
    done = carry_out(stopping_at(engine, stop, write, lambda _args: True), *replacement(old), stop=stop)
    assert "done" not in statuses(done).split()
    assert states(engine) == {"app": "running"}
    assert (engine.inspect_container("app") or {})["Id"] == old


def test_a_stop_while_waiting_for_health_undoes_it() -> None:
    engine, stop = app_engine(), threading.Event()
    old = run(engine, "app")
    stopping = stopping_at(engine, stop, "inspect_container", lambda _args: True)
    done = carry_out(stopping, *replacement(old), stop=stop)
    assert statuses(done) == "undone undone undone undone undone failed skipped"
    assert done.results[5].error == "interrupted while waiting for it"
    assert states(engine) == {"app": "running"}


@pytest.mark.parametrize("at", range(1, 6))
def test_after_the_connection_is_lost_nothing_more_is_asked(at: int) -> None:
    engine = app_engine()
    old = run(engine, "app")
    faults = Faults(at=at, error=connection_lost(), for_ever=True)
    done = carry_out(with_faults(engine, faults), *replacement(old), volume(8, "vv", 7))
    assert isinstance(done.unreachable, UnreachableError)
    assert statuses(done) == " ".join(["done"] * (at - 1) + ["failed"] + ["skipped"] * (8 - at))
    assert len(faults.writes) == at


def test_a_connection_lost_while_undoing_is_lost() -> None:
    engine = app_engine()
    old = run(engine, "app")
    asked: list[str] = []

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        asked.append(name)
        if name == "start_container":
            raise EngineError("no", status=500)
        if "start_container" in asked and name == "rename_container":
            raise connection_lost()
        return call()

    done = carry_out(surrounded(engine, around), *replacement(old))
    assert done.unreachable is not None
    assert statuses(done) == "done done done failed failed skipped skipped"
    assert asked[-1] == "rename_container"


@pytest.mark.parametrize("done", [False, True], ids=["not done", "done, and the answer lost"])
@pytest.mark.parametrize("at", range(1, 6))
def test_a_connection_that_comes_back_leads_to_what_ran_before(at: int, done: bool) -> None:
    """Sessions that are cut, or an engine that is restarted: the lost request fails, and the rest is rolled back."""
    engine = app_engine()
    old = run(engine, "app")
    found = carry_out(with_faults(engine, Faults(at=at, error=connection_lost(), done=done)), *replacement(old))
    assert found.unreachable is None
    # What was made under a name and not told of may be somebody else's: the next run removes it.
    left = {"app.new": "created"} if done and at == 1 else {}
    assert states(engine) == {"app": "running"} | left
    assert (engine.inspect_container("app") or {})["Id"] == old


def test_a_host_may_be_away_for_a_while() -> None:
    from tests.applying.engines import Clock

    engine, clock = app_engine(), Clock()
    old, away = run(engine, "app"), [0.0]

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "stop_container" and not away[0]:
            away[0] = clock.now() + 20
        if clock.now() < away[0]:
            raise connection_lost()
        return call()

    found = carry_out(surrounded(engine, around), *replacement(old), clock=clock)
    assert found.unreachable is None
    assert (states(engine), clock.now() >= 20) == ({"app": "running"}, True)


def test_waiting_continues_when_the_connection_comes_back() -> None:
    engine = app_engine()
    old = run(engine, "app")
    lost: list[str] = []

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "inspect_container" and "start_container" in lost and lost[-1] != name:
            lost.append(name)
            raise connection_lost()
        lost.extend([name] if name == "start_container" else [])
        return call()

    found = carry_out(surrounded(engine, around), *replacement(old))
    assert statuses(found) == "done done done done done done done"
    assert states(engine) == {"app": "running"}


# What is told


def test_events_of_a_failure() -> None:
    engine = app_engine()
    old = run(engine, "app")
    seen = Seen()
    done = carry_out(with_faults(engine, Faults(at=3)), *replacement(old), seen=seen)
    assert isinstance(seen.events[0], HostStarted)
    assert (seen.events[0].host, seen.events[0].steps) == ("web1", 7)
    told = [
        (event.result.step.number, str(event.result.status)) for event in seen.events if isinstance(event, StepEnded)
    ]
    assert [each for each in told if each[1] != "skipped"] == [
        (1, "done"),
        (2, "done"),
        (3, "failed"),
        (2, "undone"),
        (1, "undone"),
    ]
    assert [number for number, status in told if status == "skipped"] == [4, 5, 6, 7]
    assert [result.step.number for result in done.results] == [1, 2, 3, 4, 5, 6, 7]


def test_warnings_and_times_are_kept() -> None:
    from tests.applying.engines import Clock

    clock = Clock()

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name != "create_container":
            return call()
        clock.sleep(2)
        call()
        return "id", ["careful"]

    done = carry_out(surrounded(app_engine(), around), step(1, CreateContainer("app", BODY)), clock=clock)
    assert done.results[0].warnings == ("careful",)
    assert done.results[0].seconds == 2


def test_a_container_without_logs_is_reported_all_the_same() -> None:
    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        raise EngineError(f"{name} failed", status=500)

    done = carry_out(surrounded(SimulatedEngine(), around), step(1, StartContainer("app")))
    assert (done.results[0].error, done.results[0].log) == ("start_container failed", "")
