"""Runs over several simulated hosts: plays and batches in order, what a failed host stops and what it does not, and
whether the hosts are as declared afterwards."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from deployer.errors import EngineError, ExitCode
from deployer.model.desired import Desired
from deployer.model.observed import Observed
from deployer.model.outcome import HostEnded, HostStarted
from deployer.model.plan import HostPlan
from deployer.planning.policy import Policy
from deployer.planning.reconcile import reconcile
from deployer.usecases.apply import apply
from deployer.usecases.plan import Method, destroy, drift, plan_with, validate
from tests.applying.engines import states, surrounded
from tests.engine.faulty import Faults, connection_lost, with_faults
from tests.fleets import FAILING, NAMES, Fleet, codes, play, request

# Plans


def test_planning_writes_nothing(fleet: Fleet) -> None:
    before = {name: engine.snapshot() for name, engine in fleet.engines.items()}
    with fleet.plan(play()) as planned:
        assert len(list(planned.plan.changes)) == 2 * len(NAMES)
    assert {name: engine.snapshot() for name, engine in fleet.engines.items()} == before


def test_applied_hosts_have_nothing_left_to_do(fleet: Fleet) -> None:
    outcome = fleet.apply(play())
    assert (outcome.exit_code, codes(outcome)) == (ExitCode.OK, " ".join(f"{name}:OK" for name in NAMES))
    with fleet.plan() as planned:
        assert planned.plan.empty
    again = fleet.apply()
    assert [(found.results, found.unchanged) for found in again.hosts] == [((), 1)] * len(NAMES)


def test_validating_contacts_no_host(fleet: Fleet) -> None:
    fleet.down = set(NAMES)
    found = validate(request(play(), {}), fleet.system)
    assert (found.plays, found.hosts, found.resources) == (1, 5, 5)


def test_hosts_that_are_down_do_not_keep_others_from_being_planned(fleet: Fleet) -> None:
    fleet.down = {"h2"}
    with fleet.plan(play(more="serial: 2")) as planned:
        assert [(found.host, found.message, found.hint) for found in planned.plan.unreachable] == [
            ("h2", "h2 is down", "start it")
        ]
        assert [found.host for found in planned.plan.hosts] == ["h1", "h3", "h4", "h5"]
        assert planned.plan.plays[0].batches == (("h1",), ("h3", "h4"), ("h5",))
    outcome = fleet.apply()
    assert outcome.exit_code is ExitCode.UNREACHABLE
    assert sorted(fleet.containers()) == ["h1", "h3", "h4", "h5"]


def test_a_host_that_refuses_to_be_read_is_one_that_cannot_be_reached(fleet: Fleet) -> None:
    def refuse(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "list_networks":
            raise EngineError("permission denied", status=403)
        return call()

    fleet.wrap["h1"] = lambda engine: surrounded(engine, refuse)
    with fleet.plan(play()) as planned:
        assert [found.message for found in planned.plan.unreachable] == ["cannot be read: permission denied"]


def test_an_answer_that_cannot_be_planned_with_ends_the_work_on_its_host_only(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    def planner(desired: Desired, observed: Observed, policy: Policy) -> HostPlan:
        if observed.host == "h2":
            raise RecursionError("too deep")
        return reconcile(desired, observed, policy)

    monkeypatch.setattr("deployer.usecases.plan.reconcile", planner)
    outcome = fleet.apply(play())
    assert codes(outcome) == "h1:OK h3:OK h4:OK h5:OK"
    assert (outcome.exit_code, sorted(fleet.containers())) == (ExitCode.UNREACHABLE, ["h1", "h3", "h4", "h5"])
    (lost,) = outcome.plan.unreachable
    assert re.fullmatch(r"internal error: RecursionError: too deep \(test_plan\.py:\d+\)", lost.message)
    assert lost.hint == "the host's answer is damaged, or this is a bug in deployer"


def test_an_answer_that_cannot_be_verified_leaves_what_was_done_and_the_recap(fleet: Fleet) -> None:
    asked = {"h1": 0}

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        asked["h1"] += name == "list_networks"
        return ["not a network"] if name == "list_networks" and asked["h1"] > 1 else call()

    fleet.wrap["h1"] = lambda engine: surrounded(engine, around)
    outcome = fleet.apply(play())
    assert codes(outcome) == "h1:UNREACHABLE h2:OK h3:OK h4:OK h5:OK"
    assert sorted(fleet.containers()) == list(NAMES)
    assert sorted(fleet.ended) == list(NAMES)


def test_a_host_is_planned_while_others_are_still_read(fleet: Fleet) -> None:
    planned: list[str] = []
    others = threading.Event()

    def wait(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "list_networks":
            assert others.wait(60)
        return call()

    def planner(desired: Desired, observed: Observed, policy: Policy) -> HostPlan:
        planned.append(desired.host)
        if len(planned) == len(NAMES) - 1:
            others.set()
        return reconcile(desired, observed, policy)

    fleet.wrap["h1"] = lambda engine: surrounded(engine, wait)
    with plan_with(request(play(), {}), fleet.system, Method(planner)) as session:
        assert [found.host for found in session.plan.hosts] == list(NAMES)
    assert sorted(planned[:-1]) == ["h2", "h3", "h4", "h5"]
    assert planned[-1] == "h1"


# Order


def test_plays_are_worked_on_in_order(fleet: Fleet) -> None:
    plays = play(name="aa", hosts="h1:h2") + play(name="bb", hosts="h2:h3") + play(name="cc", hosts="h1")
    outcome = fleet.apply(plays)
    assert [found.host for found in outcome.hosts] == ["h1", "h2", "h2", "h3", "h1"]
    assert fleet.containers() == {"h1": ["aa", "cc"], "h2": ["aa", "bb"], "h3": ["bb"]}
    assert (set(fleet.ended[:2]), set(fleet.ended[2:4]), fleet.ended[4:]) == ({"h1", "h2"}, {"h2", "h3"}, ["h1"])


def test_a_batch_begins_when_the_one_before_is_done(fleet: Fleet) -> None:
    fleet.apply(play(more="serial: [1, 2]"))
    told = [(type(event).__name__, event) for event in fleet.seen.events if isinstance(event, HostStarted | HostEnded)]
    order = [name for name, _ in told]
    batch_of_two = ["HostStarted", "HostStarted", "HostEnded", "HostEnded"]
    assert order[:2] == ["HostStarted", "HostEnded"]
    assert sorted(order[2:6]) == sorted(batch_of_two)
    assert fleet.begun[0] == "h1"
    assert (set(fleet.begun[1:3]), set(fleet.begun[3:])) == ({"h2", "h3"}, {"h4", "h5"})


# Failures


def broken(*hosts: str) -> str:
    """A play whose container starts on all hosts but these."""
    labels = "{sim.behaviour: \"{{ 'fail:no' if inventory_hostname in " + str(list(hosts)) + " else 'run' }}\"}"
    return play(f"image: web:1, labels: {labels}")


def serial(text: str, keys: str) -> str:
    return text.replace("  project: shop\n", f"  project: shop\n  {keys}\n")


def test_one_failed_host_does_not_stop_the_others_of_its_batch(fleet: Fleet) -> None:
    outcome = fleet.apply(broken("h2"))
    assert codes(outcome) == "h1:OK h2:FAILED h3:OK h4:OK h5:OK"
    assert outcome.exit_code is ExitCode.FAILED
    assert sorted(fleet.begun) == sorted(fleet.ended) == list(NAMES)


def test_a_failed_host_takes_no_part_in_later_plays(fleet: Fleet) -> None:
    outcome = fleet.apply(broken("h2") + play(name="later"))
    assert codes(outcome).split()[5:] == ["h1:OK", "h3:OK", "h4:OK", "h5:OK"]
    assert "later" not in states(fleet.engines["h2"])


def test_a_batch_that_fails_as_a_whole_ends_the_run(fleet: Fleet) -> None:
    outcome = fleet.apply(serial(broken("h2"), "serial: 1") + play(name="later"))
    assert codes(outcome) == "h1:OK h2:FAILED"
    assert sorted(fleet.containers()) == ["h1", "h2"]


@pytest.mark.parametrize(
    ("percentage", "failing", "worked_on"),
    [
        (50, ("h1",), 4),
        (49, ("h1",), 2),
        (0, ("h2",), 2),
        (100, ("h1", "h2"), 4),
        (99, ("h1", "h2"), 2),
    ],
)
def test_more_than_the_percentage_ends_the_run(
    fleet: Fleet, percentage: int, failing: tuple[str, ...], worked_on: int
) -> None:
    text = serial(broken(*failing), f"serial: 2\n  max_fail_percentage: {percentage}").replace("all", "'all:!h5'")
    assert len(fleet.apply(text).hosts) == worked_on


@pytest.mark.parametrize(
    ("keys", "down", "expected"),
    [
        ("serial: 2", ("h1",), "h2:OK h3:OK h4:OK h5:OK"),
        ("serial: 2", ("h3", "h4"), "h1:OK h2:OK"),
        ("serial: 1", ("h2",), "h1:OK"),
        ("serial: 2\n  max_fail_percentage: 50", ("h3",), "h1:OK h2:OK h4:OK h5:OK"),
        ("serial: 2\n  max_fail_percentage: 49", ("h3",), "h1:OK h2:OK"),
        ("serial: 2\n  max_fail_percentage: 100", ("h3", "h4"), "h1:OK h2:OK h5:OK"),
        ("serial: 2\n  any_errors_fatal: true", ("h4",), "h1:OK h2:OK"),
        ("max_fail_percentage: 30", ("h1", "h2"), ""),
        ("serial: 2\n  on_failure: rollback_all", ("h3",), "h1:OK h2:OK h4:OK h5:OK"),
    ],
)
def test_hosts_that_are_down_count_as_failed_in_their_batch(
    fleet: Fleet, keys: str, down: tuple[str, ...], expected: str
) -> None:
    fleet.down = set(down)
    outcome = fleet.apply(serial(play(), keys))
    assert (codes(outcome), outcome.exit_code) == (expected, ExitCode.UNREACHABLE)


def test_they_count_together_with_those_that_fail(fleet: Fleet) -> None:
    fleet.down = {"h1"}
    text = serial(broken("h2"), "serial: 4\n  max_fail_percentage: 49")
    assert codes(fleet.apply(text)) == "h2:FAILED h3:OK h4:OK"


def test_they_count_in_one_play_only(fleet: Fleet) -> None:
    fleet.down = {"h1"}
    text = serial(play(), "max_fail_percentage: 20") + serial(play(name="later"), "max_fail_percentage: 19")
    assert codes(fleet.apply(text)).split()[4:] == ["h2:OK", "h3:OK", "h4:OK", "h5:OK"]


def test_a_batch_that_is_down_takes_the_others_back_where_all_or_none_is_wanted(fleet: Fleet) -> None:
    fleet.down = {"h3", "h4"}
    outcome = fleet.apply(serial(play(), "serial: 2\n  on_failure: rollback_all"))
    assert (codes(outcome), fleet.containers()) == ("h1:FAILED h2:FAILED", {})
    assert {found.restored for found in outcome.hosts} == {"after the failure of h3, h4"}


def test_any_error_may_be_fatal(fleet: Fleet) -> None:
    outcome = fleet.apply(serial(broken("h1"), "serial: 2\n  any_errors_fatal: true"))
    assert codes(outcome) == "h1:FAILED h2:OK"


def test_a_lost_connection_does_not_stop_other_hosts(fleet: Fleet) -> None:
    fleet.wrap["h3"] = lambda engine: with_faults(engine, Faults(at=2, error=connection_lost(), for_ever=True))
    outcome = fleet.apply(play())
    assert codes(outcome) == "h1:OK h2:OK h3:UNREACHABLE h4:OK h5:OK"
    assert outcome.exit_code is ExitCode.UNREACHABLE
    lost = outcome.hosts[2]
    assert [str(result.status) for result in lost.results] == ["done", "failed", "skipped", "skipped"]
    assert lost.unreachable is not None
    assert lost.unreachable.message == "the connection was lost (injected)"


def test_a_host_that_refuses_does_nothing_and_the_others_continue(fleet: Fleet) -> None:
    foreign = fleet.engines["h2"]
    foreign.pull_image("docker.io/library/web:1", "", None, lambda _message: None)
    foreign.create_container("web", {"Image": "web:1", "Cmd": ["other"], "HostConfig": {}}, "")
    outcome = fleet.apply(play("image: web:1, command: mine"))
    assert codes(outcome) == "h1:OK h2:REFUSED h3:OK h4:OK h5:OK"
    assert states(foreign) == {"web": "created"}
    assert "h2" not in fleet.begun


# Stopping


def stopping(fleet: Fleet, host: str, write: str) -> None:
    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == write:
            fleet.stop.set()
        return call()

    fleet.wrap[host] = lambda engine: surrounded(engine, around)


def test_a_stop_ends_the_run_after_the_running_steps(fleet: Fleet) -> None:
    stopping(fleet, "h2", "create_container")
    outcome = fleet.apply(play(more="serial: 1") + play(name="later"))
    assert codes(outcome) == "h1:OK h2:INTERRUPTED"
    assert outcome.exit_code is ExitCode.INTERRUPTED
    assert sorted(fleet.containers()) == ["h1", "h2"]
    fleet.stop.clear()
    fleet.wrap.clear()
    assert fleet.apply().exit_code is ExitCode.OK
    with fleet.plan() as planned:
        assert planned.plan.empty


def test_a_stop_between_two_batches_begins_no_other(fleet: Fleet) -> None:
    looks: list[str] = []

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        looks.extend([name] if name == "list_containers" else [])
        if len(looks) == 2:
            fleet.stop.set()
        return call()

    fleet.wrap["h1"] = lambda engine: surrounded(engine, around)
    outcome = fleet.apply(play(more="serial: 1"))
    assert codes(outcome) == "h1:OK"
    assert sorted(fleet.containers()) == ["h1"]


# Reading again


def test_a_host_that_ignores_changes_did_not_converge(fleet: Fleet) -> None:
    def forget(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "create_container":
            args[1].pop("User")
        return call()

    fleet.wrap["h1"] = lambda engine: surrounded(engine, forget)
    outcome = fleet.apply(play("image: web:1, user: me", hosts="h1:h2"))
    assert codes(outcome) == "h1:FAILED h2:OK"
    assert [[diff.name for diff in change.diffs] for change in outcome.hosts[0].remaining] == [["user"]]
    assert outcome.hosts[0].failed == ()


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (connection_lost(), "the connection was lost (injected)"),
        (EngineError("no more", status=500), "cannot be read after the changes: no more"),
    ],
)
def test_a_host_that_cannot_be_read_again_keeps_what_was_done(fleet: Fleet, error: Exception, message: str) -> None:
    looks: list[str] = []

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        looks.extend([name] if name == "list_containers" else [])
        if name == "list_containers" and len(looks) == 2:
            raise error
        return call()

    fleet.wrap["h1"] = lambda engine: surrounded(engine, around)
    fleet.clock.seconds = 0
    outcome = fleet.apply(play(hosts="h1:h2"))
    assert codes(outcome) == "h1:UNREACHABLE h2:OK"
    lost = outcome.hosts[0]
    assert [str(result.status) for result in lost.results] == ["done"] * 4
    assert lost.unreachable is not None
    assert lost.unreachable.message == message
    assert sorted(fleet.ended) == ["h1", "h2"]


def test_recreate_always_replaces_every_time_and_converges(fleet: Fleet) -> None:
    text = play("image: web:1, recreate: always", hosts="h1")
    fleet.apply(text)
    before = fleet.engines["h1"].list_containers()[0]["Id"]
    outcome = fleet.apply(text)
    assert (outcome.exit_code, outcome.hosts[0].remaining) == (ExitCode.OK, ())
    assert fleet.engines["h1"].list_containers()[0]["Id"] != before
    assert states(fleet.engines["h1"]) == {"web": "running", "web.previous": "exited"}


def test_a_failed_replacement_leaves_the_old_one_running(fleet: Fleet) -> None:
    fleet.apply(play(hosts="h1"))
    before = fleet.engines["h1"].list_containers()[0]["Id"]
    outcome = fleet.apply(play(FAILING, hosts="h1"))
    assert outcome.exit_code is ExitCode.FAILED
    assert outcome.hosts[0].done == ()
    assert states(fleet.engines["h1"]) == {"web": "running", "web.failed": "created"}
    assert (fleet.engines["h1"].inspect_container("web") or {})["Id"] == before


def test_unchanged_resources_are_counted(fleet: Fleet) -> None:
    text = "- hosts: h1\n  containers: {aa: {image: web:1}, bb: {image: web:1}}\n  networks: {front: {}}\n"
    assert [found.unchanged for found in fleet.apply(text).hosts] == [0]
    assert [found.unchanged for found in fleet.apply(text.replace("bb: {", "bb: {tty: true, ")).hosts] == [2]


# Drift and destroying


def test_drift_of_every_host(fleet: Fleet) -> None:
    fleet.apply(play())
    fleet.engines["h2"].stop_container("web", None)
    fleet.down = {"h5"}
    report, _ = drift(request("", {}), fleet.system)
    assert {host.host: [found.verdict.name for found in host.found] for host in report.hosts} == {
        "h1": [],
        "h2": ["NOT_RUNNING"],
        "h3": [],
        "h4": [],
    }
    assert [found.host for found in report.unreachable] == ["h5"]
    assert report.any


def test_drift_asks_probes_of_what_looks_as_declared(fleet: Fleet) -> None:
    text = '- hosts: h1:h2\n  containers: {web: {image: web:1, update: {monitor: 1s, probe: {exec: "%s"}}}}\n'
    fleet.apply(text % "true")
    assert drift(request("", {}), fleet.system)[0].any is False
    fleet.engines["h2"].stop_container("web", None)
    report, _ = drift(request(text % "false", {}), fleet.system)
    assert {host.host: [(found.verdict.name, found.detail) for found in host.found] for host in report.hosts} == {
        "h1": [("UNHEALTHY", "its probe exec false: ended with code 1: simulated: false")],
        "h2": [("NOT_RUNNING", "exited with code 0")],
    }


def test_destroying_leaves_hosts_without_containers(fleet: Fleet) -> None:
    fleet.apply(play(hosts="h1") + play(name="more", hosts="h1"))
    with destroy(request("", {}), fleet.system) as planned:
        outcome = apply(planned, fleet.system, fleet.seen, fleet.stop)
    assert outcome.exit_code is ExitCode.OK
    assert fleet.containers() == {}
