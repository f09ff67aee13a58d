"""The planner: desired state, observed state and policy in; one host's plan out. It reads nothing else.

Resources are planned in the order they depend on each other: images, networks and volumes, then containers after the
containers they need. What goes away goes in the opposite order.
"""

from __future__ import annotations

from msgspec.structs import replace

from deployer.model import dependencies
from deployer.model import ownership as record
from deployer.model.desired import Desired, Kind, OnFailure, Resource
from deployer.model.observed import Observed
from deployer.model.plan import Action, HostPlan, Refusal, ResourceChange
from deployer.planning.container import plan as containers
from deployer.planning.container.exchange import plan_exchange
from deployer.planning.container.keeping import discard_holders
from deployer.planning.container.ports import check_ports
from deployer.planning.container.replace import put_away_retired, watch_begun
from deployer.planning.context import Context
from deployer.planning.image.plan import plan_image
from deployer.planning.image.prune import references
from deployer.planning.network import plan as networks
from deployer.planning.policy import Policy
from deployer.planning.prune import prune_containers, prune_others, resource_of, stand_in
from deployer.planning.references import check_references
from deployer.planning.volume import plan as volumes

_PLANNERS = (
    (Kind.IMAGE, plan_image),
    (Kind.NETWORK, networks.plan_network),
    (Kind.VOLUME, volumes.plan_volume),
)


def reconcile(desired: Desired, observed: Observed, policy: Policy) -> HostPlan:
    """The plan that makes one host as one play declares it. Empty when it is so already."""
    ctx = Context(desired, observed, policy)
    wanted = [resource for resource in desired.resources if resource.selected and not resource.absent]
    unwanted = [resource for resource in desired.resources if resource.selected and resource.absent]
    for kind, plan in _PLANNERS:
        for resource in _named(wanted, kind):
            plan(ctx, resource)
        if kind is Kind.NETWORK:
            networks.make_networks(ctx)
    check_references(ctx)
    check_ports(ctx)
    prune = policy.prune or desired.prune
    for resource in reversed(dependencies.in_order(unwanted)):
        containers.plan_container(ctx, resource)
    if prune:
        prune_containers(ctx)
    plan_exchange(ctx)
    for resource in dependencies.in_order(r for r in desired.resources if not r.absent):
        containers.plan_container(ctx, resource)
    watch_begun(ctx)
    put_away_retired(ctx)
    for kind, plan in reversed(_PLANNERS):
        for resource in _named(unwanted, kind):
            plan(ctx, resource)
    if prune:
        prune_others(ctx)
    return finish(ctx)


def destroy(desired: Desired, observed: Observed, policy: Policy) -> HostPlan:
    """The plan that removes the project's containers and networks from one host. Volumes and images stay."""
    ctx = Context(desired, observed, policy)
    mine = {found.name: found for found in observed.containers if found.owner.project == desired.project}
    declared = [found.name for found in reversed(dependencies.in_order(desired.resources)) if found.name in mine]
    for name in dict.fromkeys([*declared, *sorted(mine)]):
        resource = stand_in(ctx, record.kind_of(mine[name].owner), name)
        if resource.settings.protect:
            ctx.draft.refuse(Refusal(resource.address, "is protected", "drop 'protect' to remove it", resource.origin))
        else:
            containers.remove(ctx, resource, mine[name], "destroyed")
    discard_holders(ctx, lambda stub: not stand_in(ctx, *resource_of(stub)).settings.protect, "destroyed")
    for network in sorted(observed.networks, key=lambda found: found.name):
        resource = stand_in(ctx, Kind.NETWORK, network.name)
        if network.owner.project != desired.project:
            continue
        if resource.settings.protect:
            ctx.draft.refuse(Refusal(resource.address, "is protected", "drop 'protect' to remove it", resource.origin))
        else:
            networks.remove(ctx, resource, network, "destroyed")
    kept = sorted(found.name for found in observed.volumes if found.owner.project == desired.project)
    if kept:
        ctx.draft.notes.append(f"volumes are kept: {', '.join(kept)}")
    return replace(finish(ctx), images=frozenset())


def finish(ctx: Context) -> HostPlan:
    order = list(Kind)
    changes = sorted(ctx.draft.changes, key=lambda change: (order.index(change.address.kind), _removal(change)))
    ctx.draft.changes[:] = changes
    desired = ctx.desired
    simulated = ctx.observed.engine.simulated
    made = ctx.draft.finish(desired.host, desired.project, _on_failure(ctx), simulated=simulated)
    return replace(made, images=references(desired))


def _on_failure(ctx: Context) -> OnFailure:
    """Where nothing was before, there is nothing to go back to: what works may stay."""
    wanted = ctx.desired.on_failure
    first = all(change.action in (Action.CREATE, Action.RUN) for change in ctx.draft.changes)
    return OnFailure.STOP if first and wanted is OnFailure.ROLLBACK_HOST else wanted


def _removal(change: ResourceChange) -> bool:
    return change.action is Action.REMOVE


def _named(resources: list[Resource], kind: Kind) -> list[Resource]:
    return sorted((found for found in resources if found.kind is kind), key=lambda found: found.name)
