"""Records of containers whose labels do not hold the last applied declaration: containers updated in place, and adopted
ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from deployer.fields.container import CONTAINER
from deployer.fields.field import Field, View
from deployer.model import ownership, volume_names
from deployer.model.desired import Workload
from deployer.model.observed import ObservedContainer
from deployer.model.operations import RemoveVolume, WriteRecord
from deployer.planning.container.judging import view_of
from deployer.planning.context import Context, Steps


def unrecorded(ctx: Context, resource: Workload, live: ObservedContainer) -> tuple[str, ...]:
    """Declared fields that the record lacks, so that their removal from the playbook would not be noticed. Empty if
    there is no record."""
    if not live.owner.recorded:
        return ()
    rows = {name: row for name in resource.values if (row := CONTAINER.row(name)).usual is not None}
    some = replace(resource, values={name: resource.values[name] for name in rows})
    declared = ownership.declared(some, ctx.desired.project, ctx.desired.sealing)
    recorded, view = live.owner.recorded, view_of(ctx, resource, live)
    return tuple(
        name for name, row in rows.items() if declared[name] != recorded.get(name) and _counts(row, view, declared)
    )


def _counts(row: Field, view: View, declared: Mapping[str, Any]) -> bool:
    """Whether an unusual value would be accepted without a declaration, but not if it was on record."""
    if row.usual is None or view.declared[row.name] == row.usual(view.info, view):
        return False
    dropped = {name: value for name, value in view.declared.items() if name != row.name}
    before = replace(view, declared=dropped)
    after = replace(before, recorded={**view.recorded, row.name: declared[row.name]})
    return bool(row.expect(row, before) != row.expect(row, after))


def write_record(ctx: Context, resource: Workload, live: ObservedContainer, cause: str, after: Steps) -> Steps:
    """Record the declaration, unless the newest record says the same. Returns the steps after which it is on record."""
    project, sealing = ctx.desired.project, ctx.desired.sealing
    if live.owner.project == project and live.owner.recorded == ownership.declared(resource, project, sealing):
        return after
    labels = ownership.labels(resource, project, sealing, ctx.policy.version)
    written = sum(found.container == live.id for found in ctx.draft.operations(WriteRecord))
    operation, undo = _numbered(live, labels, live.owner.number + 1 + written)
    return (ctx.draft.step(operation, resource.address, cause, after=after, undo=(undo,)),)


def record_rewriting(
    ctx: Context, resource: Workload, live: ObservedContainer, files: Mapping[str, Any]
) -> tuple[WriteRecord, RemoveVolume]:
    """The operations that record that `files` are being replaced, and their undo. A run that is killed before it
    records the new ones leaves a record that equals no declaration."""
    fields, owner = {**live.owner.recorded, **files}, live.owner
    return _writing(
        live, ownership.labels_of(resource.address, owner.project, fields, ctx.policy.version, owner.sealed_with)
    )


def record_previous(ctx: Context, resource: Workload, live: ObservedContainer) -> tuple[WriteRecord, RemoveVolume]:
    """The operations that record a replaced container of no project as this project's, so that it can be kept and
    rolled back to, and their undo. The record holds only its restart policy, which kept containers do not have."""
    fields = {"restart": live.values["restart"]} if live.values.get("restart") else {}
    return _writing(live, ownership.labels_of(resource.address, ctx.desired.project, fields, ctx.policy.version))


def _writing(live: ObservedContainer, labels: Mapping[str, str]) -> tuple[WriteRecord, RemoveVolume]:
    return _numbered(live, labels, live.owner.number + 1)


def _numbered(live: ObservedContainer, labels: Mapping[str, str], number: int) -> tuple[WriteRecord, RemoveVolume]:
    return WriteRecord(live.id, number, labels), RemoveVolume(volume_names.spec(live.id, number))
