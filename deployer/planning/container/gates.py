"""What has to be done before a container is created, and before it is started."""

from __future__ import annotations

from deployer.model import dependencies
from deployer.model.desired import Dependency, Kind, Resource
from deployer.model.observed import ObservedContainer
from deployer.model.plan import AwaitCompleted
from deployer.planning.container.replace import Gate, Steps
from deployer.planning.context import Context, watched
from deployer.planning.image.plan import Wanted


def gate_of(ctx: Context, resource: Resource, need: Wanted, also: Steps) -> Gate:
    """`also`: further steps before it is created."""
    ready = ctx.draft.when_ready
    create = [
        *also,
        *ready(Kind.IMAGE, need.reference),
        *(step for name in dependencies.networks(resource) for step in ready(Kind.NETWORK, name)),
        *(step for name in dependencies.volumes(resource) for step in ready(Kind.VOLUME, name)),
        *(step for name in dependencies.leaders(resource) for step in ready(Kind.CONTAINER, name)),
    ]
    start = [step for found in dependencies.depends_on(resource) for step in when_met(ctx, found)]
    return Gate(tuple(create), (*start, *ctx.when_free(resource.values), *_when_fixed(ctx, resource)))


def _when_fixed(ctx: Context, resource: Resource) -> Steps:
    """Steps after which the fixed addresses of its networks are in use: an engine gives any other that nobody runs with
    to one that has none, and the one whose it is could not start."""
    return tuple(
        step
        for network in dependencies.networks(resource)
        if not dependencies.fixed_on(resource, network)
        for other in ctx.desired.of(Kind.CONTAINER)
        if other.name != resource.name and dependencies.fixed_on(other, network)
        for step in ctx.draft.when_ready(Kind.CONTAINER, other.name)
    )


def when_met(ctx: Context, dependency: Dependency) -> Steps:
    """Steps after which a dependency is met; a wait is planned once, and only for what is not met already."""
    name, condition = dependency.name, dependency.condition
    target, ready = ctx.targets.get(name), ctx.draft.when_ready(Kind.CONTAINER, name)
    needed, live = ctx.desired.container(name), ctx.observed.container(name)
    if condition == "service_started" or target is None or needed is None or name in ctx.jobs:
        return ready
    if not ready and live is not None and _is_met(live, condition):
        return ()
    if (name, condition) not in ctx.awaited:
        update = needed.settings.update
        healthy = condition == "service_healthy"
        wait = watched(target, update) if healthy else AwaitCompleted(target)
        ctx.awaited[name, condition] = (ctx.draft.step(wait, needed.address, "others wait for it", after=ready),)
    return ctx.awaited[name, condition]


def _is_met(live: ObservedContainer, condition: str) -> bool:
    if condition == "service_healthy":
        return live.running and (live.health == "healthy" or not live.has_healthcheck)
    return live.state == "exited" and live.exit_code == 0
