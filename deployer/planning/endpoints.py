"""Attachments to networks, changed while the container stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployer.model.desired import Kind, Resource
from deployer.model.observed import ObservedContainer
from deployer.model.plan import ConnectNetwork, DisconnectNetwork, FieldDiff
from deployer.planning.context import Context
from deployer.planning.diff import is_ignored
from deployer.spec.container.network import endpoint_to_engine
from deployer.spec.field import Change


def stale(ctx: Context, resource: Resource, live: ObservedContainer) -> tuple[FieldDiff, ...]:
    """Endpoints of a running container on a network that has been removed and made again: the name is right, the
    network is not. A stopped container looks the name up when it starts (§4.1)."""
    if not live.running:
        return ()
    found = []
    for name, network_id in sorted(live.attached.items()):
        network = ctx.observed.network(name)
        if network is not None and network_id and network_id != network.id and name in live.values.get("networks", {}):
            path = ("networks", name)
            if is_ignored(path, resource.settings.ignore_changes):
                continue
            found.append(FieldDiff(path, "a removed network", "attached", Change.RECONNECT, source="not attached"))
    return tuple(found)


def reconnect(
    ctx: Context, resource: Resource, live: ObservedContainer, diffs: Iterable[FieldDiff], after: tuple[int, ...]
) -> tuple[int, ...]:
    """Steps for every network among the differences; each is undone when a later one fails. Networks that are made
    anew reconnect their containers themselves."""
    wanted: Mapping[str, Any] = resource.values.get("networks") or {"bridge": {}}
    had: Mapping[str, Any] = live.values.get("networks") or {}
    group = f"reconnect {resource.name}"
    for name in dict.fromkeys(found.path[1] for found in diffs):
        if name in ctx.renewed_networks and name in had:
            continue
        here = (*after, *ctx.draft.when_ready(Kind.NETWORK, name))
        if name in had:
            operation = DisconnectNetwork(name, live.id)
            undo = (ConnectNetwork(name, live.id, endpoint_to_engine(had[name])),)
            here = (ctx.draft.step(operation, resource.address, "changed", after=here, group=group, undo=undo),)
        if name in wanted:
            connect = ConnectNetwork(name, live.id, endpoint_to_engine(wanted[name]))
            back = (DisconnectNetwork(name, live.id),)
            here = (ctx.draft.step(connect, resource.address, "changed", after=here, group=group, undo=back),)
        after = here
    return after
