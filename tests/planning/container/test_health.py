"""Which containers a run waits for, how long, and which it only notes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from deployer.model.observed import Observed
from deployer.model.operations import AwaitHealthy
from tests.planning.build import applied, changed, changes, plan, steps

PROBE = "healthcheck: {test: [CMD, probe], interval: 2s"
SHOP = f"""
containers:
  db: {{image: db:1, environment: {{MODE: a}}, {PROBE}}}}}
  web: {{image: web:1, depends_on: [db], {PROBE}}}}}
  worker: {{image: web:1, {PROBE}}}}}
"""
REPAIRED = SHOP.replace("MODE: a", "MODE: b")


def failing(
    name: str, *, proven: bool, state: str = "running", health: str = "unhealthy", wish: str = SHOP
) -> Observed:
    """The host after the play, where one container does not work."""
    return changed(applied(wish), name, state=state, health=health, exit_code=1, restarts=3, proven=proven)


@pytest.mark.parametrize(
    ("state", "health", "words"),
    [
        ("running", "unhealthy", "is unhealthy"),
        ("running", "starting", "is not healthy yet"),
        ("restarting", "", "keeps restarting, last exit code 1"),
        ("running", "", "was restarted by the engine"),
    ],
)
def test_one_that_no_run_has_seen_working_is_waited_for(state: str, health: str, words: str) -> None:
    found = plan(SHOP, failing("worker", proven=False, state=state, health=health))
    assert (changes(found), steps(found)) == (
        [],
        ["#1 container.worker, AwaitHealthy worker-1, fails already, at last"],
    )
    assert found.notes == (
        f"container.worker: {words}; no run has seen it working yet, so apply waits until it works, and fails if it "
        "does not",
    )


@pytest.mark.parametrize(
    ("state", "health", "notes"),
    [
        ("running", "unhealthy", ("container.worker: is unhealthy; this run does not change it",)),
        (
            "restarting",
            "",
            ("container.worker: keeps restarting, last exit code 1; this run does not change it",),
        ),
        ("running", "starting", ()),
        ("running", "", ()),
    ],
)
def test_one_that_worked_once_is_only_noted(state: str, health: str, notes: tuple[str, ...]) -> None:
    found = plan(SHOP, failing("worker", proven=True, state=state, health=health))
    assert (steps(found), found.notes) == ([], notes)
    repairing = plan(REPAIRED, failing("worker", proven=True, state=state, health=health))
    assert "worker" not in str(repairing)
    assert repairing.notes == notes


def test_one_that_depends_on_what_is_changed_is_waited_for_when_nothing_can_be_rolled_back_any_more() -> None:
    found = plan(REPAIRED, failing("web", proven=True))
    assert changes(found) == ["+/- container.db (start-first: no downtime): environment.MODE a → b"]
    assert steps(found)[-1] == "#8 container.web, AwaitHealthy web-1, fails already, at last"
    assert found.notes == (
        "container.web: is unhealthy; this run changes it or what it depends on, so apply waits until it works, and "
        "fails if it does not",
    )


@pytest.mark.parametrize(
    ("wish", "state", "health", "grace"),
    [
        (SHOP, "running", "unhealthy", 2),
        (SHOP, "restarting", "", 2),
        (REPAIRED, "running", "unhealthy", 60),
        (REPAIRED, "restarting", "", 65),
    ],
)
def test_it_may_go_on_failing_for_a_while_where_something_is_changed(
    wish: str, state: str, health: str, grace: float
) -> None:
    found = plan(wish, failing("worker", proven=False, state=state, health=health))
    assert found.steps[-1].operation == AwaitHealthy("worker-1", 60, 5, grace=grace)


def test_only_unchanged_containers_of_the_project_are_judged() -> None:
    host = failing("worker", proven=False)
    stranger = replace(host, containers=tuple(replace(found, owner=type(found.owner)()) for found in host.containers))
    assert [found.notes[0].partition(";")[0] for found in [plan(SHOP, stranger)]] == [
        "container.db: not created by this project"
    ]
    replaced = plan(SHOP.replace("worker: {image: web:1", "worker: {image: web:1, tty: true"), host)
    assert (replaced.notes, sum("AwaitHealthy" in line for line in steps(replaced))) == ((), 1)
    stopped = plan(SHOP.replace("worker: {image: web:1", "worker: {image: web:1, state: stopped"), host)
    assert (stopped.notes, [line for line in steps(stopped) if "Await" in line]) == ((), [])


@pytest.mark.parametrize(
    ("keys", "image", "timeout", "note"),
    [
        ("interval: 2s, start_period: 3m", {}, 182, "from 1m to 3m2s"),
        ("interval: 90s", {}, 90, "from 1m to 1m30s"),
        ("start_period: 50s", {}, 80, "from 1m to 1m20s"),
        ("start_period: 30s", {}, 60, ""),
        ("retries: 2", {"Interval": 100 * 10**9, "StartPeriod": 10**10}, 110, "from 1m to 1m50s"),
        ("disable: true", {"Interval": 100 * 10**9}, 60, ""),
    ],
)
@pytest.mark.parametrize("exists", [False, True])
def test_the_time_to_become_healthy_is_at_least_what_the_healthcheck_needs(
    keys: str, image: dict[str, int], timeout: float, note: str, exists: bool
) -> None:
    config = {"web:1": {"Healthcheck": {"Test": ["CMD", "probe"], **image}}}
    wish = f"containers: {{web: {{image: web:1, environment: {{MODE: a}}, healthcheck: {{{keys}}}}}}}"
    host = applied(wish, config)
    if not exists:
        host = replace(host, containers=())
    found = plan(wish.replace("MODE: a", "MODE: b"), host)
    (wait,) = [step.operation for step in found.steps if isinstance(step.operation, AwaitHealthy)]
    assert wait.timeout == timeout
    said = f"container.web: health_timeout is raised {note}, the start_period and interval of its healthcheck"
    assert found.notes == ((said,) if note else ())
