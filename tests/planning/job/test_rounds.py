"""Jobs on a simulated host, round after round: runs that fail, are killed or stopped, and those that follow them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from deployer.applying.executor import GOES_ON, Execution
from deployer.applying.performing import Tools
from deployer.interfaces import Engine
from deployer.model.desired import OnFailure
from deployer.model.outcome import Status
from tests.applying.engines import Clock, Seen, surrounded
from tests.executing import execute
from tests.planning.build import changes, play
from tests.planning.hosts import Host, converged

SHOP = """
containers:
  web: {image: web:1, depends_on: [migrate], environment: {MODE: a}}
  aside: {image: web:1}
jobs:
  migrate: {image: tools:1, environment: {MODE: a}, labels: {sim.behaviour: 'exit:0:3'}}
"""
SECOND = SHOP.replace("MODE: a", "MODE: b")
FAILING = SECOND.replace("exit:0:3", "exit:3:3")
HANGING = SECOND.replace("exit:0:3", "run")


def apply(
    host: Host, text: str, *, stop_at: float = 1e9, engine: Engine | None = None, on_failure: str = "rollback_host"
) -> Execution:
    """As a run does it, with what a failure undoes; stopped by the operator at that second."""
    clock, stop = Clock(), threading.Event()

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if clock.now() >= stop_at:
            stop.set()
        return call()

    found = replace(host.plan(play(text)), on_failure=OnFailure(on_failure))
    tools = Tools(surrounded(engine or host.engine, around), clock, Seen(), lambda _reference: None, stop)
    return execute(found, tools)


def test_a_job_runs_once_and_before_its_dependants() -> None:
    host = Host(converged(SHOP).copy())
    assert host.containers == {"migrate": "exited", "web": "running", "aside": "running"}
    host.converge(SECOND)
    assert host.containers == {
        "migrate": "exited",
        "web": "running",
        "web.previous": "exited",
        "aside": "running",
    }


@pytest.mark.parametrize("on_failure", ["rollback_host", "stop"])
def test_after_a_failure_the_old_version_runs_and_the_last_good_run_is_on_record(on_failure: str) -> None:
    host = Host(converged(SHOP).copy())
    before = {name: host.engine.inspect_container(name) for name in ("web", "migrate")}
    done = apply(host, FAILING, on_failure=on_failure)
    (failed,) = [result for result in done.results if result.status is Status.FAILED]
    assert (str(failed.step.address), failed.error) == ("web1/job.migrate", "exited with code 3")
    assert host.containers == {"migrate": "exited", "migrate.failed": "exited", "web": "running", "aside": "running"}
    for name, was in before.items():
        now = host.engine.inspect_container(name)
        assert was is not None
        assert now is not None
        assert (now["Id"], now["State"]["StartedAt"]) == (was["Id"], was["State"]["StartedAt"])
    assert ">> job.migrate (run again): environment.MODE a → b, labels.sim.behaviour exit:0:3 → exit:3:3" in changes(
        host.plan(FAILING)
    )
    assert changes(host.plan(SHOP)) == []
    host.converge(SECOND)
    assert "migrate.failed" not in host.containers


def test_the_first_run_of_a_job_fails() -> None:
    host = Host()
    done = apply(host, FAILING)
    assert any(result.error == "exited with code 3" for result in done.results)
    assert host.containers == {"migrate.failed": "exited"}
    assert ">> job.migrate (run)" in changes(host.plan(FAILING))
    host.converge(SECOND)
    assert host.containers == {"migrate": "exited", "web": "running", "aside": "running"}


def test_a_job_that_takes_too_long_is_stopped() -> None:
    host = Host()
    done = apply(host, HANGING.replace("image: tools:1", "image: tools:1, timeout: 30s"))
    assert [result.error for result in done.results if result.error] == ["still running after 30s"]
    assert host.containers == {"migrate.failed": "exited"}


def test_a_completed_job_is_not_rolled_back() -> None:
    """It has run with what is declared now, so it is on record, and does not run again."""
    host = Host(converged(SHOP).copy())
    broken = SECOND.replace("web: {image", "web: {labels: {sim.behaviour: 'exit:1'}, image")
    done = apply(host, broken)
    assert any(str(result.step.address) == "web1/container.web" and result.error for result in done.results)
    assert host.containers == {"migrate": "exited", "web": "running", "web.failed": "exited", "aside": "running"}
    assert [change.address.label for change in host.plan(broken).changes] == ["container.web"]


def test_a_job_that_runs_when_something_else_fails_is_waited_for() -> None:
    host = Host(converged(SHOP).copy())
    text = SECOND.replace("aside: {image: web:1}", "aside: {image: web:1, labels: {sim.behaviour: 'exit:1:1'}}")
    slow, begun = text.replace("exit:0:3", "exit:0:30"), threading.Event()

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "inspect_container":
            assert begun.wait(10)
        done = call()
        found = host.engine.inspect_container(args[0]) if name == "start_container" else None
        if found is not None and found["Name"] == "/migrate":
            begun.set()
        return done

    done = apply(host, slow, engine=surrounded(host.engine, around))
    assert [str(result.step.address) for result in done.results if result.error] == ["web1/container.aside"]
    assert host.containers == {"aside": "running", "aside.failed": "exited", "migrate": "exited", "web": "running"}
    assert [change.address.label for change in host.plan(slow).changes] == ["container.aside", "container.web"]


def test_a_run_that_is_stopped_leaves_its_job_running_and_the_next_one_waits_for_it() -> None:
    host = Host(converged(SHOP).copy())
    lasting = SECOND.replace("exit:0:3", "exit:0:40")
    done = apply(host, lasting, stop_at=3)
    (left,) = [result for result in done.results if result.warnings]
    assert (left.status, left.warnings) == (Status.SKIPPED, (GOES_ON,))
    assert host.containers["migrate"] == "running"
    assert host.containers["web"] == "running"
    runs = host.engine.inspect_container("migrate")
    assert runs is not None
    found = host.plan(lasting)
    assert ">> job.migrate (wait for its end: it still runs)" in changes(found)
    host.converge(lasting)
    after = host.engine.inspect_container("migrate")
    assert after is not None
    assert (after["Id"], after["State"]["StartedAt"]) == (runs["Id"], runs["State"]["StartedAt"])
    assert set(host.containers) == {"migrate", "web", "web.previous", "aside"}


def test_so_does_one_that_is_stopped_while_its_job_starts() -> None:
    host, stop = Host(converged(SHOP).copy()), threading.Event()

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        done = call()
        found = host.engine.inspect_container(args[0]) if name == "start_container" else None
        if found is not None and found["Name"] == "/migrate":
            stop.set()
        return done

    tools = Tools(surrounded(host.engine, around), Clock(), Seen(), lambda _reference: None, stop)
    done = execute(host.plan(play(SECOND.replace("exit:0:3", "exit:0:40"))), tools)
    (left,) = [result for result in done.results if result.warnings]
    assert (left.status, left.warnings) == (Status.SKIPPED, (GOES_ON,))
    assert (host.containers["migrate"], host.containers["web"]) == ("running", "running")


KILLS = range(16)


@pytest.mark.parametrize("killed_after", KILLS)
@pytest.mark.parametrize("then", ["same", "back", "other", "absent"])
def test_a_run_killed_at_any_point_is_finished_by_the_next(then: str, killed_after: int) -> None:
    third = {
        "same": SECOND,
        "back": SHOP,
        "other": SHOP.replace("MODE: a", "MODE: c"),
        "absent": "containers: {web: {state: absent}, aside: {image: web:1}}\njobs: {migrate: {state: absent}}",
    }[then]
    host = Host(converged(SHOP).copy())
    host.apply(SECOND, steps=killed_after)
    host.converge(third)
    assert [name for name in host.containers if "deployer" in name] == []
    assert host.containers.get("migrate") == (None if then == "absent" else "exited")


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from([SHOP, SECOND, FAILING]), st.integers(0, 14)), max_size=5))
def test_whatever_happened_before_a_job_ends_well_once_and_is_done(rounds: list[tuple[str, int]]) -> None:
    """Killed anywhere, any number of times: the next whole run brings it in order, and one more does nothing."""
    host = Host()
    for text, killed_after in rounds:
        host.apply(text, steps=killed_after)
    host.converge(SECOND)
    assert host.containers["migrate"] == "exited"
    assert [name for name in host.containers if "deployer" in name] == []
