"""The volumes with the files of a container's configs and secrets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from deployer.fields.container.files import DELIVERED, Delivered
from deployer.fields.field import Body, Change
from deployer.fields.options import Reaction
from deployer.model import ownership
from deployer.model.desired import Container, Workload, has_settings
from deployer.model.file_reactions import bound, can_change, reaction
from deployer.model.observed import Observed, ObservedContainer
from deployer.model.operations import LinkFiles, Made, WriteFiles, WrittenFile
from deployer.model.plan import FieldDiff, Refusal
from deployer.model.settings import ContainerSettings
from deployer.planning.context import Context
from deployer.values import file_mount


def volumes_to_write(ctx: Context, resource: Workload, body: Body) -> Iterator[WriteFiles]:
    """Those that a new container of the resource requires and that no container has. A volume whose files may change is
    the container's own: `body` gets its name."""
    mounted = _mounted(ctx.observed)
    for kind in DELIVERED:
        files = resource.values.get(kind.name) or {}
        if not files or is_lost(ctx, resource, kind):
            continue
        if not _may_change(resource, kind):
            volume = file_mount.volume_of(kind.name, files)
            if volume not in mounted:
                yield written(ctx, resource, kind, volume)
            continue
        volume = _own_volume(ctx, resource, kind, mounted)
        _mount(resource, kind, body, volume)
        version = file_mount.version(kind.name, files)
        links = {**file_mount.links(kind.folder, files), file_mount.CURRENT: version}
        yield written(ctx, resource, kind, volume, version=version, links=links)


def in_place(resource: Workload, live: ObservedContainer, diffs: tuple[FieldDiff, ...]) -> tuple[FieldDiff, ...]:
    """The differences; of files that can change under the container as `on_change` says, as `Change.REWRITE`."""
    if not live.changing or not has_settings(resource, ContainerSettings):
        return diffs
    found = {kind.name for kind in DELIVERED if _is_rewritten(resource, live, kind.name, diffs)}
    return tuple(replace(each, effect=Change.REWRITE) if each.path[0] in found else each for each in diffs)


def _is_rewritten(resource: Container, live: ObservedContainer, field: str, diffs: tuple[FieldDiff, ...]) -> bool:
    """Not if files are added or removed, which are other mounts, nor if what reads a file again would read the old one.
    A paused container does nothing."""
    place, now = live.changing.get(field), resource.values.get(field) or {}
    if place is None or now.keys() != live.values[field].keys() or live.state == "paused":
        return False
    targets = {each.path[1] for each in diffs if each.path[0] == field and len(each.path) > 1}
    return all(target in now and _takes_effect(resource, field, target, place) for target in targets)


def _takes_effect(resource: Container, field: str, target: str, place: file_mount.Changing) -> bool:
    how = reaction(resource, field, target).reaction
    return how is Reaction.RESTART or (how is not Reaction.RECREATE and target not in place.bound)


def why_replaced(resource: Workload, live: ObservedContainer, diffs: tuple[FieldDiff, ...]) -> str:
    """Why a container is replaced although `on_change` says something else; "" if it does not."""
    if not has_settings(resource, ContainerSettings):
        return ""
    changed = [(each.path[0], each.path[1]) for each in diffs if each.path[-1] == "content" and len(each.path) > 2]
    if any(field not in live.changing and _reacts(resource, field, target) for field, target in changed):
        return "was created without on_change"
    return ""


def _reacts(resource: Container, field: str, target: str) -> bool:
    return reaction(resource, field, target).reaction is not Reaction.RECREATE


def as_in_place(resource: Container, live: ObservedContainer, diffs: tuple[FieldDiff, ...]) -> Container:
    """The container with the files that it will have: those whose differences are ignored stay as they are."""
    changed = {each.path[0] for each in diffs}
    kept = {field: file_mount.sure(live.values[field]) for field in live.changing if field not in changed}
    kept = {field: files for field, files in kept.items() if field in resource.values}
    return replace(resource, values={**resource.values, **kept}) if kept else resource


def root_links(resource: Workload, made: Made) -> LinkFiles | None:
    """What leads from the root file system of a new container to files that may change."""
    found: dict[str, str] = {}
    for kind in DELIVERED:
        if has_settings(resource, ContainerSettings) and can_change(resource, kind.name):
            files = resource.values.get(kind.name) or {}
            found |= file_mount.root_links(kind.folder, files, bound(resource, kind))
    return LinkFiles(made, found) if found else None


def is_lost(ctx: Context, resource: Workload, kind: Delivered) -> bool:
    """Whether the content of a file is not known; refused."""
    files = resource.values.get(kind.name) or {}
    lost = [entry["source"] for entry in files.values() if entry.get("content") not in ctx.desired.contents]
    if lost:
        summary = f"the content of {kind.one} {lost[0]} is not known any more"
        hint = f"restore it under '{kind.name}' of the play, and apply that"
        ctx.draft.refuse(Refusal(resource.address, summary, hint, resource.place((kind.name,))))
    return bool(lost)


def written(
    ctx: Context,
    resource: Workload,
    kind: Delivered,
    volume: str,
    *,
    version: str = "",
    links: Mapping[str, str] | None = None,
) -> WriteFiles:
    """The operation that writes the declared files, into the folder `version` of the volume."""
    files, settings = resource.values[kind.name], resource.settings
    found = tuple(
        WrittenFile(
            "/".join(filter(None, (version, file_mount.place(kind.folder, target)))),
            entry["mode"],
            entry["uid"],
            entry["gid"],
            ctx.desired.contents[entry["content"]],
        )
        for target, entry in sorted(files.items())
    )
    return WriteFiles(volume, settings.image, settings.platform, labels(ctx, resource), found, links or {})


def labels(ctx: Context, resource: Workload) -> dict[str, str]:
    """Of a volume with files of the resource."""
    return {ownership.PROJECT: ctx.desired.project, ownership.RESOURCE: resource.address.label}


def _may_change(resource: Workload, kind: Delivered) -> bool:
    return has_settings(resource, ContainerSettings) and can_change(resource, kind.name)


def _own_volume(ctx: Context, resource: Workload, kind: Delivered, mounted: frozenset[str]) -> str:
    """A volume that no container has: one that was changed keeps the name of its first files."""
    text = (
        f"{file_mount.volume_of(kind.name, resource.values[kind.name])} {ctx.desired.project} {resource.address.label}"
    )
    while True:
        text = hashlib.sha256(text.encode()).hexdigest()
        if (name := file_mount.PREFIX + text[:32]) not in mounted:
            return name


def _mount(resource: Workload, kind: Delivered, body: Body, volume: str) -> None:
    """Instead of the volume that several containers may have."""
    assert has_settings(resource, ContainerSettings)
    files = resource.values[kind.name]
    shared = file_mount.volume_of(kind.name, files)
    mounts: list[Any] = body["HostConfig"]["Mounts"]
    others = [mount for mount in mounts if file_mount.volume_in(str(mount.get("Source") or "")) != shared]
    own = file_mount.changing_to_engine(kind.name, kind.folder, files, volume, bound(resource, kind))
    body["HostConfig"]["Mounts"] = [*others, *own]


def _mounted(observed: Observed) -> frozenset[str]:
    stubs = (name for stub in (*observed.kept, *observed.others) for name in stub.volumes)
    return frozenset((*stubs, *(name for found in observed.containers for name in found.volumes)))
