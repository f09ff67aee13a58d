"""Compares a host with the last applied state and the current declaration, for every resource of a play. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.model.desired import Desired, slot
from deployer.model.drift import Drift, HostDrift, Verdict
from deployer.model.observed import Observed
from deployer.planning.context import Context
from deployer.planning.kinds import KINDS, labelled
from deployer.planning.policy import Policy


def find_drift(desired: Desired, observed: Observed) -> HostDrift:
    """All differences from the declaration, each with its verdict; a resource may have several."""
    ctx = Context(desired, observed, Policy())
    found = (*_declared(ctx), *_undeclared(ctx))
    return HostDrift(desired.host, desired.project, found, observed.engine.simulated)


def _declared(ctx: Context) -> Iterator[Drift]:
    for resource in ctx.desired.resources:
        planned = KINDS[resource.kind]
        if not resource.selected:
            continue
        if not resource.absent:
            yield from planned.drift(ctx, resource)
        elif planned.exists(ctx.observed, resource.name):
            yield Drift(resource.address, Verdict.STILL_THERE)


def _undeclared(ctx: Context) -> Iterator[Drift]:
    """Objects of the project that no play of this run declares."""
    declared = {slot(resource.kind, resource.name) for resource in ctx.desired.resources}
    declared |= {slot(*key) for key in ctx.desired.elsewhere}
    order = list(KINDS)
    for kind, found in sorted(labelled(ctx.observed), key=lambda pair: (order.index(pair[0]), pair[1].name)):
        if found.owner.project == ctx.desired.project and slot(kind, found.name) not in declared:
            yield Drift(ctx.address(kind, found.name), Verdict.UNDECLARED)
    for planned in KINDS.values():
        yield from planned.undeclared(ctx)
