"""Networks: created if missing, recreated if they differ, with all endpoints restored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

from msgspec import Struct

from deployer.fields.network import NETWORK
from deployer.fields.network_rules import ignored
from deployer.model import dependencies, ownership
from deployer.model.desired import Kind, Network
from deployer.model.exclusive import interface
from deployer.model.observed import ObservedContainer, ObservedNetwork
from deployer.model.operations import ConnectNetwork, CreateNetwork, DisconnectNetwork, Operation, RemoveNetwork
from deployer.model.plan import Action, FieldDiff, Group, Refusal, ResourceChange, Work
from deployer.model.settings import NetworkSettings
from deployer.planning import objects
from deployer.planning.bodies import endpoint_body, object_body, write_fields
from deployer.planning.context import Context, is_ours
from deployer.planning.refusals import refuse_protected
from deployer.planning.undeclared import DESTROYED, REASON, declared_or_placeholder, is_undeclared
from deployer.values.address import overlap


class Renewal(Struct, frozen=True):
    """A network that is recreated. `off`: steps that disconnect each of the `attached` containers; `gone`: steps that
    remove it."""

    resource: Network
    live: ObservedNetwork
    attached: tuple[ObservedContainer, ...]
    off: tuple[int, ...]
    gone: tuple[int, ...]


def make(ctx: Context) -> None:
    """Create missing networks and recreate different ones. All removals come first: a removed network may hold a subnet
    that another needs."""
    missing: list[Network] = []
    renewals: list[Renewal] = []
    for resource in ctx.wanted(NetworkSettings):
        live = _live(ctx, resource)
        for what in () if resource.settings.external else ignored(resource.values):
            ctx.draft.note(f"{resource.address.label}: {what}")
        if isinstance(live, ObservedNetwork):
            renewals += _compare(ctx, resource, live)
        elif live is None and _can_be_made(ctx, resource):
            ctx.draft.changes.append(ResourceChange(resource.address, Action.CREATE, origin=resource.origin))
            missing.append(resource)
    for renewal in renewals:
        _recreate(ctx, renewal, renewals)
    for resource in missing:
        operation = CreateNetwork(resource.name, object_body(ctx, resource))
        after, undo = _when_free(renewals, resource), (RemoveNetwork(resource.name),)
        step = ctx.draft.step(operation, resource.address, "missing", after=after, undo=undo)
        ctx.draft.ready(Kind.NETWORK, resource.name, step)


def remove_absent(ctx: Context) -> None:
    for resource in ctx.unwanted(NetworkSettings):
        live = _live(ctx, resource)
        if not isinstance(live, ObservedNetwork):
            continue
        if not is_ours(ctx, resource, live):
            ctx.draft.refuse(Refusal(resource.address, "is not this project's", "remove it by hand", resource.origin))
        elif not refuse_protected(ctx, resource):
            remove(ctx, resource, live, "absent")


def prune(ctx: Context) -> None:
    for live in ctx.observed.networks:
        if is_undeclared(ctx, Kind.NETWORK, live.name, live.owner):
            remove(ctx, declared_or_placeholder(ctx, Kind.NETWORK, live.name, NetworkSettings), live, REASON)


def destroy(ctx: Context) -> None:
    for live in sorted(ctx.observed.networks, key=lambda found: found.name):
        resource = declared_or_placeholder(ctx, Kind.NETWORK, live.name, NetworkSettings)
        if live.owner.project == ctx.desired.project and not refuse_protected(ctx, resource):
            remove(ctx, resource, live, DESTROYED)


class _Settled(Enum):
    """The network needs no change, or its change was refused."""

    SETTLED = "settled"


def _live(ctx: Context, resource: Network) -> ObservedNetwork | _Settled | None:
    same_name = [found for found in ctx.observed.networks if found.name == resource.name]
    live = same_name[0] if same_name else None
    if len(same_name) > 1:
        ids = ", ".join(found.id[:12] for found in same_name)
        summary = f"{len(same_name)} networks have the name {resource.name} ({ids})"
        ctx.draft.refuse(Refusal(resource.address, summary, "remove all but one on the host", resource.origin))
        return _Settled.SETTLED
    if resource.settings.external:
        objects.check_external(ctx, resource, live)
        return _Settled.SETTLED
    return live


def _can_be_made(ctx: Context, resource: Network) -> bool:
    taken_from = resource.values.get("config_from")
    if taken_from:
        summary = "cannot be created: with config_from the engine supports no labels, which deployer requires"
        hint = f"create it by hand: docker network create --config-from {taken_from} {resource.name}"
        ctx.draft.refuse(Refusal(resource.address, summary, hint, resource.origin))
    return not taken_from


def _when_free(renewals: Iterable[Renewal], resource: Network) -> tuple[int, ...]:
    """Steps after which its subnets and interface name are free."""
    return tuple(step for found in renewals if _meet(resource.values, found.live.values) for step in found.gone)


def _meet(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    first, second = (interface(str(of.get("driver") or "bridge"), of.get("driver_opts") or {}) for of in (one, other))
    return (first == second != "") or any(overlap(a, b) for a in _subnets(one) for b in _subnets(other))


def _subnets(values: Mapping[str, Any]) -> tuple[str, ...]:
    pools = (values.get("ipam") or {}).get("config")
    return tuple(pools or ())


def _compare(ctx: Context, resource: Network, live: ObservedNetwork) -> Iterator[Renewal]:
    compared = objects.compare(ctx, resource, live)
    if compared is None or not compared.diffs:
        return
    if compared.ours:
        yield from _renew(ctx, resource, live, compared.diffs)
        return
    summary = "a network of that name exists that this project did not create, and it differs"
    hint = "declare it as it is, remove it, or choose another name"
    ctx.draft.refuse(Refusal(resource.address, summary, hint, resource.origin, compared.diffs))


def _renew(ctx: Context, resource: Network, live: ObservedNetwork, diffs: tuple[FieldDiff, ...]) -> Iterator[Renewal]:
    """Disconnect everything, remove, create, connect everything again, with the endpoint each one had or is declared
    to have; all undone when a step fails. Stopped containers too: they keep the removed network's id otherwise."""
    foreign = sorted(stub.name for stub in ctx.observed.others if live.name in stub.networks)
    foreign += sorted(
        found.name
        for found in ctx.observed.containers
        if live.name in found.attached and found.owner.project != ctx.desired.project
    )
    if foreign:
        summary = f"must be recreated, but containers of other owners are attached: {', '.join(foreign)}"
        ctx.draft.refuse(Refusal(resource.address, summary, "disconnect them first", resource.origin, diffs))
        return
    if refuse_protected(ctx, resource, "must be recreated", diffs):
        return
    attached = [found for found in ctx.observed.containers if live.name in found.attached]
    reason = "its containers are reconnected" if attached else "nothing is attached"
    change = ResourceChange(resource.address, Action.REPLACE_STOP_FIRST, diffs, reason, resource.origin)
    ctx.draft.changes.append(change)
    ctx.networks.renewed.add(live.name)
    yield _take_down(ctx, resource, live, attached)


def _add(
    ctx: Context, resource: Network, operation: Operation, after: tuple[int, ...], *undo: Operation
) -> tuple[int, ...]:
    group = Group(Work.RENEW, (resource.name,))
    return (ctx.draft.step(operation, resource.address, "recreated", after=after, group=group, undo=undo),)


def _take_down(ctx: Context, resource: Network, live: ObservedNetwork, attached: list[ObservedContainer]) -> Renewal:
    off: tuple[int, ...] = ()
    for container in attached:
        back = ConnectNetwork(live.name, container.id, endpoint_body(container.values, live.name))
        off += _add(ctx, resource, DisconnectNetwork(live.name, container.id), (), back)
    gone = _add(ctx, resource, RemoveNetwork(live.id), off, CreateNetwork(live.name, _old_body(live)))
    return Renewal(resource, live, tuple(attached), off, gone)


def _recreate(ctx: Context, renewal: Renewal, renewals: Iterable[Renewal]) -> None:
    resource, live, attached, off = renewal.resource, renewal.live, renewal.attached, renewal.off
    after = (*renewal.gone, *_when_free(renewals, resource))
    made = _add(ctx, resource, CreateNetwork(live.name, object_body(ctx, resource)), after, RemoveNetwork(live.name))
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
        ctx.networks.moved[container.id] = (*ctx.networks.moved.get(container.id, ()), *last)


def _pinned(endpoint: Mapping[str, Any] | None) -> bool:
    """Endpoints with fixed addresses come first: the engine could give their addresses to others."""
    return bool(endpoint) and "IPAMConfig" in (endpoint or {})


def _wanted_endpoint(ctx: Context, container: ObservedContainer, network: str) -> dict[str, Any] | None:
    """The endpoint as declared, or unchanged for a container that this run does not change. None for one that leaves
    the network or is removed."""
    declared = ctx.desired.container(container.name)
    if declared is None or not declared.selected:
        return endpoint_body(container.values, network)
    if declared.absent or network not in dependencies.networks(declared):
        return None
    return endpoint_body(declared.values, network)


def _old_body(live: ObservedNetwork) -> dict[str, Any]:
    """The body that recreates the previous network. Its record is lost, so the next run finds the differences and tries
    again."""
    body: dict[str, Any] = {"Name": live.name}
    values = {row.name: live.values.get(row.name, row.zero) for row in NETWORK.fields}
    write_fields(NETWORK, {name: value for name, value in values.items() if value != NETWORK.row(name).zero}, body)
    own = {ownership.PROJECT: live.owner.project, ownership.RESOURCE: live.owner.resource}
    body["Labels"] = dict(body.get("Labels") or {}) | own
    return body


def remove(ctx: Context, resource: Network, live: ObservedNetwork, reason: str) -> None:
    """Remove it after the containers that are removed or leave it; refused while others are attached."""
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
    after = [step for name in ctx.containers.targets for step in ctx.draft.when_ready(Kind.CONTAINER, name)]
    after += ctx.draft.removals()
    ctx.draft.at_last(RemoveNetwork(live.id), resource.address, reason, after=after)


def _stays(ctx: Context, container: ObservedContainer, network: str) -> bool:
    """Whether it, or its successor, is attached to the network after the steps planned so far."""
    if container.id in ctx.draft.removed() and container.name not in ctx.containers.renewed:
        return False
    declared = ctx.desired.container(container.name)
    wanted = declared is not None and network in dependencies.networks(declared)
    return wanted or not ctx.draft.when_ready(Kind.CONTAINER, container.name)
