"""Removing what the project once made and no play of the run declares any more.

`--limit` and `--tags` never make anything look undeclared: a host that is left out is not looked at, and resources
that tags pass over are declared all the same.
"""

from __future__ import annotations

from deployer.diagnostics import Origin
from deployer.model import ownership as record
from deployer.model.container_names import base_name
from deployer.model.desired import Kind, Resource, Settings
from deployer.model.observed import Stub
from deployer.planning.container import plan as containers
from deployer.planning.container.keeping import discard_holders
from deployer.planning.context import Context
from deployer.planning.image.prune import prune_images
from deployer.planning.network import plan as networks
from deployer.planning.volume import plan as volumes

_REASON = "no longer declared"


def prune_containers(ctx: Context) -> None:
    """Before what is wanted is made: it may want the ports that these hold."""
    for container in ctx.observed.containers:
        kind = record.kind_of(container.owner)
        declared = _declared(ctx, kind, base_name(container.name))
        if container.owner.project == ctx.desired.project and not declared:
            containers.remove(ctx, stand_in(ctx, kind, container.name), container, _REASON)
    discard_holders(ctx, lambda stub: not _declared(ctx, *resource_of(stub)), _REASON)


def resource_of(stub: Stub) -> tuple[Kind, str]:
    """What a container was that is kept."""
    return record.kind_of(stub.owner), stub.owner.resource.partition(".")[2]


def prune_others(ctx: Context) -> None:
    """Networks; images that the project pulled; volumes are only named, and removed when the operator named them."""
    for network in ctx.observed.networks:
        if network.owner.project == ctx.desired.project and not _declared(ctx, Kind.NETWORK, network.name):
            networks.remove(ctx, stand_in(ctx, Kind.NETWORK, network.name), network, _REASON)
    _volumes(ctx)
    prune_images(ctx)


def _volumes(ctx: Context) -> None:
    for volume in ctx.observed.volumes:
        if volume.owner.project != ctx.desired.project or _declared(ctx, Kind.VOLUME, volume.name):
            continue
        resource = stand_in(ctx, Kind.VOLUME, volume.name)
        address = resource.address
        if str(address) not in ctx.policy.data_loss:
            hint = f"--remove-volume {address} removes it with its data"
            ctx.draft.notes.append(f"{address.label}: {_REASON}, kept; {hint}")
            continue
        volumes.remove(ctx, resource, _REASON)


def stand_in(ctx: Context, kind: Kind, name: str) -> Resource:
    """What is declared, or something that stands for an object nobody declares."""
    return _declaration(ctx, kind, name) or Resource(ctx.address(kind, name), Origin("undeclared"), Settings("absent"))


def _declared(ctx: Context, kind: Kind, name: str) -> bool:
    return _declaration(ctx, kind, name) is not None or ctx.desired.is_elsewhere(kind, name)


def _declaration(ctx: Context, kind: Kind, name: str) -> Resource | None:
    """One that was a container and is a job now, or the other way round, is declared."""
    return ctx.desired.container(name) if kind.is_container else ctx.desired.find(kind, name)
