"""What the project once made and no play of the run declares any more.

`--limit` and `--tags` never make anything look undeclared: a host that is left out is not looked at, and resources
that tags pass over are declared all the same.
"""

from __future__ import annotations

from typing import Final

from deployer.diagnostics import Origin
from deployer.fields.options import Presence
from deployer.model import ownership
from deployer.model.desired import AnyResource, Kind, Resource, S, has_settings
from deployer.model.observed import Ownership
from deployer.model.settings import Settings
from deployer.planning.context import Context

REASON: Final = "no longer declared"
DESTROYED: Final = "destroyed"


def is_undeclared(ctx: Context, kind: Kind, name: str, owner: Ownership) -> bool:
    """Whether an object is this project's, and no play declares it."""
    return owner.project == ctx.desired.project and not is_declared(ctx, kind, name)


def is_declared(ctx: Context, kind: Kind, name: str) -> bool:
    return _declaration(ctx, kind, name) is not None or ctx.desired.is_elsewhere(kind, name)


def declared_or_placeholder(ctx: Context, kind: Kind, name: str, settings: type[S]) -> Resource[S]:
    """What is declared, or something that stands for an object nobody declares."""
    declared = _declaration(ctx, kind, name)
    if declared is not None and has_settings(declared, settings):
        return declared
    return Resource(ctx.address(kind, name), Origin("undeclared"), settings(Presence.ABSENT))


def is_protected(ctx: Context, kind: Kind, name: str) -> bool:
    return declared_or_placeholder(ctx, kind, name, Settings).settings.protect


def resource_of(owner: Ownership) -> tuple[Kind, str]:
    """What a container was made for, though it may have another name since."""
    return ownership.kind_of(owner), owner.resource.partition(".")[2]


def _declaration(ctx: Context, kind: Kind, name: str) -> AnyResource | None:
    """One that was a container and is a job now, or the other way round, is declared."""
    return ctx.desired.container(name) if kind.is_container else ctx.desired.find(kind, name)
