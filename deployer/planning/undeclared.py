"""Objects of the project that no play of the run declares any more.

`--limit` and `--tags` never make a resource undeclared: excluded hosts are not read, and resources excluded by tags are
still declared.
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
    """Whether an object belongs to this project and no play declares it."""
    return owner.project == ctx.desired.project and not is_declared(ctx, kind, name)


def is_declared(ctx: Context, kind: Kind, name: str) -> bool:
    return _declaration(ctx, kind, name) is not None or ctx.desired.is_elsewhere(kind, name)


def declared_or_placeholder(ctx: Context, kind: Kind, name: str, settings: type[S]) -> Resource[S]:
    """The declaration, or a placeholder for an undeclared object."""
    declared = _declaration(ctx, kind, name)
    if declared is not None and has_settings(declared, settings):
        return declared
    return Resource(ctx.address(kind, name), Origin("undeclared"), settings(Presence.ABSENT))


def is_protected(ctx: Context, kind: Kind, name: str) -> bool:
    return declared_or_placeholder(ctx, kind, name, Settings).settings.protect


def resource_of(owner: Ownership) -> tuple[Kind, str]:
    """The resource that a container was created for; it may have been renamed since."""
    return ownership.kind_of(owner), owner.resource.partition(".")[2]


def _declaration(ctx: Context, kind: Kind, name: str) -> AnyResource | None:
    """A container that became a job, or a job that became a container, is declared."""
    return ctx.desired.container(name) if kind.is_container else ctx.desired.find(kind, name)
