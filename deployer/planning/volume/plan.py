"""Volumes: created when missing; never changed, never removed as a side effect."""

from __future__ import annotations

from typing import Any

from deployer.fields.field import View
from deployer.fields.volume import VOLUME
from deployer.model import ownership as record
from deployer.model.desired import Kind, Resource
from deployer.model.observed import ObservedContainer, ObservedVolume
from deployer.model.plan import (
    Action,
    CreateVolume,
    FieldDiff,
    Refusal,
    RemoveContainer,
    RemoveVolume,
    ResourceChange,
    StopContainer,
)
from deployer.planning.container.keeping import discard_holders
from deployer.planning.container.replace import vanishes
from deployer.planning.context import Context
from deployer.planning.diff import Comparison, diff


def plan_volume(ctx: Context, resource: Resource) -> None:
    live = ctx.observed.volume(resource.name)
    if resource.settings.external:
        if live is None:
            summary = f"external volume {resource.name} does not exist"
            ctx.draft.refuse(Refusal(resource.address, summary, "create it, or drop 'external'", resource.origin))
    elif resource.absent:
        _remove(ctx, resource, live)
    elif live is None:
        _create(ctx, resource)
    else:
        _compare(ctx, resource, live)


def _create(ctx: Context, resource: Resource) -> None:
    change = ResourceChange(resource.address, Action.CREATE, origin=resource.origin)
    ctx.draft.changes.append(change)
    step = ctx.draft.step(CreateVolume(resource.name, _body(ctx, resource)), resource.address, "missing")
    ctx.draft.ready(Kind.VOLUME, resource.name, step)


def _body(ctx: Context, resource: Resource) -> dict[str, Any]:
    body: dict[str, Any] = {"Name": resource.name}
    for row in VOLUME.fields:
        if row.name in resource.values:
            row.access.write(resource.values[row.name], body)
    own = record.labels(resource, ctx.desired.project, ctx.desired.secrets, ctx.policy.version)
    return body | {"Labels": dict(body.get("Labels") or {}) | own}


def _compare(ctx: Context, resource: Resource, live: ObservedVolume) -> None:
    ours = record.belongs_to(live.owner, ctx.desired.project, resource.address)
    if live.owner.managed and not ours:
        summary = f"belongs to project {live.owner.project}"
        ctx.draft.refuse(Refusal(resource.address, summary, "use it with 'external: true'", resource.origin))
        return
    view = View(resource.values, live.values, resource.name, live.owner.recorded)
    diffs = diff(Comparison(VOLUME, resource, view, ctx.desired.secrets, strict=ours))
    if diffs and str(resource.address) in ctx.policy.data_loss and ours:
        _renew(ctx, resource, diffs)
    elif diffs:
        hint = (
            "a volume cannot be changed, and a new one is empty: keep the declaration as the volume is, or copy the "
            f"data to a volume of another name; to give up the data, add --allow-data-loss {resource.address}"
        )
        summary = "differs from its declaration, and changing it would lose its data"
        ctx.draft.refuse(Refusal(resource.address, summary, hint, resource.origin, diffs))
    elif not ours:
        ctx.draft.notes.append(f"{resource.address.label}: not made by this project; used as it is")


def _renew(ctx: Context, resource: Resource, diffs: tuple[FieldDiff, ...]) -> None:
    """With consent: the containers that mount it go, then the volume; both are made again. No volume can be renamed, so
    there is no way back from here."""
    users = [found for found in ctx.observed.containers if resource.name in found.volumes]
    if obstacle := _obstacle(ctx, resource, users):
        summary, hint = obstacle
        ctx.draft.refuse(Refusal(resource.address, f"has to be made anew, but {summary}", hint, resource.origin, diffs))
        return
    reason = "its data is lost"
    change = ResourceChange(resource.address, Action.REPLACE_STOP_FIRST, diffs, reason, resource.origin)
    ctx.draft.changes.append(change)
    for found in users:
        address = ctx.address(record.kind_of(found.owner), found.name)
        after = ctx.moved.get(found.id, ())
        if found.running:
            after = (ctx.draft.step(StopContainer(found.id), address, "mounts it", after=after),)
        ctx.dropped[found.name] = (ctx.draft.step(RemoveContainer(found.id), address, "mounts it", after=after),)
    gone = [step for steps in ctx.dropped.values() for step in steps]
    for stub in ctx.observed.kept:
        if resource.name in stub.volumes:
            address = ctx.address(record.kind_of(stub.owner), stub.name)
            ctx.draft.changes.append(ResourceChange(address, Action.REMOVE, reason="mounts it"))
            gone.append(ctx.draft.step(RemoveContainer(stub.id), address, "mounts it"))
    removed = ctx.draft.step(RemoveVolume(resource.name), resource.address, reason, after=gone)
    made = ctx.draft.step(CreateVolume(resource.name, _body(ctx, resource)), resource.address, reason, after=(removed,))
    ctx.draft.ready(Kind.VOLUME, resource.name, made)


def _obstacle(ctx: Context, resource: Resource, users: list[ObservedContainer]) -> tuple[str, str] | None:
    """What is in the way of making it anew, and what to do about it."""
    if resource.settings.protect:
        return "is protected", "drop 'protect'"
    foreign = [stub.name for stub in ctx.observed.others if resource.name in stub.volumes]
    foreign += [found.name for found in users if not _is_planned(ctx, found)]
    if foreign:
        return f"is mounted by {', '.join(sorted(foreign))}", "remove them first, or run with their tags"
    for found in users:
        if vanishes(found) and found.anonymous:
            summary = f"{found.name} mounts it, and removes itself and its volumes without a name when it stops"
            return summary, f"remove {found.name} first, or give its volumes names"
    return None


def _is_planned(ctx: Context, found: ObservedContainer) -> bool:
    declared = ctx.desired.container(found.name)
    mine = declared is not None and declared.selected and not declared.settings.protect
    return mine and record.belongs_to(found.owner, ctx.desired.project, ctx.address(Kind.CONTAINER, found.name))


def _remove(ctx: Context, resource: Resource, live: ObservedVolume | None) -> None:
    """Not even `state: absent` removes data without consent for that very volume."""
    if live is None:
        return
    if not record.belongs_to(live.owner, ctx.desired.project, resource.address):
        summary = "is not this project's, and removing it would lose its data"
        ctx.draft.refuse(Refusal(resource.address, summary, origin=resource.origin))
    elif resource.settings.protect:
        ctx.draft.refuse(Refusal(resource.address, "is protected", "drop 'protect' to remove it", resource.origin))
    elif str(resource.address) not in ctx.policy.data_loss:
        hint = f"to remove it with its data, add --allow-data-loss {resource.address}"
        ctx.draft.refuse(Refusal(resource.address, "removing it would lose its data", hint, resource.origin))
    else:
        remove(ctx, resource, "absent")


def remove(ctx: Context, resource: Resource, reason: str) -> None:
    """Remove it with its data, after the containers that mount it; refused while others do."""
    gone = ctx.draft.removed()
    staying = [
        found.name for found in ctx.observed.containers if resource.name in found.volumes and found.id not in gone
    ]
    staying += [stub.name for stub in ctx.observed.others if resource.name in stub.volumes]
    if staying:
        summary = f"cannot be removed while containers mount it: {', '.join(sorted(staying))}"
        ctx.draft.refuse(Refusal(resource.address, summary, "remove them first", resource.origin))
        return
    change = ResourceChange(
        resource.address, Action.REMOVE, reason=f"{reason}; its data is lost", origin=resource.origin
    )
    ctx.draft.changes.append(change)
    discard_holders(ctx, lambda stub: resource.name in stub.volumes, f"mounts {resource.name}")
    ctx.draft.at_last(RemoveVolume(resource.name), resource.address, reason, after=ctx.draft.removals())
