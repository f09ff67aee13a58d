"""What an interrupted run left behind is finished or cleared away by the next one, wherever it was interrupted."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from deployer.model.observed import Observed
from deployer.model.operations import Operation, StartContainer, UpdateContainer
from tests.planning.build import applied, changed, changes, joined, nothing, plan, steps
from tests.planning.hosts import Host, converged

OLD = "containers: {web: {image: web:1, environment: {MODE: a}}}"
NEW = OLD.replace("MODE: a", "MODE: b")


ALWAYS = {"RestartPolicy": {"Name": "always", "MaximumRetryCount": 0}}


def twin(text: str, name: str, key: str, state: str = "running") -> Observed:
    """A container of the resource `web` under another name."""
    return changed(applied(text), "web", rename=name, id=key, state=state)


def names(found: list[str]) -> list[str]:
    return [line.partition(" ")[2].split(", ")[1] if line[0] == "#" else line.split(", ")[1] for line in found]


def test_a_successor_that_never_took_the_name_is_removed() -> None:
    host = joined(applied(OLD), twin(NEW, "web.deployer-new", "web-2", "created"))
    assert steps(plan(OLD, host)) == [
        "#1 container.web.deployer-new, RemoveContainer web-2, left by an interrupted run"
    ]
    assert changes(plan(OLD, host)) == ["- container.web.deployer-new (left by an interrupted run)"]


def test_it_is_removed_before_another_successor_is_made() -> None:
    host = joined(applied(OLD), twin(NEW, "web.deployer-new", "web-2"))
    assert steps(plan(NEW, host))[:3] == [
        "#1 container.web.deployer-new, StopContainer web-2, left by an interrupted run",
        "[1] -> #2 container.web.deployer-new, RemoveContainer web-2, left by an interrupted run",
        "[2] -> #3 container.web, CreateContainer web.deployer-new, replaced [replace web]",
    ]


def test_one_set_aside_gets_its_name_back_when_nothing_has_the_name() -> None:
    host = joined(twin(OLD, "web.deployer-old", "web-1", "exited"), twin(NEW, "web.deployer-new", "web-2", "created"))
    assert steps(plan(OLD, host)) == [
        "#1 container.web.deployer-new, RemoveContainer web-2, left by an interrupted run",
        "[1] -> #2 container.web, RenameContainer web-1 to web, left by an interrupted run",
        "[2] -> #3 container.web, StartContainer web-1, is exited with code 0",
        "[3] -> #4 container.web, AwaitHealthy web-1, must work",
    ]


def test_it_is_replaced_again_when_it_differs() -> None:
    host = joined(twin(OLD, "web.deployer-old", "web-1", "exited"), twin(NEW, "web.deployer-new", "web-2", "created"))
    assert names(steps(plan(NEW, host)))[:4] == [
        "RemoveContainer web-2",
        "RenameContainer web-1 to web",
        "CreateContainer web.deployer-new",
        "RenameContainer web-1 to web.deployer-old",
    ]


def test_a_successor_with_the_name_continues_from_where_it_was() -> None:
    host = joined(twin(NEW, "web", "web-2", "created"), twin(OLD, "web.deployer-old", "web-1", "exited"))
    found = plan(NEW, host)
    assert steps(found) == [
        "#1 container.web, StartContainer web-2, continues after an interrupted run [replace web]",
        "[1] -> #2 container.web, AwaitHealthy web-2, continues after an interrupted run [replace web]",
        "[2] -> #3 container.web.deployer-old, RenameContainer web-1 to web.previous, "
        "left by an interrupted run, at last",
    ]
    assert [_text(each) for each in found.steps[0].undo] == [
        "StopContainer",
        "RemoveContainer",
        "RenameContainer",
        "StartContainer",
    ]


def _text(operation: Operation) -> str:
    return type(operation).__name__


@pytest.mark.parametrize("state", ["running", "restarting"])
def test_a_successor_that_runs_has_to_show_that_it_works(state: str) -> None:
    host = joined(twin(NEW, "web", "web-2", state), twin(OLD, "web.deployer-old", "web-1", "exited"))
    assert names(steps(plan(NEW, host))) == [
        "StartContainer web-2",
        "AwaitHealthy web-2",
        "RenameContainer web-1 to web.previous",
    ]


RESTARTED = OLD.replace("image", "restart: always, volumes: ['data:/data'], image")


@pytest.mark.parametrize("state", ["created", "running"])
def test_a_predecessor_that_an_engine_started_again_stops_before_its_successor_starts(state: str) -> None:
    next_one = RESTARTED.replace("MODE: a", "MODE: b")
    host = joined(twin(next_one, "web", "web-2", state), twin(RESTARTED, "web.deployer-old", "web-1", "running"))
    found = plan(next_one, host)
    assert steps(found) == [
        "#1 container.web.deployer-old, StopContainer web-1, left by an interrupted run [replace web]",
        "[1] -> #2 container.web.deployer-old, UpdateContainer web-1, left by an interrupted run [replace web]",
        "[2] -> #3 container.web, StartContainer web-2, continues after an interrupted run [replace web]",
        "[3] -> #4 container.web, AwaitHealthy web-2, continues after an interrupted run [replace web]",
        "[4] -> #5 container.web.deployer-old, RenameContainer web-1 to web.previous, "
        "left by an interrupted run, at last",
    ]
    assert found.steps[0].undo == (StartContainer("web-1"),)
    assert found.steps[1].undo == (UpdateContainer("web-1", ALWAYS),)


def test_a_successor_that_is_healthy_does_not_share_a_volume_with_its_predecessor() -> None:
    next_one = RESTARTED.replace("MODE: a", "MODE: b")
    host = joined(twin(next_one, "web", "web-2"), twin(RESTARTED, "web.deployer-old", "web-1", "running"))
    host = changed(host, "web", health="healthy", has_healthcheck=True)
    assert names(steps(plan(next_one, host))) == [
        "StopContainer web-1",
        "UpdateContainer web-1",
        "RenameContainer web-1 to web.previous",
    ]


def test_one_set_aside_gets_its_restart_policy_back_with_its_name() -> None:
    aside = twin(RESTARTED, "web.deployer-old", "web-1", "exited")
    values = {**aside.containers[0].values, "restart": "no"}
    data = applied("volumes: {data: {}}").volumes
    found = plan(RESTARTED, replace(changed(aside, "web.deployer-old", values=values), volumes=data))
    assert names(steps(found)) == [
        "RenameContainer web-1 to web",
        "UpdateContainer web-1",
        "StartContainer web-1",
        "AwaitHealthy web-1",
    ]
    assert found.steps[1].operation == UpdateContainer("web-1", ALWAYS)
    assert changes(found) == [
        "~ container.web (gets its name back, left by an interrupted run)",
        "> container.web (is exited with code 0)",
    ]


def test_one_set_aside_gets_its_restart_policy_back_when_its_successor_fails() -> None:
    next_one = RESTARTED.replace("MODE: a", "MODE: b")
    host = joined(twin(next_one, "web", "web-2", "created"), twin(RESTARTED, "web.deployer-old", "web-1", "exited"))
    values = {**host.containers[1].values, "restart": "no"}
    found = plan(next_one, changed(host, "web.deployer-old", values=values))
    assert [_text(each) for each in found.steps[0].undo] == [
        "StopContainer",
        "RemoveContainer",
        "RenameContainer",
        "UpdateContainer",
        "StartContainer",
    ]
    assert found.steps[0].undo[3] == UpdateContainer("web-1", ALWAYS)


def test_a_successor_that_is_healthy_has_shown_it() -> None:
    host = joined(twin(NEW, "web", "web-2"), twin(OLD, "web.deployer-old", "web-1", "exited"))
    host = changed(host, "web", health="healthy", has_healthcheck=True)
    assert names(steps(plan(NEW, host))) == [
        "RenameContainer web-1 to web.previous",
    ]


def test_a_failed_successor_is_replaced_by_its_predecessor() -> None:
    host = joined(twin(NEW, "web", "web-2", "created"), twin(OLD, "web.deployer-old", "web-1", "exited"))
    assert names(steps(plan(OLD, host))) == [
        "RemoveContainer web-2",
        "RenameContainer web-1 to web",
        "StartContainer web-1",
        "AwaitHealthy web-1",
    ]


def test_a_successor_that_runs_and_differs_is_replaced_by_itself() -> None:
    host = joined(twin(OLD, "web", "web-2"), twin(OLD, "web.deployer-old", "web-1", "exited"))
    assert names(steps(plan(NEW, host)))[:2] == ["RemoveContainer web-1", "CreateContainer web.deployer-new"]


@pytest.mark.parametrize("state", ["stopped", "created"])
def test_a_predecessor_goes_also_when_nothing_should_run(state: str) -> None:
    wish = NEW.replace("environment", f"state: {state}, environment")
    host = joined(twin(NEW, "web", "web-2", "exited"), twin(OLD, "web.deployer-old", "web-1", "exited"))
    assert names(steps(plan(wish, host))) == [
        "RenameContainer web-1 to web.previous",
    ]


def test_all_of_it_goes_when_the_container_is_declared_absent() -> None:
    host = joined(
        applied(OLD), twin(NEW, "web.deployer-new", "web-2"), twin(OLD, "web.deployer-old", "web-0", "exited")
    )
    assert names(steps(plan("containers: {web: {state: absent}}", host))) == [
        "StopContainer web-2",
        "RemoveContainer web-2",
        "RemoveContainer web-0",
        "StopContainer web-1",
        "RemoveContainer web-1",
    ]


def test_containers_of_others_with_such_names_are_left_alone() -> None:
    theirs = twin(OLD, "web.deployer-new", "web-9")
    theirs = changed(theirs, "web.deployer-new", owner=type(theirs.containers[0].owner)("other", "container.web"))
    assert nothing(plan(OLD, joined(applied(OLD), theirs)))


STOP_FIRST = "containers: {web: {image: web:1, ports: ['8080:80'], environment: {MODE: a}}}"
VARIANTS = {
    "stop-first": STOP_FIRST,
    "start-first": OLD,
    "stop-first, probed": STOP_FIRST.replace("ports", "healthcheck: {test: [CMD, 'true']}, ports"),
    "start-first, probed": OLD.replace("environment", "healthcheck: {test: [CMD, 'true']}, environment"),
    "stopped": OLD.replace("environment", "state: stopped, environment"),
    "with volumes": OLD.replace("environment", "volumes: [/data, '/logs:ro'], environment"),
    "restarted": STOP_FIRST.replace("ports", "restart: always, ports"),
    "restarted, start-first": OLD.replace("environment", "restart: unless-stopped, environment"),
    "job": OLD.replace(
        "}}}", "}}, api: {image: web:1, depends_on: {web: {condition: service_completed_successfully}}}}"
    ),
}


@pytest.mark.parametrize("killed_after", range(8))
@pytest.mark.parametrize(
    ("variant", "then"),
    [
        *((variant, then) for variant in VARIANTS for then in ("same", "back")),
        *((variant, then) for variant in ("stop-first", "start-first") for then in ("other", "absent")),
    ],
)
def test_a_run_killed_at_any_point_is_finished_by_the_next(variant: str, then: str, killed_after: int) -> None:
    first = VARIANTS[variant]
    second = first.replace("MODE: a", "MODE: b")
    third = {
        "same": second,
        "back": first,
        "other": first.replace("MODE: a", "MODE: c"),
        "absent": "containers: {web: {state: absent}}",
    }[then]
    host = Host(converged(first).copy())
    host.apply(second, steps=killed_after)
    host.converge(third)
    temporary = [name for name in host.containers if "deployer" in name]
    assert temporary == []
    assert ("web" in host.containers) == (then != "absent")


def test_a_run_killed_between_create_and_start_of_a_new_container() -> None:
    for killed_after in range(4):
        host = Host()
        host.apply(OLD, steps=killed_after)
        host.converge(OLD)
        assert host.containers == {"web": "running"}


NETWORK = """
networks: {front: {}}
containers:
  api: {image: web:1, networks: {front: {aliases: [a]}}}
  web: {image: web:1, networks: [front]}
"""


@pytest.mark.parametrize("killed_after", range(8))
def test_a_network_half_recreated_is_finished_by_the_next_run(killed_after: int) -> None:
    host = Host(converged(NETWORK).copy())
    renewed = NETWORK.replace("front: {}}", "front: {internal: true}}", 1)
    host.apply(renewed, steps=killed_after)
    host.converge(renewed)
    assert host.containers == {"api": "running", "web": "running"}
