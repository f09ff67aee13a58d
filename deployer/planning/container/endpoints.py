"""Attachments to networks, changed while the container stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from deployer.fields.container.network import endpoint_to_engine
from deployer.fields.field import Change
from deployer.model.desired import Kind, Workload
from deployer.model.observed import ObservedContainer
from deployer.model.operations import ConnectNetwork, DisconnectNetwork
from deployer.model.plan import FieldDiff, Group, Work
from deployer.planning.context import Context
from deployer.planning.diff import is_ignored


def stale(ctx: Context, resource: Workload, live: ObservedContainer) -> tuple[FieldDiff, ...]:
    """Endpoints on a network that has been removed, and made again or about to be: the name is right, the network is
    not. A container that has run keeps the old network's id and cannot start; one that never ran looks the name up
    (measured on engines 20.10 and 26.1)."""
    found = []
    for name in sorted(live.attached):
        if _dangles(ctx, live, name) and name in live.values.get("networks", {}):
            path = ("networks", name)
            if is_ignored(path, resource.settings.ignore_changes):
                continue
            found.append(FieldDiff(path, "a removed network", "attached", Change.RECONNECT, source="not attached"))
    return tuple(found)


def _dangles(ctx: Context, live: ObservedContainer, name: str) -> bool:
    network, network_id = ctx.observed.network(name), live.attached.get(name)
    return bool(network_id) and (network is None or network_id != network.id)


def keep_mac(
    ctx: Context, resource: Workload, live: ObservedContainer, diffs: tuple[FieldDiff, ...]
) -> tuple[FieldDiff, ...]:
    """A hardware address is only given at creation: whoever is connected again gets one that the engine makes up, while
    inspecting still shows the old one (measured on engines 20.10 and 26.1; §1.6)."""
    wanted: Mapping[str, Any] = resource.values.get("networks") or {}
    losing = {
        name
        for name in live.attached
        if resource.values.get("mac_address") or (wanted.get(name) or {}).get("mac_address")
    }
    kept = tuple(
        replace(found, effect=Change.REPLACE) if found.effect is Change.RECONNECT and found.path[1] in losing else found
        for found in diffs
    )
    anew = sorted(losing & ctx.networks.renewed - {found.path[1] for found in kept if found.path[0] == "networks"})
    return (*kept, *(FieldDiff(("networks", name), "attached", "recreated", Change.REPLACE) for name in anew))


def reconnect(
    ctx: Context, resource: Workload, live: ObservedContainer, diffs: Iterable[FieldDiff], after: tuple[int, ...]
) -> tuple[int, ...]:
    """Steps for every network among the differences; each is undone when a later one fails. Networks that are made
    anew reconnect their containers themselves."""
    wanted: Mapping[str, Any] = resource.values.get("networks") or {"bridge": {}}
    had: Mapping[str, Any] = live.values.get("networks") or {}
    group = Group(Work.RECONNECT, (resource.name,))
    for name in dict.fromkeys(found.path[1] for found in diffs):
        if name in ctx.networks.renewed and name in had:
            continue
        here = (*after, *ctx.draft.when_ready(Kind.NETWORK, name))
        # A stopped container cannot be disconnected from what is gone; connecting replaces the endpoint.
        if name in had and (live.running or not _dangles(ctx, live, name)):
            operation = DisconnectNetwork(name, live.id)
            undo = (ConnectNetwork(name, live.id, endpoint_to_engine(had[name])),)
            here = (ctx.draft.step(operation, resource.address, "changed", after=here, group=group, undo=undo),)
        if name in wanted:
            connect = ConnectNetwork(name, live.id, endpoint_to_engine(wanted[name]))
            back = (DisconnectNetwork(name, live.id),)
            here = (ctx.draft.step(connect, resource.address, "changed", after=here, group=group, undo=back),)
        after = here
    return after
