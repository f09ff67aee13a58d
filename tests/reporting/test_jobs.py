"""How reports tell of jobs."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from deployer.diagnostics import Origin
from deployer.model.desired import Address, Kind, RunOnce
from deployer.model.history import Record, read_records
from deployer.model.operations import (
    AwaitCompleted,
    CreateContainer,
    Made,
    Operation,
    RemoveContainer,
    RenameContainer,
    StartContainer,
)
from deployer.model.outcome import HostOutcome, Status, StepResult
from deployer.model.plan import Action, Counts, Group, HostPlan, Plan, PlayPlan, ResourceChange, Step, Work
from deployer.model.volume_names import record as volume_name
from deployer.planning.job.plan import part_run
from deployer.reporting.history import counted
from deployer.reporting.human import plan_text
from deployer.reporting.json_plan import plan_document
from deployer.reporting.lines import render
from deployer.reporting.recap import recap_text
from deployer.reporting.words import doing, done
from tests.reporting import samples

MIGRATE = Address("web1", Kind.JOB, "migrate")
RUN = ResourceChange(
    MIGRATE, Action.RUN, reason="run again: its last run ended with code 3", origin=Origin("s.yml", 4, 3)
)


def step(number: int, operation: Operation) -> Step:
    return Step(number, operation, MIGRATE, "run", group=Group(Work.RUN, ("migrate",)), part=part_run(operation))


def test_a_plan_with_a_job() -> None:
    found = Plan((PlayPlan("Web", "shop", (HostPlan("web1", "shop", (RUN,)),), (("web1",),)),))
    assert render(plan_text(found), colour=False) == (
        "shop on web1\n"
        "  >>   job migrate  run again: its last run ended with code 3  s.yml:4\n"
        "Plan: 0 to create, 0 to update, 0 to replace, 0 to remove, 1 job to run on 1 host.\n"
    )


def test_a_job_that_one_host_runs_for_all() -> None:
    hosts = tuple(HostPlan(name, "shop") for name in ("web1", "web2"))
    play = PlayPlan("Web", "shop", hosts, (("web1",), ("web2",)), RunOnce("web1", ("migrate", "seed")))
    assert render(plan_text(Plan((play,))), colour=False).splitlines()[0] == (
        "shop: jobs migrate, seed on web1 first, once for all hosts; if it fails, nothing else starts"
    )
    assert plan_document(Plan((play,)))["plays"][0]["once"] == {"host": "web1", "jobs": ["migrate", "seed"]}


@pytest.mark.parametrize(
    ("operation", "before", "after"),
    [
        (CreateContainer("migrate", {}), "creating", "created"),
        (StartContainer(Made(1)), "starting", "started"),
        (AwaitCompleted(Made(1)), "waiting until it ends", "ended"),
        (RenameContainer(Made(1), "migrate"), "renaming to migrate", "renamed to migrate"),
        (RenameContainer("a" * 64, "x"), "previous run: renaming to x", "previous run: renamed to x"),
        (RemoveContainer("a" * 64), "previous run: removing", "previous run: removed"),
    ],
)
def test_steps_of_a_job_say_which_container_they_are_about(operation: Operation, before: str, after: str) -> None:
    assert (doing(step(1, operation)), done(step(1, operation))) == (before, after)


def recap(*results: StepResult) -> str:
    plan = HostPlan("web1", "shop", (RUN,), tuple(result.step for result in results))
    return render(recap_text(samples.outcome(HostOutcome(plan, results))), colour=False)


def test_a_completed_job_is_not_reported_as_rolled_back() -> None:
    started = StepResult(step(2, StartContainer(Made(1))), Status.UNDONE)
    failed = StepResult(step(3, AwaitCompleted(Made(1))), Status.FAILED, error="exited with code 3", log="no schema\n")
    text = recap(StepResult(step(1, CreateContainer("migrate", {})), Status.UNDONE), started, failed)
    assert text.splitlines()[:4] == [
        "web1/job.migrate: waiting until it ends failed: exited with code 3",
        "  last log lines:",
        "    | no schema",
        "web1/job.migrate: its effects are not rolled back; the next run starts it again",
    ]


def test_a_job_that_has_run_is_said_to_stay_when_the_rest_goes_back() -> None:
    ran = StepResult(replace(step(1, AwaitCompleted(Made(1))), lasting=True), Status.DONE)
    web = Step(2, StartContainer(Made(2)), replace(MIGRATE, kind=Kind.CONTAINER, name="web"), "missing")
    assert recap(ran, StepResult(web, Status.UNDONE)).splitlines()[:2] == [
        "web1/job.migrate: has run, and is not rolled back",
        "web1/container.web: rolled back to the state before this run",
    ]
    assert "not undone" not in recap(ran, StepResult(web, Status.DONE))


def test_a_job_that_was_not_started_did_nothing() -> None:
    created = StepResult(step(1, CreateContainer("migrate", {})), Status.UNDONE)
    assert recap(created).splitlines()[0] == "web1/job.migrate: did not run"


def test_jobs_are_counted_on_record() -> None:
    record = Record("shop", "2026-01-02T12:00:00Z", "ann", "apply", "", "ok", "1.0", Counts(create=2, run=1), number=7)
    assert counted(record) == "2 created, 1 run"
    (read,) = read_records([{"Name": volume_name("shop", 7), "Labels": record.labels}])
    assert read.counts == Counts(create=2, run=1)
