"""Changes of a container's networks without replacing it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from deployer.fields.container.network import endpoint_to_engine
from deployer.fields.field import Change
from deployer.model import dependencies
from deployer.model.desired import Kind, Workload
from deployer.model.exclusive import addresses, in_words
from deployer.model.observed import ObservedContainer
from deployer.model.operations import ConnectNetwork, DisconnectNetwork
from deployer.model.plan import FieldDiff, Group, Work
from deployer.model.settings import ContainerSettings
from deployer.planning.context import Context, Steps
from deployer.planning.diff import is_ignored


def stale(ctx: Context, resource: Workload, live: ObservedContainer) -> tuple[FieldDiff, ...]:
    """Endpoints that are not what they seem: on a network that has been removed, and made again or about to be (a
    container that has run keeps the old network's id and cannot start; one that never ran looks the name up; measured
    on engines 20.10 and 26.1), or left by a connection that failed."""
    found = []
    wanted: Mapping[str, Any] = resource.values.get("networks") or {}
    for name in sorted(live.attached.keys() & live.values.get("networks", {}).keys()):
        failed = name in wanted and _failed_to_connect(live, name)
        path = ("networks", name)
        if not (failed or _dangles(ctx, live, name)) or is_ignored(path, resource.settings.ignore_changes):
            continue
        before = "a connection that failed" if failed else "a removed network"
        found.append(FieldDiff(path, before, "attached", Change.RECONNECT, source="not attached"))
    return tuple(found)


def _failed_to_connect(live: ObservedContainer, name: str) -> bool:
    """Engines keep the endpoint of a connection that failed, without a network's id: the running container can be
    connected again, but not disconnected, and does not start again while the reason lasts (measured on engines 20.10
    and 28.5)."""
    return live.running and live.attached.get(name) == ""


def _dangles(ctx: Context, live: ObservedContainer, name: str) -> bool:
    network, network_id = ctx.observed.network(name), live.attached.get(name)
    return bool(network_id) and (network is None or network_id != network.id)


def replace_where_needed(
    ctx: Context, resource: Workload, live: ObservedContainer, diffs: tuple[FieldDiff, ...]
) -> tuple[FieldDiff, ...]:
    """The differences, of which those in networks replace the container where connecting it again does not do. A
    hardware address is only given at creation: whoever is connected again gets one that the engine makes up, while
    inspecting still shows the old one (measured on engines 20.10 and 26.1)."""
    wanted: Mapping[str, Any] = resource.values.get("networks") or {}
    losing = {
        name
        for name in live.attached
        if resource.values.get("mac_address") or (wanted.get(name) or {}).get("mac_address")
    }
    stuck = {name for name in live.attached if name not in wanted and _failed_to_connect(live, name)}
    replaced = losing | stuck
    kept = tuple(
        replace(found, effect=Change.REPLACE)
        if found.effect is Change.RECONNECT and found.path[1] in replaced
        else found
        for found in diffs
    )
    anew = sorted(losing & ctx.networks.renewed - {found.path[1] for found in kept if found.path[0] == "networks"})
    return (*kept, *(FieldDiff(("networks", name), "attached", "recreated", Change.REPLACE) for name in anew))


def _group(ctx: Context, resource: Workload) -> Group:
    return ctx.containers.groups.get(resource.name, Group(Work.RECONNECT, (resource.name,)))


def leave(ctx: Context, resource: Workload, live: ObservedContainer, name: str, after: Steps) -> Steps:
    """The step that disconnects it from a network and frees its addresses there."""
    operation = DisconnectNetwork(name, live.id)
    undo = (ConnectNetwork(name, live.id, endpoint_to_engine(live.values["networks"][name])),)
    group = _group(ctx, resource)
    step = ctx.draft.step(operation, resource.address, "changed", after=after, group=group, undo=undo)
    ctx.release((in_words(found) for found in live.holds if found[0] == name), step)
    ctx.containers.left[resource.name, name] = (step,)
    return (step,)


def when_its_address_is_free(ctx: Context, resource: Workload, network: str) -> Steps:
    """Steps after which it can be connected. Without a fixed address, those after which the fixed ones of the network
    are in use: an engine gives any other that nobody runs with, and the one whose it is could not start."""
    freed, ready = ctx.containers.freed, ctx.draft.when_ready
    if dependencies.fixed_on(resource, network):
        mine = (found for found in addresses(resource.values) if found[0] == network)
        return tuple(step for found in mine for step in freed.get(in_words(found), ()))
    others = (found for found in ctx.desired.of(ContainerSettings) if found.name != resource.name)
    fixed = (found for found in others if dependencies.fixed_on(found, network))
    return tuple(step for other in fixed for step in ready(Kind.CONTAINER, other.name))


def reconnect(
    ctx: Context, resource: Workload, live: ObservedContainer, diffs: Iterable[FieldDiff], after: tuple[int, ...]
) -> tuple[int, ...]:
    """Steps for every network that differs; each is undone if a later one fails. Recreated networks reconnect their
    containers themselves."""
    wanted: Mapping[str, Any] = resource.values.get("networks") or {"bridge": {}}
    had: Mapping[str, Any] = live.values.get("networks") or {}
    group = _group(ctx, resource)
    for name in dict.fromkeys(found.path[1] for found in diffs):
        if name in ctx.networks.renewed and name in had:
            continue
        here = (*after, *ctx.draft.when_ready(Kind.NETWORK, name))
        # A stopped container cannot be disconnected from what is gone; connecting replaces the endpoint.
        connected = name in had and not _failed_to_connect(live, name)
        if connected and (live.running or not _dangles(ctx, live, name)):
            left = ctx.containers.left.get((resource.name, name))
            here = (*here, *(left or leave(ctx, resource, live, name, here)))
        if name in wanted:
            connect = ConnectNetwork(name, live.id, endpoint_to_engine(wanted[name]))
            back = (DisconnectNetwork(name, live.id),)
            here = (*here, *when_its_address_is_free(ctx, resource, name))
            here = (ctx.draft.step(connect, resource.address, "changed", after=here, group=group, undo=back),)
        after = here
    return after
