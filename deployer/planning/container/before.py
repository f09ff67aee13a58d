"""Containers as they are before a plan changes them, for the record of the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployer.model import ownership
from deployer.model.desired import Kind, has_settings
from deployer.model.plan import Action, Before, ResourceChange
from deployer.model.settings import ContainerSettings
from deployer.planning.context import Context
from deployer.planning.three_way import resealed

Records = Mapping[str, Mapping[str, Any]]
"""What will be on record of containers, by name."""


def before_changes(ctx: Context, after: Records | None = None) -> tuple[Before, ...]:
    """`after`: what will be on record if it is not what is declared."""
    return tuple(_before(ctx, after))


def _before(ctx: Context, after: Records | None) -> Iterator[Before]:
    for change in ctx.draft.changes:
        live = ctx.observed.container(change.address.name)
        if change.address.kind is not Kind.CONTAINER or (
            live is not None and live.owner.project != ctx.desired.project
        ):
            continue
        recorded = resealed(ctx, ctx.desired.container(live.name), live) if live is not None else {}
        fields = _changed(recorded, _recorded_after(ctx, change, after))
        goes = change.action.replaces or change.action is Action.REMOVE
        if live is None:
            yield Before(change.address.name, str(change.action))
        elif goes or fields:
            image = ctx.observed.images.get(live.image_id)
            digest = min(image.digests, default="") if image is not None else ""
            yield Before(
                change.address.name,
                str(change.action),
                id=live.id[:12] if goes else "",
                image="" if digest else live.image_id,
                digest=digest,
                fields=fields,
            )


def _recorded_after(ctx: Context, change: ResourceChange, after: Records | None) -> Mapping[str, Any]:
    if after is not None:
        return after.get(change.address.name, {})
    resource = ctx.desired.container(change.address.name)
    if change.action is Action.REMOVE or resource is None or not has_settings(resource, ContainerSettings):
        return {}
    return ownership.declared(resource, ctx.desired.project, ctx.desired.sealing)


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    names = sorted({*before, *after})
    return {name: before.get(name) for name in names if before.get(name) != after.get(name)}
