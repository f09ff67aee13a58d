"""What containers name must exist: declared in this run, or on the host already.

A missing network or container would only fail the start; a missing volume would be made by the engine without a word.
"""

from __future__ import annotations

from collections.abc import Iterator

from deployer.diagnostics import Origin
from deployer.model import dependencies
from deployer.model.desired import Kind, Resource
from deployer.model.plan import Refusal
from deployer.planning.context import Context


def check_references(ctx: Context) -> None:
    """Refuse every reference of a wanted container that leads nowhere."""
    for resource in ctx.desired.of(Kind.CONTAINER):
        if resource.absent or not resource.selected:
            continue
        for kind, name, origin in _references(resource):
            if not _exists(ctx, kind, name):
                hint = f"declare it: {kind}s: {{{name}: {{}}}}" if kind is not Kind.CONTAINER else "declare it"
                summary = f"{kind} {name} is neither declared nor on the host"
                ctx.draft.refuse(Refusal(resource.address, summary, hint, origin))


def _references(resource: Resource) -> Iterator[tuple[Kind, str, Origin]]:
    for name in dependencies.networks(resource):
        yield Kind.NETWORK, name, resource.place(("networks", name))
    mounts = resource.values.get("volumes") or {}
    for target, mount in mounts.items():
        if mount["type"] == "volume" and mount["source"]:
            yield Kind.VOLUME, mount["source"], resource.place(("volumes", target))
    for name in dependencies.leaders(resource):
        yield Kind.CONTAINER, name, resource.origin


def _exists(ctx: Context, kind: Kind, name: str) -> bool:
    declared = ctx.desired.find(kind, name)
    if (declared is not None and not declared.absent) or (kind, name) in ctx.desired.elsewhere:
        return True
    match kind:
        case Kind.NETWORK:
            return ctx.observed.network(name) is not None
        case Kind.VOLUME:
            return ctx.observed.volume(name) is not None
        case _:
            return name in ctx.observed.ids or name in ctx.observed.ids.values()
