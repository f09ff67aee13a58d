"""Endpoints that a run took from containers to recreate a network, and did not give back because it was killed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployer.model import ownership
from deployer.model.desired import Kind
from deployer.model.observed import ObservedContainer
from deployer.model.operations import ConnectNetwork, DisconnectNetwork
from deployer.model.plan import Action, OwedEndpoint, ResourceChange
from deployer.model.secrets import holds_secret
from deployer.planning.container.leftovers import CAUSE
from deployer.planning.context import Context


def give_back(ctx: Context) -> None:
    """Connect the containers again that this run does not change otherwise: undeclared ones, and those that tags leave
    out."""
    for owed, live in _outstanding(ctx):
        ready = ctx.draft.when_ready(Kind.NETWORK, owed.network)
        if ctx.observed.network(owed.network) is None and not ready:
            ctx.draft.note(f"{live.name} was disconnected from network {owed.network}, which no longer exists")
            continue
        address = ctx.address(ownership.kind_of(live.owner), live.name)
        reason = f"connected to {owed.network} again, {CAUSE}"
        ctx.draft.changes.append(ResourceChange(address, Action.UPDATE, reason=reason))
        operation, undo = ConnectNetwork(owed.network, live.id, owed.endpoint), DisconnectNetwork(owed.network, live.id)
        ctx.draft.step(operation, address, CAUSE, after=ready, undo=(undo,))


def endpoints(ctx: Context) -> tuple[OwedEndpoint, ...]:
    """What is owed if this plan is interrupted, and what it cannot give back. Without options that hold secrets."""
    found = {
        (each.container, each.network): OwedEndpoint(each.container, each.network, _without_secrets(ctx, each.endpoint))
        for each in ctx.draft.operations(ConnectNetwork)
        if isinstance(each.container, str)
    }
    left = {(owed.container, owed.network): owed for owed, _ in _outstanding(ctx)}
    return tuple((left | found).values())


def _without_secrets(ctx: Context, endpoint: Mapping[str, Any]) -> dict[str, Any]:
    secrets = ctx.desired.secrets
    return {key: part for key, part in endpoint.items() if not holds_secret(part, secrets)}


def _outstanding(ctx: Context) -> Iterator[tuple[OwedEndpoint, ObservedContainer]]:
    by_id = {found.id: found for found in ctx.observed.containers}
    gone = ctx.draft.removed()
    for owed in ctx.observed.owed.get(ctx.desired.project, ()):
        live = by_id.get(owed.container)
        if live is None or live.id in gone or owed.network in live.attached:
            continue
        declared = ctx.desired.container(live.name)
        changes = declared.selected if declared is not None else ctx.desired.is_elsewhere(Kind.CONTAINER, live.name)
        if not changes:
            yield owed, live
