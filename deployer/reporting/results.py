"""The result of a resource, in words."""

from __future__ import annotations

from typing import Final

from deployer.model.desired import Address, Kind
from deployer.model.operations import StartContainer
from deployer.model.outcome import HostOutcome, Status
from deployer.model.plan import Action, HostPlan, Step
from deployer.reporting.words import done

_HAPPENED: Final = {
    Action.CREATE: "created",
    Action.UPDATE: "updated",
    Action.REPLACE_STOP_FIRST: "replaced",
    Action.REPLACE_START_FIRST: "replaced",
    Action.REMOVE: "removed",
    Action.START: "started",
    Action.STOP: "stopped",
    Action.RUN: "completed",
}


def happened(plan: HostPlan, last: Step) -> str:
    """The result of a resource after its last step: `created`, `replaced`; of an image, how it got there: `built`."""
    action = next((change.action for change in plan.changes if change.address == last.address), None)
    return done(last) if action is None or last.address.kind is Kind.IMAGE else _HAPPENED[action]


def rolled_back(outcome: HostOutcome, address: Address) -> str:
    """The state of a resource after its steps were rolled back: `rolled back: web runs as before`."""
    found = [result for result in outcome.results if result.step.address == address]
    if any(result.stuck for result in found):
        return "only partly rolled back"
    undone = [result.step for result in found if result.status is Status.UNDONE]
    if address.kind is Kind.JOB:
        started = any(isinstance(step.operation, StartContainer) for step in undone)
        return "its effects are not rolled back; the next run starts it again" if started else "did not run"
    created = any(change.address == address and change.action is Action.CREATE for change in outcome.plan.changes)
    runs = any(isinstance(operation, StartContainer) for step in undone for operation in step.undo)
    now = "is removed" if created else "runs as before" if runs else "is as before"
    return f"rolled back: {address.name} {now}"
