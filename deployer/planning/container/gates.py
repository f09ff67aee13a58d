"""The steps that must precede the creation and the start of a container."""

from __future__ import annotations

from deployer.fields.options import Condition
from deployer.model import dependencies
from deployer.model.desired import Kind, Workload, has_settings
from deployer.model.observed import ObservedContainer
from deployer.model.operations import AwaitCompleted, AwaitHealthy
from deployer.model.settings import ContainerSettings, Dependency
from deployer.planning.container.endpoints import when_its_address_is_free
from deployer.planning.container.health import watched
from deployer.planning.container.replace import Gate
from deployer.planning.context import Context, Steps
from deployer.planning.image.plan import Wanted


def gate_of(ctx: Context, resource: Workload, need: Wanted, also: Steps) -> Gate:
    """`also`: additional steps before the creation."""
    ready = ctx.draft.when_ready
    create = [
        *also,
        *ready(Kind.IMAGE, need.reference),
        *(step for name in dependencies.networks(resource) for step in ready(Kind.NETWORK, name)),
        *(step for name in dependencies.volumes(resource) for step in ready(Kind.VOLUME, name)),
        *ctx.draft.files_ready(),
        *(step for name in dependencies.leaders(resource) for step in ready(Kind.CONTAINER, name)),
    ]
    start = [step for found in dependencies.depends_on(resource) for step in when_met(ctx, found)]
    networks = dependencies.networks(resource)
    addressed = (step for name in networks for step in when_its_address_is_free(ctx, resource, name))
    return Gate(tuple(create), (*start, *ctx.when_free(resource.values), *addressed))


def when_met(ctx: Context, dependency: Dependency) -> Steps:
    """Steps after which a dependency is met. A wait is planned once, and only if the condition is not met yet."""
    name, condition = dependency.name, dependency.condition
    target, ready = ctx.containers.targets.get(name), ctx.draft.when_ready(Kind.CONTAINER, name)
    needed, live = ctx.desired.container(name), ctx.observed.container(name)
    if condition is Condition.STARTED or target is None or needed is None or name in ctx.containers.jobs:
        return ready
    if not ready and live is not None and _is_met(live, condition) and not _is_asked(needed, live):
        return ()
    if (name, condition) not in ctx.containers.awaited:
        if condition is Condition.HEALTHY and has_settings(needed, ContainerSettings):
            wait: AwaitHealthy | AwaitCompleted = watched(ctx, needed, target)
        else:
            wait = AwaitCompleted(target)
        step = ctx.draft.step(wait, needed.address, "others wait for it", after=ready)
        ctx.containers.awaited[name, condition] = (step,)
    return ctx.containers.awaited[name, condition]


def _is_asked(needed: Workload, live: ObservedContainer) -> bool:
    """Whether only its probe says that it works."""
    probed = has_settings(needed, ContainerSettings) and needed.settings.update.probe is not None
    return probed and live.running and not live.has_healthcheck


def _is_met(live: ObservedContainer, condition: Condition | None) -> bool:
    if condition is Condition.HEALTHY:
        return live.running and (live.health == "healthy" or not live.has_healthcheck)
    return live.state == "exited" and live.exit_code == 0
