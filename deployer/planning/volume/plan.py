"""Volumes: created if missing; never changed, and never removed as a side effect."""

from __future__ import annotations

from deployer.model import ownership
from deployer.model.desired import Address, Kind, Volume
from deployer.model.observed import ObservedContainer, ObservedVolume
from deployer.model.operations import CreateVolume, RemoveContainer, RemoveVolume, StopContainer
from deployer.model.plan import Action, FieldDiff, Refusal, ResourceChange
from deployer.model.settings import VolumeSettings
from deployer.planning import objects
from deployer.planning.bodies import object_body
from deployer.planning.container.keeping import discard_holders
from deployer.planning.container.replace import vanishes
from deployer.planning.context import Context, is_ours
from deployer.planning.refusals import refuse_protected
from deployer.planning.undeclared import DESTROYED, REASON, declared_or_placeholder, is_undeclared


def make(ctx: Context) -> None:
    """Create missing volumes."""
    for resource in ctx.wanted(VolumeSettings):
        live = ctx.observed.volume(resource.name)
        _tell_incomplete(ctx, resource)
        if resource.settings.external:
            objects.check_external(ctx, resource, live)
        elif live is None:
            _create(ctx, resource)
        else:
            _compare(ctx, resource, live)


def _tell_incomplete(ctx: Context, resource: Volume) -> None:
    if any(stub.filling and resource.name in stub.volumes for stub in ctx.observed.others):
        place = f"{ctx.observed.host}/{resource.name}"
        hint = f"unless that still runs, fill it again: deployer volume restore FILE {place}"
        ctx.draft.notes.append(f"{incomplete(resource.address)}, a command was filling it; {hint}")


def incomplete(address: Address) -> str:
    """How the note of such a volume begins."""
    return f"{address.label}: its data is incomplete"


def remove_absent(ctx: Context) -> None:
    for resource in ctx.unwanted(VolumeSettings):
        live = ctx.observed.volume(resource.name)
        if resource.settings.external:
            objects.check_external(ctx, resource, live)
        elif live is not None:
            _remove(ctx, resource, live)


def prune(ctx: Context) -> None:
    """Undeclared volumes are noted, and removed only if the operator named them."""
    for volume in ctx.observed.volumes:
        address = ctx.address(Kind.VOLUME, volume.name)
        if not is_undeclared(ctx, Kind.VOLUME, volume.name, volume.owner):
            continue
        if str(address) in ctx.policy.data_loss:
            remove(ctx, declared_or_placeholder(ctx, Kind.VOLUME, volume.name, VolumeSettings), REASON)
        else:
            hint = f"--remove-volume {address} removes it with its data"
            ctx.draft.notes.append(f"{address.label}: {REASON}, kept; {hint}")


def destroy(ctx: Context) -> None:
    """They are kept unless the operator requests their removal."""
    mine = sorted(found.name for found in ctx.observed.volumes if found.owner.project == ctx.desired.project)
    if mine and not ctx.policy.volumes:
        ctx.draft.notes.append(f"volumes are kept: {', '.join(mine)}")
        return
    for name in mine:
        resource = declared_or_placeholder(ctx, Kind.VOLUME, name, VolumeSettings)
        if not refuse_protected(ctx, resource):
            remove(ctx, resource, DESTROYED)


def _create(ctx: Context, resource: Volume) -> None:
    change = ResourceChange(resource.address, Action.CREATE, origin=resource.origin)
    ctx.draft.changes.append(change)
    step = ctx.draft.step(CreateVolume(resource.name, object_body(ctx, resource)), resource.address, "missing")
    ctx.draft.ready(Kind.VOLUME, resource.name, step)


def _compare(ctx: Context, resource: Volume, live: ObservedVolume) -> None:
    compared = objects.compare(ctx, resource, live)
    if compared is None or not compared.diffs:
        return
    if compared.ours and str(resource.address) in ctx.policy.data_loss:
        _renew(ctx, resource, compared.diffs)
        return
    hint = (
        "a volume cannot be changed, and a new one is empty: keep the declaration as the volume is, or copy the "
        f"data to a volume of another name; to give up the data, add --allow-data-loss {resource.address}"
    )
    summary = "differs from its declaration, and changing it would lose its data"
    ctx.draft.refuse(Refusal(resource.address, summary, hint, resource.origin, compared.diffs))


def _renew(ctx: Context, resource: Volume, diffs: tuple[FieldDiff, ...]) -> None:
    """With consent: remove the containers that mount it, then the volume, and recreate both. Volumes cannot be renamed,
    so this cannot be undone."""
    if refuse_protected(ctx, resource, "must be recreated", diffs):
        return
    users = [found for found in ctx.observed.containers if resource.name in found.volumes]
    if obstacle := _obstacle(ctx, resource, users):
        summary, hint = obstacle
        ctx.draft.refuse(Refusal(resource.address, f"must be recreated, but {summary}", hint, resource.origin, diffs))
        return
    reason = "its data is lost"
    change = ResourceChange(resource.address, Action.REPLACE_STOP_FIRST, diffs, reason, resource.origin)
    ctx.draft.changes.append(change)
    for found in users:
        address = ctx.address(ownership.kind_of(found.owner), found.name)
        after = ctx.networks.moved.get(found.id, ())
        if found.running:
            after = (ctx.draft.step(StopContainer(found.id), address, "mounts it", after=after),)
        ctx.volumes.dropped[found.name] = (
            ctx.draft.step(RemoveContainer(found.id), address, "mounts it", after=after),
        )
    gone = [step for steps in ctx.volumes.dropped.values() for step in steps]
    for stub in ctx.observed.kept:
        if resource.name in stub.volumes:
            address = ctx.address(ownership.kind_of(stub.owner), stub.name)
            ctx.draft.changes.append(ResourceChange(address, Action.REMOVE, reason="mounts it"))
            gone.append(ctx.draft.step(RemoveContainer(stub.id), address, "mounts it"))
    removed = ctx.draft.step(RemoveVolume(resource.name), resource.address, reason, after=gone)
    operation = CreateVolume(resource.name, object_body(ctx, resource))
    made = ctx.draft.step(operation, resource.address, reason, after=(removed,))
    ctx.draft.ready(Kind.VOLUME, resource.name, made)


def _obstacle(ctx: Context, resource: Volume, users: list[ObservedContainer]) -> tuple[str, str] | None:
    """Why it cannot be recreated, and a hint."""
    foreign = [stub.name for stub in ctx.observed.others if resource.name in stub.volumes]
    foreign += [found.name for found in users if not _is_planned(ctx, found)]
    if foreign:
        return f"is mounted by {', '.join(sorted(foreign))}", "remove them first, or run with their tags"
    for found in users:
        if vanishes(found) and found.anonymous:
            summary = f"{found.name} mounts it, and is removed with its anonymous volumes when it stops"
            return summary, f"remove {found.name} first, or give its volumes names"
    return None


def _is_planned(ctx: Context, found: ObservedContainer) -> bool:
    declared = ctx.desired.container(found.name)
    mine = declared is not None and declared.selected and not declared.settings.protect
    return mine and ownership.belongs_to(found.owner, ctx.desired.project, ctx.address(Kind.CONTAINER, found.name))


def _remove(ctx: Context, resource: Volume, live: ObservedVolume) -> None:
    """Not even `state: absent` removes data without consent for that very volume."""
    if not is_ours(ctx, resource, live):
        summary = "is not this project's, and removing it would lose its data"
        ctx.draft.refuse(Refusal(resource.address, summary, origin=resource.origin))
    elif refuse_protected(ctx, resource):
        return
    elif str(resource.address) not in ctx.policy.data_loss:
        hint = f"to remove it with its data, add --allow-data-loss {resource.address}"
        ctx.draft.refuse(Refusal(resource.address, "removing it would lose its data", hint, resource.origin))
    else:
        remove(ctx, resource, "absent")


def remove(ctx: Context, resource: Volume, reason: str) -> None:
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
