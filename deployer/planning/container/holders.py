"""Exclusive resources that another container keeps: host ports, and addresses on networks. Conflicts are found before
anything is stopped, not when the new container starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct

from deployer.fields.options import RunState
from deployer.model import exclusive
from deployer.model.container_names import base_name
from deployer.model.desired import Kind, Workload
from deployer.model.observed import ObservedContainer
from deployer.model.plan import Refusal
from deployer.planning.context import Context
from deployer.values import port
from deployer.values.address import misfit


class Holder(Struct, frozen=True):
    """A running container, with the ports and addresses that it keeps in this run."""

    name: str
    ports: Iterable[str] = ()
    addresses: frozenset[exclusive.Held] = frozenset()


def check_held(ctx: Context) -> None:
    """Refuse a container whose fixed host port or address another one keeps, or that fits into none of its networks."""
    holders = list(_holders(ctx))
    for resource in ctx.desired.containers:
        if resource.settings.state is RunState.STARTED and resource.selected:
            _check_ports(ctx, resource, holders)
            _note_unpublished(ctx, resource)
            _check_addresses(ctx, resource, holders)


def _check_ports(ctx: Context, resource: Workload, holders: Iterable[Holder]) -> None:
    for published in resource.values.get("ports") or ():
        for holder in holders:
            if holder.name != resource.name and any(port.clash(published, other) for other in holder.ports):
                number = port.host_ports(published)[1]
                hint = _how_to_free(ctx, holder, "port")
                summary = f"host port {number} is used by container {holder.name}"
                ctx.draft.refuse(Refusal(resource.address, summary, hint, resource.place(("ports",))))
                break


def _check_addresses(ctx: Context, resource: Workload, holders: Iterable[Holder]) -> None:
    for held in exclusive.addresses(resource.values):
        network, key, address = held
        others = (found for found in holders if found.name != resource.name and held in found.addresses)
        holder, place = next(others, None), exclusive.place(resource, held)
        if holder is not None:
            summary = f"{exclusive.in_words(held)} is used by container {holder.name}"
            ctx.draft.refuse(Refusal(resource.address, summary, _how_to_free(ctx, holder, "address"), place))
        elif key != "mac_address" and (why := _misfit(ctx, network, address)):
            ctx.draft.refuse(Refusal(resource.address, f"{address} {why}", "choose another address", place))


def _note_unpublished(ctx: Context, resource: Workload) -> None:
    """Engines publish ports only on a network that is not internal, and of macvlan and ipvlan on none."""
    networks = resource.values.get("networks") or {}
    published = resource.values.get("ports") or resource.values.get("publish_all_ports")
    if published and networks and all(_publishes_nothing(ctx, name) for name in networks):
        why = f"{', '.join(networks)}: internal, macvlan and ipvlan networks publish none"
        ctx.draft.note(f"{resource.address.label}: its ports have no effect on {why}")


def _publishes_nothing(ctx: Context, name: str) -> bool:
    declared, live = ctx.desired.find(Kind.NETWORK, name), ctx.observed.network(name)
    own = declared is not None and not getattr(declared.settings, "external", False)
    values = declared.values if declared is not None and own else live.values if live is not None else {}
    return bool(values.get("internal")) or values.get("driver") in ("macvlan", "ipvlan")


def _misfit(ctx: Context, network: str, address: str) -> str:
    """Why a network that no play declares cannot give the address. Those that are declared are checked when they are
    read."""
    declared, live = ctx.desired.find(Kind.NETWORK, network), ctx.observed.network(network)
    made_here = declared is not None and not getattr(declared.settings, "external", False)
    if live is None or made_here or ctx.desired.is_elsewhere(Kind.NETWORK, network):
        return ""
    ipam = live.values.get("ipam") or {}
    pools = ipam.get("config") or {}
    if not pools or ipam.get("driver", "default") != "default":
        return ""
    if ":" in address and not live.values.get("enable_ipv6"):
        return f"requires IPv6, which network {network} on the host does not enable"
    why = misfit(address, pools)
    return f"{why} of network {network} on the host" if why else ""


def _how_to_free(ctx: Context, holder: Holder, what: str) -> str:
    live = ctx.observed.container(holder.name)
    if live is None or live.owner.project != ctx.desired.project:
        return f"choose another {what}, or stop that container"
    if ctx.desired.container(holder.name) is None:
        return f"it is no longer declared: remove it with --prune, or choose another {what}"
    if what == "address":
        return "it has it from the engine: give it a fixed address of its own, or choose another one"
    return f"choose another {what}, or include that container in the run"


def _holders(ctx: Context) -> Iterator[Holder]:
    yield from (Holder(stub.name, stub.ports, stub.holds) for stub in ctx.observed.others if stub.running)
    for found in ctx.observed.containers:
        name = base_name(found.name)
        declared = ctx.desired.container(name)
        ours = found.owner.project == ctx.desired.project
        goes = ours and (ctx.policy.prune or ctx.desired.prune or ctx.desired.is_elsewhere(Kind.CONTAINER, name))
        if not found.running or (declared is None and goes):
            continue
        if declared is None or not declared.selected or declared.settings.state is RunState.CREATED:
            yield Holder(found.name, found.values.get("ports") or (), found.holds)
        elif declared.settings.state is RunState.STARTED:
            yield Holder(found.name, (), frozenset(_chosen(ctx, declared, found)))


def _chosen(ctx: Context, resource: Workload, live: ObservedContainer) -> Iterator[exclusive.Held]:
    """Addresses that the engine assigned to a declared container, which keeps them while it stays on the network."""
    networks = resource.values.get("networks") or {}
    for network, key, address in live.holds - {*exclusive.addresses(live.values)}:
        endpoint = networks.get(network)
        if endpoint is not None and not endpoint.get(key) and network not in ctx.networks.renewed:
            yield network, key, address
