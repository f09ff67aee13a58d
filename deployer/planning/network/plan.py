"""Networks: created when missing, made anew when they differ, with every endpoint given back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployer.fields.field import View
from deployer.fields.network import NETWORK
from deployer.model import dependencies
from deployer.model import ownership as record
from deployer.model.desired import Kind, Resource
from deployer.model.observed import ObservedContainer, ObservedNetwork
from deployer.model.plan import (
    Action,
    ConnectNetwork,
    CreateNetwork,
    DisconnectNetwork,
    FieldDiff,
    Operation,
    Refusal,
    RemoveNetwork,
    ResourceChange,
)
from deployer.planning.bodies import endpoint_body, network_body
from deployer.planning.context import Context, Renewal
from deployer.planning.diff import Comparison, diff
from deployer.values.address import overlap


def plan_network(ctx: Context, resource: Resource) -> None:
    same_name = [found for found in ctx.observed.networks if found.name == resource.name]
    live = same_name[0] if same_name else None
    if len(same_name) > 1:
        ids = ", ".join(found.id[:12] for found in same_name)
        summary = f"{len(same_name)} networks have the name {resource.name} ({ids})"
        ctx.draft.refuse(Refusal(resource.address, summary, "remove all but one on the host", resource.origin))
    elif resource.settings.external:
        if live is None:
            summary = f"external network {resource.name} does not exist"
            ctx.draft.refuse(Refusal(resource.address, summary, "create it, or drop 'external'", resource.origin))
    elif resource.absent:
        _plan_absent(ctx, resource, live)
    elif live is None and resource.values.get("config_from"):
        summary = "cannot be made: with config_from the engine takes no labels, by which deployer knows its own"
        hint = f"docker network create --config-from {resource.values['config_from']} {resource.name}"
        ctx.draft.refuse(Refusal(resource.address, summary, f"make it by hand: {hint}", resource.origin))
    elif live is None:
        ctx.draft.changes.append(ResourceChange(resource.address, Action.CREATE, origin=resource.origin))
        ctx.missing_networks.append(resource)
    else:
        _compare(ctx, resource, live)


def make_networks(ctx: Context) -> None:
    """Make those that are missing and, anew, those that were taken down. All that go have gone before: one may have had
    a subnet that another one is to have."""
    for renewal in ctx.renewals:
        _make_anew(ctx, renewal)
    for resource in ctx.missing_networks:
        operation, after = CreateNetwork(resource.name, network_body(ctx, resource)), _when_free(ctx, resource)
        step = ctx.draft.step(operation, resource.address, "missing", after=after, undo=(RemoveNetwork(resource.name),))
        ctx.draft.ready(Kind.NETWORK, resource.name, step)


def _when_free(ctx: Context, resource: Resource) -> tuple[int, ...]:
    """Steps after which no network has a subnet of it any more."""
    wanted = _subnets(resource.values)
    return tuple(
        step
        for renewal in ctx.renewals
        if any(overlap(one, other) for one in wanted for other in _subnets(renewal.live.values))
        for step in renewal.gone
    )


def _subnets(values: Mapping[str, Any]) -> tuple[str, ...]:
    pools = (values.get("ipam") or {}).get("config")
    return tuple(pools or ())


def _compare(ctx: Context, resource: Resource, live: ObservedNetwork) -> None:
    ours = record.belongs_to(live.owner, ctx.desired.project, resource.address)
    if live.owner.managed and not ours:
        summary = f"belongs to project {live.owner.project}"
        ctx.draft.refuse(Refusal(resource.address, summary, "use it with 'external: true'", resource.origin))
        return
    view = View(resource.values, live.values, resource.name, live.owner.recorded)
    diffs = diff(Comparison(NETWORK, resource, view, ctx.desired.secrets, strict=ours))
    if not ours:
        if diffs:
            hint = "declare it as it is, remove it, or choose another name"
            summary = "a network of that name exists that this project did not make, and it differs"
            ctx.draft.refuse(Refusal(resource.address, summary, hint, resource.origin, diffs))
        else:
            ctx.draft.notes.append(f"{resource.address.label}: not made by this project; used as it is")
    elif diffs:
        _renew(ctx, resource, live, diffs)


def _renew(ctx: Context, resource: Resource, live: ObservedNetwork, diffs: tuple[FieldDiff, ...]) -> None:
    """Disconnect everything, remove, create, connect everything again, with the endpoint each one had or is declared
    to have; all undone when a step fails. Stopped containers too: they keep the removed network's id otherwise."""
    foreign = sorted(stub.name for stub in ctx.observed.others if live.name in stub.networks)
    foreign += sorted(
        found.name
        for found in ctx.observed.containers
        if live.name in found.attached and found.owner.project != ctx.desired.project
    )
    if foreign:
        summary = f"has to be made anew, but containers of others are attached: {', '.join(foreign)}"
        ctx.draft.refuse(Refusal(resource.address, summary, "disconnect them first", resource.origin, diffs))
        return
    if resource.settings.protect:
        summary, hint = "has to be made anew, but is protected", "drop 'protect', or take the change back"
        ctx.draft.refuse(Refusal(resource.address, summary, hint, resource.origin, diffs))
        return
    attached = [found for found in ctx.observed.containers if live.name in found.attached]
    reason = "its containers are reconnected" if attached else "nothing is attached"
    change = ResourceChange(resource.address, Action.REPLACE_STOP_FIRST, diffs, reason, resource.origin)
    ctx.draft.changes.append(change)
    ctx.renewed_networks.add(live.name)
    _take_down(ctx, resource, live, attached)


def _add(
    ctx: Context, resource: Resource, operation: Operation, after: tuple[int, ...], *undo: Operation
) -> tuple[int, ...]:
    group = f"renew {resource.name}"
    return (ctx.draft.step(operation, resource.address, "made anew", after=after, group=group, undo=undo),)


def _take_down(ctx: Context, resource: Resource, live: ObservedNetwork, attached: list[ObservedContainer]) -> None:
    off: tuple[int, ...] = ()
    for container in attached:
        back = ConnectNetwork(live.name, container.id, endpoint_body(container.values, live.name))
        off += _add(ctx, resource, DisconnectNetwork(live.name, container.id), (), back)
    gone = _add(ctx, resource, RemoveNetwork(live.id), off, CreateNetwork(live.name, _old_body(live)))
    ctx.renewals.append(Renewal(resource, live, tuple(attached), off, gone))


def _make_anew(ctx: Context, renewal: Renewal) -> None:
    resource, live, attached, off = renewal.resource, renewal.live, renewal.attached, renewal.off
    after = (*renewal.gone, *_when_free(ctx, resource))
    made = _add(ctx, resource, CreateNetwork(live.name, network_body(ctx, resource)), after, RemoveNetwork(live.name))
    ctx.draft.ready(Kind.NETWORK, live.name, *made)
    pinned: tuple[int, ...] = ()
    endpoints = {container.id: _wanted_endpoint(ctx, container, live.name) for container in attached}
    for container, left in sorted(zip(attached, off, strict=True), key=lambda pair: not _pinned(endpoints[pair[0].id])):
        endpoint = endpoints[container.id]
        last: tuple[int, ...] = (left,)
        if endpoint is not None:
            undo = DisconnectNetwork(live.name, container.id)
            after = made if _pinned(endpoint) else (*made, *pinned)
            last = _add(ctx, resource, ConnectNetwork(live.name, container.id, endpoint), after, undo)
            pinned += last if _pinned(endpoint) else ()
        ctx.moved[container.id] = (*ctx.moved.get(container.id, ()), *last)


def _pinned(endpoint: Mapping[str, Any] | None) -> bool:
    """Such an endpoint comes first: the engine could give its address to another one."""
    return bool(endpoint) and "IPAMConfig" in (endpoint or {})


def _wanted_endpoint(ctx: Context, container: ObservedContainer, network: str) -> dict[str, Any] | None:
    """As declared; as it was for one that this run does not change. None for one that leaves the network, or goes."""
    declared = ctx.desired.container(container.name)
    if declared is None or not declared.selected:
        return endpoint_body(container.values, network)
    if declared.absent or network not in dependencies.networks(declared):
        return None
    return endpoint_body(declared.values, network)


def _old_body(live: ObservedNetwork) -> dict[str, Any]:
    """What made the network as it was. Its record is gone then, so the next run sees what differs and tries again."""
    body: dict[str, Any] = {"Name": live.name}
    for row in NETWORK.fields:
        value = live.values.get(row.name, row.zero)
        if value != row.zero:
            row.access.write(value, body)
    own = {record.PROJECT: live.owner.project, record.RESOURCE: live.owner.resource}
    body["Labels"] = dict(body.get("Labels") or {}) | own
    return body


def _plan_absent(ctx: Context, resource: Resource, live: ObservedNetwork | None) -> None:
    if live is None:
        return
    if not record.belongs_to(live.owner, ctx.desired.project, resource.address):
        ctx.draft.refuse(Refusal(resource.address, "is not this project's", "remove it by hand", resource.origin))
    elif resource.settings.protect:
        ctx.draft.refuse(Refusal(resource.address, "is protected", "drop 'protect' to remove it", resource.origin))
    else:
        remove(ctx, resource, live, "absent")


def remove(ctx: Context, resource: Resource, live: ObservedNetwork, reason: str) -> None:
    """Remove it, after the containers that go away or leave it; refused while others are attached."""
    staying = sorted(found.name for found in ctx.observed.others if live.name in found.networks)
    staying += sorted(
        found.name for found in ctx.observed.containers if live.name in found.attached and _stays(ctx, found, live.name)
    )
    staying += [stub.name for stub in ctx.observed.kept if live.name in stub.networks and stub.running]
    if staying:
        summary = f"cannot be removed while containers are attached: {', '.join(staying)}"
        ctx.draft.refuse(Refusal(resource.address, summary, "remove or disconnect them first", resource.origin))
        return
    ctx.draft.changes.append(ResourceChange(resource.address, Action.REMOVE, reason=reason, origin=resource.origin))
    after = [step for name in ctx.targets for step in ctx.draft.when_ready(Kind.CONTAINER, name)]
    after += ctx.draft.removals()
    ctx.draft.at_last(RemoveNetwork(live.id), resource.address, reason, after=after)


def _stays(ctx: Context, container: ObservedContainer, network: str) -> bool:
    """Whether it, or the one that replaces it, is attached to the network when all planned so far is done."""
    if container.id in ctx.draft.removed() and container.name not in ctx.renewed:
        return False
    declared = ctx.desired.container(container.name)
    wanted = declared is not None and network in dependencies.networks(declared)
    return wanted or not ctx.draft.when_ready(Kind.CONTAINER, container.name)
