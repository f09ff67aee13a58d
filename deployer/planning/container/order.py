"""Whether the old or the new container runs while both exist, and what clients see of the change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from deployer.fields.container.network import DEFAULT_NETWORK
from deployer.fields.options import RunState, UpdateOrder
from deployer.model.dependencies import networks, shared_namespaces
from deployer.model.desired import Container
from deployer.model.observed import ObservedContainer
from deployer.model.plan import Action
from deployer.planning.context import Context
from deployer.values import duration, port

DRAIN: Final = 2.0
"""Seconds in which clients that looked a name up still come to the container that had it."""

NOT_RUNNING: Final = "not running"


class Order(Struct, frozen=True):
    """`reason` says in a few words why this order."""

    action: Action
    reason: str


def choose_order(ctx: Context, resource: Container, live: ObservedContainer) -> Order:
    """start-first only if both containers can run at the same time."""
    wanted = resource.settings.update.order
    if not live.running or resource.settings.state is not RunState.STARTED:
        return Order(Action.REPLACE_STOP_FIRST, NOT_RUNNING)
    obstacle = next(obstacles(resource, live), "")
    if wanted is UpdateOrder.STOP_FIRST or obstacle:
        why = f"stop-first: {obstacle}" if obstacle else "stop-first"
        return Order(Action.REPLACE_STOP_FIRST, f"{why}; stopped while the new one starts")
    drain = drain_time(ctx, resource, live)
    shown = f", drains {duration.show(int(drain * duration.SECOND))}" if drain else ""
    return Order(Action.REPLACE_START_FIRST, f"start-first: no downtime{shown}")


def obstacles(resource: Container, live: ObservedContainer) -> Iterator[str]:
    """Why both containers must not run at the same time."""
    for values in (resource.values, live.values):
        for host in filter(None, map(port.fixed_host_port, values.get("ports") or ())):
            yield f"host port {host} is fixed"
        shared = dict.fromkeys(shared_namespaces(values).values(), "container")
        shared |= {"network_mode": "host"} if values.get("network_mode") == "host" else {}
        yield from (f"{field} {kind} is shared" for field, kind in shared.items())
        for name, endpoint in (values.get("networks") or {}).items():
            if endpoint.get("ipv4_address") or endpoint.get("ipv6_address"):
                yield f"its address on {name} is fixed"
        for target, mount in (values.get("volumes") or {}).items():
            if mount["type"] in ("volume", "bind") and not mount.get("read_only"):
                yield f"{target} is writable"
    endpoints = (resource.values.get("networks") or {}).values()
    if resource.values.get("hostname") or any(own.get("mac_address") for own in (resource.values, *endpoints)):
        yield "its host name or MAC address is fixed"


def drain_time(ctx: Context, resource: Container, live: ObservedContainer) -> float:
    """Seconds."""
    wanted = resource.settings.update.drain
    return wanted if wanted is not None else DRAIN if _has_neighbours(ctx, resource, live) else 0.0


def _has_neighbours(ctx: Context, resource: Container, live: ObservedContainer) -> bool:
    """Whether others may reach it by its name: the default network has no names."""
    own = {*live.attached, *networks(resource)} - {DEFAULT_NETWORK}
    running = (found for found in ctx.observed.containers if found.running and found.id != live.id)
    beside = {network for found in running for network in found.attached}
    beside |= {network for stub in ctx.observed.others if stub.running for network in stub.networks}
    declared = (other for other in ctx.desired.containers if other.name != resource.name and not other.absent)
    beside |= {network for other in declared for network in networks(other)}
    return not own.isdisjoint(beside)


def note_names_kept(ctx: Context, resource: Container, live: ObservedContainer) -> None:
    """Names that no rename takes from a container that is replaced start-first."""
    endpoints = (live.values.get("networks") or {}).values()
    names = {alias for endpoint in endpoints for alias in endpoint.get("aliases", ())}
    names |= {resource.name} if live.keeps_name else set()
    if names and drain_time(ctx, resource, live):
        shown = ", ".join(sorted(names))
        ctx.draft.note(f"{resource.address.label}: the old container is reached as {shown} until it stops")
