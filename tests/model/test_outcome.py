"""What a run ends with."""

from __future__ import annotations

import pytest

from deployer.errors import ExitCode
from deployer.model.desired import Address, Kind
from deployer.model.operations import StartContainer
from deployer.model.outcome import HostOutcome, Outcome, Status, StepResult
from deployer.model.plan import Action, HostPlan, Plan, ResourceChange, Step, Unreachable

WEB, API = (Address("web1", Kind.CONTAINER, name) for name in ("web", "api"))
CHANGES = tuple(ResourceChange(address, Action.START) for address in (WEB, API))
PLAN = HostPlan("web1", "shop", changes=CHANGES)
LOST = Unreachable("web1", "connection lost")


def result(address: Address, status: Status) -> StepResult:
    return StepResult(Step(1, StartContainer("x"), address, "is exited"), status)


def outcome(*statuses: Status, **facts: object) -> HostOutcome:
    results = tuple(result(address, status) for address, status in zip((WEB, API), statuses, strict=False))
    return HostOutcome(PLAN, results, **facts)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", [Status.FAILED, Status.SKIPPED, Status.UNDONE])
def test_a_change_is_done_when_all_its_steps_are(status: Status) -> None:
    assert outcome(Status.DONE, Status.DONE).done == CHANGES
    assert outcome(Status.DONE, status).done == CHANGES[:1]
    assert outcome().done == ()


@pytest.mark.parametrize(
    ("found", "code"),
    [
        (outcome(Status.DONE), ExitCode.OK),
        (outcome(), ExitCode.OK),
        (outcome(Status.FAILED), ExitCode.FAILED),
        (outcome(Status.DONE, remaining=CHANGES), ExitCode.FAILED),
        (outcome(refused=True), ExitCode.REFUSED),
        (outcome(Status.FAILED, unreachable=LOST), ExitCode.UNREACHABLE),
        (outcome(Status.FAILED, unreachable=LOST, interrupted=True), ExitCode.INTERRUPTED),
    ],
)
def test_the_exit_code_of_a_host(found: HostOutcome, code: ExitCode) -> None:
    assert found.exit_code is code


@pytest.mark.parametrize(
    ("hosts", "code"),
    [
        ([], ExitCode.OK),
        ([outcome(Status.DONE), outcome(refused=True)], ExitCode.REFUSED),
        ([outcome(refused=True), outcome(Status.FAILED)], ExitCode.FAILED),
        ([outcome(Status.FAILED), outcome(unreachable=LOST)], ExitCode.UNREACHABLE),
        ([outcome(unreachable=LOST), outcome(interrupted=True)], ExitCode.INTERRUPTED),
    ],
)
def test_the_gravest_host_decides(hosts: list[HostOutcome], code: ExitCode) -> None:
    assert Outcome(Plan(), tuple(hosts)).exit_code is code


def test_a_host_that_could_not_be_read_counts_too() -> None:
    assert Outcome(Plan(unreachable=(LOST,)), (outcome(Status.DONE),)).exit_code is ExitCode.UNREACHABLE
