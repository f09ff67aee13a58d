"""Jobs: when they run, when they run again, and what waits for them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from deployer.model.desired import Kind
from deployer.model.observed import Observed, Ownership
from deployer.model.operations import CreateContainer
from deployer.model.plan import Phase
from deployer.planning.policy import Policy
from deployer.planning.reconcile import destroy
from tests.planning.build import (
    EMPTY,
    applied,
    changed,
    changes,
    joined,
    nothing,
    plan,
    play,
    refusals,
    steps,
    stub,
    without,
)

JOB = "jobs: {migrate: {image: tools:1, command: up}}"
AGAIN = JOB.replace("up", "up --all")
FRESH = [
    "#1 image.tools:1, PullImage docker.io/library/tools:1, pull",
    "[1] -> #2 job.migrate, CreateContainer migrate, run [run migrate]",
    "[2] -> #3 job.migrate, StartContainer made by #2, run [run migrate]",
    "[3] -> #4 job.migrate, AwaitCompleted made by #2, run [run migrate]",
]


def ended(text: str, code: int = 0) -> Observed:
    """The host after the play was applied and its job ended."""
    return changed(applied(text), "migrate", state="exited", exit_code=code)


def test_a_job_that_has_not_run_is_run() -> None:
    found = plan(JOB, applied(EMPTY))
    assert changes(found) == ["+ image.tools:1 (pull)", ">> job.migrate (run)"]
    assert steps(found) == FRESH
    assert [step.lasting for step in found.steps] == [False, False, False, True]


def test_it_has_run_and_is_not_run_again() -> None:
    assert nothing(plan(JOB, ended(JOB)))


def test_it_is_run_again_when_something_of_it_changed() -> None:
    found = plan(AGAIN, ended(JOB))
    assert changes(found) == [">> job.migrate (run again): command up → up --all"]
    assert steps(found) == [
        "#1 job.migrate, CreateContainer migrate.deployer-new, run [run migrate]",
        "[1] -> #2 job.migrate, RenameContainer migrate-1 to migrate.deployer-old, run [run migrate]",
        "[2] -> #3 job.migrate, RenameContainer made by #1 to migrate, run [run migrate]",
        "[3] -> #4 job.migrate, StartContainer made by #1, run [run migrate]",
        "[4] -> #5 job.migrate, AwaitCompleted made by #1, run [run migrate]",
        "[5] -> #6 job.migrate, RemoveContainer migrate-1, run [run migrate]",
    ]
    undo = [" ".join(type(each).__name__ for each in step.undo) for step in found.steps]
    assert undo == ["RemoveContainer", "RenameContainer", "RenameContainer", "StopContainer", "", ""]
    assert [type(each).__name__ for each in found.steps[0].keep] == ["RenameContainer"]


def test_another_image_under_the_same_tag_is_a_change_too() -> None:
    host = changed(ended(JOB), "migrate", image_id="image before")
    (found,) = plan(JOB, host).changes
    assert (found.reason, [diff.name for diff in found.diffs]) == ("run again", ["image"])


@pytest.mark.parametrize(
    ("state", "code", "reason"),
    [
        ("exited", 3, "run again: its last run ended with code 3"),
        ("dead", 137, "run again: its last run ended with code 137"),
        ("created", 0, "run again: it was never started"),
    ],
)
def test_a_failed_run_does_not_count(state: str, code: int, reason: str) -> None:
    found = plan(JOB, changed(applied(JOB), "migrate", state=state, exit_code=code))
    assert changes(found) == [f">> job.migrate ({reason})"]
    assert steps(found) == [
        "#1 job.migrate, CreateContainer migrate.deployer-new, run [run migrate]",
        "[1] -> #2 job.migrate, RemoveContainer migrate-1, run [run migrate]",
        "[2] -> #3 job.migrate, RenameContainer made by #1 to migrate, run [run migrate]",
        "[3] -> #4 job.migrate, StartContainer made by #1, run [run migrate]",
        "[4] -> #5 job.migrate, AwaitCompleted made by #1, run [run migrate]",
    ]


def test_a_job_may_be_run_at_every_run() -> None:
    always = JOB.replace("command", "recreate: always, command")
    assert changes(plan(always, ended(always))) == [">> job.migrate (run again: recreate: always)"]


def test_one_that_still_runs_is_waited_for_and_not_started_twice() -> None:
    found = plan(JOB, applied(JOB))
    assert changes(found) == [">> job.migrate (wait for its end: it still runs)"]
    assert steps(found) == ["#1 job.migrate, AwaitCompleted migrate-1, run [run migrate]"]


def test_one_that_still_runs_with_another_declaration_is_not_cut_short() -> None:
    found = plan(AGAIN, applied(JOB))
    assert changes(found) == [">> job.migrate (run again): command up → up --all"]
    assert steps(found)[:3] == [
        "#1 job.migrate, AwaitCompleted migrate-1, still runs",
        "[1] -> #2 job.migrate, CreateContainer migrate.deployer-new, run [run migrate]",
        "[2] -> #3 job.migrate, RenameContainer migrate-1 to migrate.deployer-old, run [run migrate]",
    ]
    assert [getattr(step.operation, "whatever_code", None) for step in found.steps[:1]] == [True]


def test_a_limit_is_that_of_the_wait() -> None:
    found = plan(JOB.replace("command", "timeout: 5m, command"), applied(EMPTY))
    assert getattr(found.steps[3].operation, "timeout", None) == 300.0


NETWORKED = """
networks: {back: {}}
containers: {db: {image: db:1}}
jobs: {migrate: {image: tools:1, networks: [back], environment: {A: b}}}
"""


def test_later_changes_of_its_container_do_not_run_it_again() -> None:
    host = ended(NETWORKED)
    assert nothing(plan(NETWORKED, changed(host, "migrate", values={"mem_limit": 5, "environment": {"A": "x"}})))
    assert nothing(plan(NETWORKED, changed(host, "migrate", attached={"back": "an older network"})))


def test_a_replaced_dependency_does_not_run_it_again() -> None:
    text = "containers: {db: {image: db:1}}\njobs: {migrate: {image: tools:1, network_mode: 'container:db'}}"
    found = plan(text.replace("db:1}", "db:1, tty: true}"), ended(text))
    assert [change.address.name for change in found.changes] == ["db"]


def test_without_a_record_it_is_judged_by_its_container() -> None:
    host = changed(ended(JOB), "migrate", owner=Ownership("shop", "job.migrate"))
    assert nothing(plan(JOB, host))
    assert changes(plan(AGAIN, host)) == [">> job.migrate (run again): command up → up --all"]


SECRET = "jobs: {migrate: {image: tools:1, environment: {PASSWORD: '{{ pw }}'}}}"


def test_another_secret_is_a_change() -> None:
    first, second = play(SECRET, secrets={"pw": "hunter2"}), play(SECRET, secrets={"pw": "hunter3"})
    host = changed(applied(first), "migrate", state="exited")
    assert nothing(plan(first, host))
    (found,) = plan(second, host).changes
    assert (found.reason, [diff.name for diff in found.diffs]) == ("run again", ["environment.PASSWORD"])


# What waits for it

SHOP = """
containers:
  db: {image: db:1, healthcheck: {test: [CMD, 'true']}}
  web: {image: web:1, depends_on: [migrate]}
jobs:
  migrate: {image: tools:1, depends_on: {db: {condition: service_healthy}}}
"""


def line_of(lines: list[str], part: str) -> str:
    (found,) = [line for line in lines if part in line]
    return found


def number(lines: list[str], part: str) -> str:
    return line_of(lines, part).partition("#")[2].partition(" ")[0]


def needs(lines: list[str], part: str) -> list[str]:
    head = line_of(lines, part)
    return head[1:].partition("]")[0].split(",") if head.startswith("[") else []


def test_a_job_waits_for_containers_and_containers_for_it() -> None:
    found = steps(plan(SHOP, applied(EMPTY)))
    healthy = number(found, "AwaitHealthy made by #2, others wait for it")
    assert healthy in needs(found, "job.migrate, StartContainer")
    assert number(found, "job.migrate, AwaitCompleted") in needs(found, "container.web, StartContainer")


@pytest.mark.parametrize("order", ["stop-first", "start-first"])
def test_the_old_version_runs_until_the_job_has_ended(order: str) -> None:
    """Whatever the order: neither does the new one start nor the old one stop before."""
    wish = SHOP.replace("depends_on: [migrate]", f"depends_on: [migrate], update: {{order: {order}}}, tty: true")
    host = joined(ended(SHOP), applied("containers: {other: {image: tools:2}}"))
    found = plan(wish.replace("tools:1", "tools:2"), host)
    after = {number(steps(found), "job.migrate, AwaitCompleted")}
    for step in found.steps:
        if after & set(map(str, step.needs)):
            after.add(str(step.number))
    for part in ("container.web, StopContainer", "container.web, StartContainer"):
        assert number(steps(found), part) in after


def test_nothing_waits_for_a_job_that_has_run() -> None:
    host = changed(ended(SHOP), "web", state="exited")
    assert steps(plan(SHOP, host)) == [
        "#1 container.web, StartContainer web-1, is exited with code 0",
        "[1] -> #2 container.web, AwaitHealthy web-1, must work",
    ]


def test_a_job_may_wait_for_a_job() -> None:
    text = "jobs: {one: {image: a:1}, two: {image: a:1, depends_on: [one]}}"
    found = steps(plan(text, applied(EMPTY)))
    assert number(found, "job.one, AwaitCompleted") in needs(found, "job.two, StartContainer")


def test_restart_follows_a_job_that_was_run() -> None:
    wish = SHOP.replace("[migrate]", "{migrate: {restart: true}}")
    found = changes(plan(wish.replace("tools:1", "tools:1, tty: true"), ended(wish)))
    assert found == ["> container.web (migrate is replaced)", ">> job.migrate (run again): tty false → true"]


def test_a_job_that_tags_leave_out_is_not_run() -> None:
    text = SHOP.replace("[migrate]}", "[migrate], tags: [web]}")
    found = plan(play(text, tags=("web",)), applied(EMPTY))
    assert [change.address.label for change in found.changes] == ["image.web:1", "container.web"]
    failed = plan(play(text, tags=("web",)), changed(without(ended(text, 3), "web"), "db", state="exited"))
    assert "AwaitCompleted migrate-1, others wait for it" in "\n".join(steps(failed))


# What is left, and what belongs to others


def test_leftovers_of_an_interrupted_run_are_removed() -> None:
    aside = changed(ended(JOB), "migrate", rename="migrate.deployer-old", id="migrate-0")
    found = plan(AGAIN, joined(ended(AGAIN), aside))
    assert changes(found) == ["- job.migrate.deployer-old (left by an interrupted run)"]
    assert steps(found) == [
        "#1 job.migrate.deployer-old, RemoveContainer migrate-0, left by an interrupted run, at last"
    ]


def test_one_that_still_runs_keeps_the_one_before_until_it_has_ended() -> None:
    aside = changed(ended(JOB), "migrate", rename="migrate.deployer-old", id="migrate-0")
    assert steps(plan(AGAIN, joined(applied(AGAIN), aside))) == [
        "#1 job.migrate, AwaitCompleted migrate-1, run [run migrate]",
        "[1] -> #2 job.migrate, RemoveContainer migrate-0, run [run migrate]",
    ]


def test_a_job_whose_record_was_set_aside_for_a_run_that_never_was() -> None:
    aside = changed(ended(JOB), "migrate", rename="migrate.deployer-old", id="migrate-0")
    unborn = changed(applied(AGAIN), "migrate", state="created")
    assert changes(plan(JOB, joined(unborn, aside))) == [
        "~ job.migrate (gets its name back, left by an interrupted run)",
        "- job.migrate (left by an interrupted run)",
    ]
    found = plan(AGAIN, joined(unborn, aside))
    assert changes(found) == [">> job.migrate (run again: it was never started)"]
    assert steps(found)[-1] == "[5] -> #6 job.migrate, RemoveContainer migrate-0, run [run migrate]"


def test_its_name_is_used_by_a_foreign_container() -> None:
    theirs = changed(ended(JOB), "migrate", owner=Ownership("blog", "job.migrate"))
    assert refusals(plan(JOB, theirs)) == ["job.migrate: the name is taken by project blog"]
    nobodys = changed(ended(JOB), "migrate", owner=Ownership())
    counts = plan(JOB, nobodys)
    assert steps(plan(JOB, nobodys, adopt=True)) == ["#1 job.migrate, WriteRecord migrate-1, adopted"]
    assert (counts.changes, counts.notes) == (
        (),
        ("job.migrate: not created by this project; matches the declaration, so it counts as run",),
    )
    for host in (changed(nobodys, "migrate", exit_code=1), changed(nobodys, "migrate", state="running")):
        assert refusals(plan(JOB, host)) == [
            "job.migrate: a container of that name exists that this project did not create, and it differs"
        ]
        assert [change.action.name for change in plan(JOB, host, adopt=True).changes] == ["RUN"]


def test_a_container_that_became_a_job_does_not_run_again() -> None:
    was = "containers: {migrate: {image: tools:1, command: up}}"
    assert nothing(plan(JOB, ended(was)))
    assert changes(plan(was, ended(JOB))) == ["> container.migrate (is exited with code 0)"]
    assert nothing(plan(JOB, ended(was), prune=True))


# Removal


def test_a_job_that_is_not_wanted_any_more() -> None:
    absent = "jobs: {migrate: {state: absent}}"
    assert changes(plan(absent, ended(JOB))) == ["- job.migrate (absent)"]
    assert nothing(plan(absent, applied(EMPTY)))
    pruned = plan(EMPTY, ended(JOB), prune=True)
    assert changes(pruned) == ["- job.migrate (no longer declared)"]
    assert nothing(plan(EMPTY, ended(JOB)))
    elsewhere = replace(EMPTY, elsewhere=frozenset({(Kind.JOB, "migrate")}))
    assert nothing(plan(elsewhere, ended(JOB), prune=True))


def test_destroying_a_project_removes_its_jobs() -> None:
    found = destroy(play(JOB), ended(JOB), Policy())
    assert changes(found) == ["- job.migrate (destroyed)"]
    assert [step.phase for step in found.steps] == [Phase.COMMIT]


def test_a_run_that_failed_and_was_kept_goes_with_its_job() -> None:
    failed = stub("migrate.failed", state="exited", owner=Ownership("shop", "job.migrate"))
    host = replace(ended(JOB), kept=(failed,))
    assert changes(plan(EMPTY, host, prune=True)) == [
        "- job.migrate (no longer declared)",
        "- job.migrate.failed (no longer declared)",
    ]
    assert "RemoveContainer migrate.fail" in str(plan(EMPTY, host, prune=True))
    alone = plan(EMPTY, replace(applied(EMPTY), kept=(failed,)), prune=True)
    assert changes(alone) == ["- job.migrate.failed (no longer declared)"]
    again = plan(AGAIN, host)
    assert steps(again)[-1] == "[6] -> #7 job.migrate, RemoveContainer migrate.fail, a later run succeeded, at last"
    assert [type(each).__name__ for each in again.steps[0].keep] == ["RemoveContainer", "RenameContainer"]


def test_networks_and_volumes_of_a_job_have_to_be_there() -> None:
    text = "jobs: {migrate: {image: tools:1, networks: [back], volumes: ['data:/data']}}"
    assert refusals(plan(text, applied(EMPTY))) == [
        "job.migrate: network back is neither declared nor on the host",
        "job.migrate: volume data is neither declared nor on the host",
    ]


def test_anonymous_volumes_move_to_the_next_run() -> None:
    text = "jobs: {migrate: {image: tools:1, command: up, volumes: [/cache]}}"
    (create, *_) = plan(text.replace("up", "down"), ended(text)).steps
    assert isinstance(create.operation, CreateContainer)
    assert create.operation.body["HostConfig"]["Binds"] == ["anonymous /cache:/cache"]


def test_a_volume_that_is_recreated_takes_the_record_with_it() -> None:
    text = "volumes: {data: {}}\njobs: {migrate: {image: tools:1, volumes: ['data:/data']}}"
    wish = text.replace("data: {}", "data: {labels: {a: b}}")
    found = plan(wish, ended(text), data_loss=frozenset({"web1/volume.data"}))
    assert changes(found)[1:] == [">> job.migrate (run again: a volume it mounts is recreated)"]
    assert "job.migrate, CreateContainer migrate, run [run migrate]" in str(found)


def test_a_job_has_its_address() -> None:
    found = plan(JOB, applied(EMPTY))
    operation = found.steps[1].operation
    assert isinstance(operation, CreateContainer)
    assert operation.body["Labels"]["deployer.resource"] == "job.migrate"
