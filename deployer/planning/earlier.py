"""What earlier plays of a run will have done to a host when a later one begins."""

from __future__ import annotations

from msgspec.structs import replace

from deployer.model.observed import Observed
from deployer.model.operations import BuildImage, ConnectNetwork, CreateContainer, PullImage, SendImage, StartContainer
from deployer.model.plan import HostPlan, Work


def after(observed: Observed, plan: HostPlan) -> Observed:
    """The host as it will be known after a plan: what the plan makes has no ids yet, so only its names are added."""
    if plan.refusals or not plan.steps:
        return observed
    made = {step.address.name for step in plan.steps if isinstance(step.operation, CreateContainer)}
    made |= {step.address.name for step in plan.steps if step.group is not None and step.group.work is Work.ROLL_BACK}
    started = {step.address.name for step in plan.steps if isinstance(step.operation, StartContainer)} - made
    pulled = {step.operation.reference for step in plan.steps if isinstance(step.operation, PullImage | SendImage)}
    built = {step.operation.reference for step in plan.steps if isinstance(step.operation, BuildImage)}
    connected = {
        (step.operation.container, step.operation.network)
        for step in plan.steps
        if isinstance(step.operation, ConnectNetwork)
    }
    return replace(
        observed,
        renewed=observed.renewed | made,
        restarted=observed.restarted | started,
        coming=observed.coming | pulled | built,
        built=observed.built | built,
        owed={
            project: tuple(each for each in found if (each.container, each.network) not in connected)
            for project, found in observed.owed.items()
        },
    )
