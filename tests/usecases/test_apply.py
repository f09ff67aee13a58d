"""Changing a running fleet: what a failure leaves on the host that failed and on the others of the play."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from deployer.applying.locking import Run
from deployer.errors import ExitCode, InputError, UnreachableError
from deployer.model.history import read_records
from deployer.model.outcome import HostEnded, Notice, Status
from deployer.model.plan import Phase
from deployer.reporting.tally import Tally, tally
from deployer.usecases import rollback
from tests.applying.engines import states, surrounded
from tests.engine.faulty import Faults, connection_lost, with_faults
from tests.fleets import NAMES, Fleet, codes, play, request

OLD = "image: web:1, command: old"
NEW = "image: web:1, command: new"
BAD = {"h3", "h4"}
RUN = Run("me", "apply", lambda: datetime(2026, 1, 1, tzinfo=UTC), lock=False)


def rolling(*bad: str, more: str = "serial: 2") -> str:
    """The new version, which does not work on some hosts."""
    value = "{{ 'exit:3:1' if inventory_hostname in " + repr(list(bad)) + " else 'run' }}"
    return play(f'{NEW}, labels: {{sim.behaviour: "{value}"}}', more=more)


@pytest.fixture
def before(fleet: Fleet) -> dict[str, str]:
    """Ids of the old containers."""
    fleet.apply(play(OLD))
    fleet.seen.events.clear()
    return fleet.ids()


def kept(fleet: Fleet) -> dict[str, list[str]]:
    return {
        host: sorted(name for name in states(engine) if name != "web")
        for host, engine in fleet.engines.items()
        if len(states(engine)) > 1
    }


def unchanged(fleet: Fleet, before: dict[str, str]) -> set[str]:
    """Hosts that run the old container; on the others the new one runs."""
    assert {states(engine)["web"] for engine in fleet.engines.values()} == {"running"}
    return {host for host, found in fleet.ids().items() if found == before[host]}


def test_by_default_a_failing_host_goes_back_and_the_rest_is_left_alone(fleet: Fleet, before: dict[str, str]) -> None:
    outcome = fleet.apply(rolling(*BAD))
    assert codes(outcome) == "h1:OK h2:OK h3:FAILED h4:FAILED"
    assert unchanged(fleet, before) == {"h3", "h4", "h5"}
    assert kept(fleet) == {
        **{key: ["web.previous"] for key in ("h1", "h2")},
        **{key: ["web.failed"] for key in ("h3", "h4")},
    }


def test_or_every_host_of_the_play_goes_back(fleet: Fleet, before: dict[str, str]) -> None:
    outcome = fleet.apply(rolling(*BAD, more="serial: 2\non_failure: rollback_all"))
    assert codes(outcome) == "h1:FAILED h2:FAILED h3:FAILED h4:FAILED"
    assert unchanged(fleet, before) == set(NAMES)
    assert [found.restored for found in outcome.hosts] == ["after the failure of h3, h4"] * 2 + ["", ""]
    assert {result.status for result in outcome.hosts[0].results} == {Status.UNDONE, Status.SKIPPED}
    assert kept(fleet) == {key: ["web.failed"] for key in ("h3", "h4")}
    assert sorted(fleet.ended) == ["h1", "h2", "h3", "h4"]


def test_one_failure_is_enough_for_that(fleet: Fleet, before: dict[str, str]) -> None:
    outcome = fleet.apply(rolling("h4", more="serial: 2\non_failure: rollback_all"))
    assert codes(outcome) == "h1:FAILED h2:FAILED h3:FAILED h4:FAILED"
    assert unchanged(fleet, before) == set(NAMES)


def test_unless_a_percentage_allows_for_it(fleet: Fleet, before: dict[str, str]) -> None:
    more = "serial: 2\non_failure: rollback_all\nmax_fail_percentage: 50"
    assert codes(fleet.apply(rolling("h4", more=more))) == "h1:OK h2:OK h3:OK h4:FAILED h5:OK"
    assert unchanged(fleet, before) == {"h4"}
    assert kept(fleet) == {**{key: ["web.previous"] for key in NAMES}, "h4": ["web.failed"]}


def test_a_play_in_which_all_goes_well_is_finished_at_its_end(fleet: Fleet, before: dict[str, str]) -> None:
    outcome = fleet.apply(rolling(more="serial: 1\non_failure: rollback_all"))
    assert (outcome.exit_code, unchanged(fleet, before)) == (ExitCode.OK, set())
    assert kept(fleet) == {key: ["web.previous"] for key in NAMES}
    assert all(found.step.phase and found.status is Status.DONE for host in outcome.hosts for found in host.results)
    assert [event.outcome.exit_code for event in fleet.seen.events if isinstance(event, HostEnded)] == [0] * 5


def test_a_stop_finishes_completed_hosts(fleet: Fleet, before: dict[str, str]) -> None:
    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "create_container":
            fleet.stop.set()
        return call()

    fleet.wrap["h2"] = lambda engine: surrounded(engine, around)
    outcome = fleet.apply(rolling(more="serial: 1\non_failure: rollback_all"))
    assert codes(outcome) == "h1:OK h2:INTERRUPTED"
    assert unchanged(fleet, before) == set(NAMES) - {"h1"}
    assert kept(fleet) == {"h1": ["web.previous"]}


def test_a_host_that_is_lost_on_the_way_back_is_named(fleet: Fleet, before: dict[str, str]) -> None:
    fleet.wrap["h1"] = lambda engine: with_faults(engine, Faults(at=8, error=connection_lost(), for_ever=True))
    outcome = fleet.apply(rolling("h2", more="serial: 1\non_failure: rollback_all"))
    assert codes(outcome) == "h1:UNREACHABLE h2:FAILED"
    fleet.wrap.clear()
    assert fleet.apply(play(OLD)).exit_code is ExitCode.OK
    assert unchanged(fleet, before) == set(NAMES)


TWO = "- hosts: h1\n  project: shop\n{more}  containers:\n    api: {{image: web:1, command: {word}}}\n"
TWO += "    web: {{image: web:1, command: {word}, labels: {{sim.behaviour: {how}}}}}\n"


@pytest.mark.parametrize(
    ("more", "api"), [("", "old"), ("  on_failure: rollback_host\n", "old"), ("  on_failure: stop\n", "new")]
)
def test_other_changes_on_a_failing_host(fleet: Fleet, more: str, api: str) -> None:
    fleet.apply(TWO.format(more=more, word="old", how="run"))
    outcome = fleet.apply(TWO.format(more=more, word="new", how="exit:3:4"))
    found = {name: (fleet.engines["h1"].inspect_container(name) or {})["Config"]["Cmd"][0] for name in ("api", "web")}
    assert (codes(outcome), found) == ("h1:FAILED", {"api": api, "web": "old"})


def test_a_container_that_is_down_when_all_is_read_again_goes_back(fleet: Fleet, before: dict[str, str]) -> None:
    lists: list[str] = []
    engine = fleet.engines["h1"]

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        lists.extend([name] if name == "list_containers" else [])
        if name == "list_containers" and len(lists) == 2:
            engine.stop_container("web", 0)
        return call()

    fleet.wrap["h1"] = lambda engine: surrounded(engine, around)
    outcome = fleet.apply(play(NEW, hosts="h1"))
    assert codes(outcome) == "h1:FAILED"
    assert [change.reason for change in outcome.hosts[0].remaining] == ["is exited with code 0"]
    assert unchanged(fleet, before) == set(NAMES)


# Containers that do not work


PAIR = """
- hosts: h1
  project: shop
  containers:
    db:
      image: db:1
      command: {db}
      healthcheck: {{test: [CMD, probe], interval: 2s}}
      labels: {{sim.behaviour: {how}}}
    app: {{image: web:1, command: app, restart: always, labels: {{sim.behaviour: "exit:1:{reads}"}}{needs}}}
"""


def pair(db: str = "old", how: str = "healthy", reads: int = 0, needs: str = "") -> str:
    return PAIR.format(db=db, how=how, reads=reads, needs=needs)


def test_a_new_container_that_did_not_become_healthy_fails_the_next_run_too(fleet: Fleet) -> None:
    bad = play("image: web:1, healthcheck: {test: [CMD, x]}, labels: {sim.behaviour: 'unhealthy:2'}", hosts="h1")
    for run in (None, RUN):
        fleet.run = run
        assert codes(fleet.apply(bad)) == "h1:FAILED"
        assert codes(fleet.apply(bad)) == "h1:FAILED"
    outcome = fleet.apply()
    assert [(found.step.address.label, found.error) for found in outcome.hosts[0].failed] == [
        ("container.web", "is unhealthy; its healthcheck said: simulated: the check failed (exit code 1)")
    ]
    assert tally(outcome.hosts[0]) == Tally(failed=1)
    assert outcome.hosts[0].results[0].step.phase is Phase.COMMIT


def test_one_that_became_healthy_meanwhile_does_not(fleet: Fleet) -> None:
    slow = "image: web:1, healthcheck: {test: [CMD, x], interval: 1s}, update: {health_timeout: 1s}"
    late = play(slow + ", labels: {sim.behaviour: 'healthy:12'}", hosts="h1")
    fleet.run = RUN
    assert codes(fleet.apply(late)) == "h1:FAILED"
    assert codes(fleet.apply(late)) == "h1:OK"
    with fleet.plan(late) as session:
        assert (list(session.plan.changes), [host.steps for host in session.plan.hosts]) == ([], [()])


def test_a_repair_is_not_rolled_back_because_of_a_neighbour_in_a_crash_loop(fleet: Fleet) -> None:
    fleet.run = RUN
    fleet.apply(pair(reads=30))
    for _ in range(40):
        fleet.engines["h1"].inspect_container("app")
    fleet.seen.events.clear()
    assert codes(fleet.apply(pair(db="new", reads=30))) == "h1:OK"
    db = fleet.engines["h1"].inspect_container("db")
    assert db is not None and db["Config"]["Cmd"] == ["new"]


def test_a_neighbour_that_goes_down_meanwhile_is_only_reported(fleet: Fleet) -> None:
    fleet.run = RUN
    apart = pair().replace('restart: always, labels: {sim.behaviour: "exit:1:0"}', "labels: {sim.behaviour: run}")
    fleet.apply(apart)
    engine = fleet.engines["h1"]

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "create_container":
            engine.stop_container("app", 0)
        return call()

    fleet.wrap["h1"] = lambda engine: surrounded(engine, around)
    assert codes(fleet.apply(apart.replace("command: old", "command: new"))) == "h1:OK"
    said = [event.text for event in fleet.seen.events if isinstance(event, Notice)]
    assert said == ["container.app: is exited with code 0; this run does not change it"]
    depends = apart.replace("command: app", "command: app, depends_on: [db]")
    assert codes(fleet.apply(depends)) == "h1:OK"
    fleet.wrap["h1"] = lambda engine: surrounded(engine, around)
    outcome = fleet.apply(depends.replace("command: old", "command: newer"))
    assert codes(outcome) == "h1:FAILED"
    db = engine.inspect_container("db")
    assert db is not None and db["Config"]["Cmd"] == ["old"]


# Going back on request


def commands(fleet: Fleet, *names: str) -> dict[str, dict[str, str]]:
    return {
        host: {name: (engine.inspect_container(name) or {})["Config"]["Cmd"][0] for name in names}
        for host, engine in fleet.engines.items()
        if states(engine)
    }


@pytest.fixture
def two_versions(fleet: Fleet) -> Fleet:
    """`web` was replaced before `api` was."""
    fleet.run = RUN
    for web, api in (("old", "old"), ("new", "old"), ("new", "new")):
        both = f"{{web: {{image: web:1, command: {web}}}, api: {{image: web:1, command: {api}}}}}"
        fleet.apply(f"- hosts: h1\n  project: shop\n  containers: {both}\n")
    return fleet


def test_rollback_restores_the_last_replacement(two_versions: Fleet) -> None:
    outcome = two_versions.roll_back()
    assert (codes(outcome), outcome.hosts[0].remaining) == ("h1:OK", ())
    assert commands(two_versions, "web", "api") == {"h1": {"web": "new", "api": "old"}}
    assert states(two_versions.engines["h1"]) == {
        "web": "running",
        "api": "running",
        "web.previous": "exited",
        "api.previous": "exited",
    }


def test_what_a_killed_run_replaced_comes_back_and_nothing_older(two_versions: Fleet) -> None:
    """The run ends after it has stopped `web`, and nothing of it is rolled back."""
    engine, dead = two_versions.engines["h1"], list[str]()

    def killed(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if dead:
            raise UnreachableError("killed")
        answer = call()
        if name == "rename_container" and "web.deployer-old" in args:
            dead.append(name)
        return answer

    two_versions.wrap["h1"] = lambda found: surrounded(found, killed)
    both = "{web: {image: web:1, command: third}, api: {image: web:1, command: new}}"
    two_versions.apply(f"- hosts: h1\n  project: shop\n  containers: {both}\n")
    del two_versions.wrap["h1"]
    for volume in engine.list_volumes():
        if str(volume["Name"]).startswith("deployer.lock."):
            engine.remove_volume(str(volume["Name"]))
    (begun, *_) = read_records(engine.list_volumes(), "shop")
    assert (begun.result, begun.number, begun.changes) == ("started", 4, ("+/- container.web",))
    assert begun.before is not None
    assert [(each.name, each.fields) for each in begun.before] == [("web", {"command": ["new"]})]
    assert two_versions.roll_back().exit_code is ExitCode.OK
    assert commands(two_versions, "web", "api") == {"h1": {"web": "new", "api": "new"}}


def pruned(fleet: Fleet) -> None:
    """As `docker container prune` does."""
    engine = fleet.engines["h1"]
    for entry in engine.list_containers():
        if entry["State"] != "running":
            engine.remove_container(str(entry["Id"]), force=False, anonymous_volumes=False)


def test_containers_are_recreated_from_the_records_of_runs(two_versions: Fleet) -> None:
    pruned(two_versions)
    refused = two_versions.roll_back()
    (refusal,) = refused.hosts[0].plan.refusals
    assert refusal.summary == "the previous container no longer exists"
    assert refusal.hint == "deployer rollback --to 2 recreates it from the record of that run"
    for run, web, api in ((2, "new", "old"), (1, "old", "old"), (3, "new", "new")):
        outcome = two_versions.roll_back(run=run)
        assert (codes(outcome), outcome.hosts[0].remaining) == ("h1:OK", ()), [*outcome.hosts[0].plan.refusals, run]
        assert commands(two_versions, "web", "api") == {"h1": {"web": web, "api": api}}
        again = two_versions.roll_back(run=run)
        assert again.hosts[0].results == ()
    two_versions.roll_back("web", run=1)
    assert commands(two_versions, "web", "api") == {"h1": {"web": "old", "api": "new"}}
    unknown = two_versions.roll_back(run=99)
    refusals = [(str(found.address), found.summary) for found in unknown.hosts[0].plan.refusals]
    assert refusals == [("h1/container.*", "run 99 is not recorded on this host")]
    engine = two_versions.engines["h1"]
    engine.remove_volume("deployer.history.shop.3")
    (gap,) = two_versions.roll_back(run=1).hosts[0].plan.refusals
    assert gap.summary == "cannot roll back to run 1: the record of run 3 does not say what it changed"


def test_the_image_of_that_run_is_found_by_its_id_or_pulled_by_its_digest(fleet: Fleet) -> None:
    fleet.run = RUN
    engine = fleet.engines["h1"]
    for tag, more in (("web:1", "tty: false"), ("web:2", "mem_limit: 64m, environment: {A: x}")):
        fleet.apply(f"- hosts: h1\n  project: shop\n  containers: {{web: {{image: {tag}, {more}}}}}\n")
    first = (engine.inspect_image("docker.io/library/web:1") or {})["Id"]
    pruned(fleet)
    engine.remove_image("docker.io/library/web:1")
    outcome = fleet.roll_back(run=1)
    assert (codes(outcome), outcome.hosts[0].remaining) == ("h1:OK", ())
    web = engine.inspect_container("web") or {}
    assert (web["Image"], web["HostConfig"]["Memory"], web["Config"]["Tty"]) == (first, 0, False)
    assert not [found for found in web["Config"]["Env"] if found.startswith("A=")]


def test_a_second_time_it_goes_forward_again(two_versions: Fleet) -> None:
    two_versions.roll_back()
    assert two_versions.roll_back().exit_code is ExitCode.OK
    assert commands(two_versions, "web", "api") == {"h1": {"web": "new", "api": "new"}}


def test_any_container_can_be_named(two_versions: Fleet) -> None:
    two_versions.roll_back("container.web")
    assert commands(two_versions, "web", "api") == {"h1": {"web": "old", "api": "new"}}


def test_a_name_that_nothing_declares_is_an_error_before_any_host_is_read(two_versions: Fleet) -> None:
    calls = counted(two_versions)
    with pytest.raises(InputError) as caught:
        two_versions.roll_back("wbe", "api", "nothing")
    assert [str(found) for found in caught.value.diagnostics] == [
        "CONTAINER: no container 'nothing' is declared on these hosts; declared: api, web",
        "CONTAINER: no container 'wbe' is declared on these hosts; did you mean 'web'?",
    ]
    assert not calls


def test_one_that_is_declared_absent_has_nothing_to_go_back_to(two_versions: Fleet) -> None:
    with pytest.raises(InputError, match="no container 'web' is declared on these hosts"):
        two_versions.roll_back("web", playbook=play("state: absent"))


def test_rollback_reads_the_host_once(two_versions: Fleet) -> None:
    calls = counted(two_versions)
    with rollback.plan(request("", {}), two_versions.system, ()) as planned:
        assert [found.address.label for found in planned.plan.changes] == ["container.api"]
    assert calls["list_volumes"] == 1


def counted(fleet: Fleet) -> Counter[str]:
    """Calls of every host's engine from now on, by name."""
    calls = Counter[str]()

    def around(name: str, _args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        calls[name] += 1
        return call()

    fleet.wrap |= {host: lambda engine: surrounded(engine, around) for host in NAMES}
    return calls


def test_where_nothing_was_replaced_nothing_is_done(fleet: Fleet) -> None:
    fleet.run = RUN
    fleet.apply(play(OLD))
    assert codes(fleet.roll_back()) == " ".join(f"{host}:OK" for host in NAMES)
    refused = fleet.roll_back("web")
    assert refused.exit_code is ExitCode.REFUSED
    assert refused.hosts[0].plan.refusals[0].summary == "has no previous container"


def test_a_previous_one_that_does_not_work_any_more_leaves_all_as_it_was(two_versions: Fleet) -> None:
    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "start_container":
            raise connection_refused
        return call()

    connection_refused = Faults().error
    host, before = two_versions.engines["h1"], two_versions.ids("api")
    two_versions.wrap["h1"] = lambda engine: surrounded(engine, _once(around))
    outcome = two_versions.roll_back()
    assert codes(outcome) == "h1:FAILED"
    assert (two_versions.ids("api"), states(host)["api"]) == (before, "running")
    assert states(host)["api.previous"] == "exited"


def _once(around: Callable[..., Any]) -> Callable[..., Any]:
    """Only the first start goes wrong."""
    done: list[str] = []

    def first(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "start_container" and not done:
            done.append(name)
            return around(name, args, call)
        return call()

    return first


def test_a_rolled_back_run_is_not_the_last_replacement(two_versions: Fleet) -> None:
    bad = (
        "{web: {image: web:1, command: newest, labels: {sim.behaviour: 'exit:3:1'}}, api: {image: web:1, command: new}}"
    )
    assert two_versions.apply(f"- hosts: h1\n  project: shop\n  containers: {bad}\n").exit_code is ExitCode.FAILED
    two_versions.roll_back()
    assert commands(two_versions, "web", "api") == {"h1": {"web": "new", "api": "old"}}


def test_the_run_is_put_on_record(two_versions: Fleet) -> None:
    two_versions.run = replace(RUN, command="rollback site.yml")
    two_versions.roll_back()
    labels = [found["Labels"] for found in two_versions.engines["h1"].list_volumes()]
    assert "rollback site.yml" in {found.get("deployer.history.command") for found in labels}
