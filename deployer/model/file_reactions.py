"""What containers do when the content of their files changes, and where such files are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployer.fields.container.files import Delivered
from deployer.fields.options import Reaction
from deployer.model.desired import Resource
from deployer.model.settings import RECREATED, ContainerSettings, OnChange
from deployer.values import file_mount

_AT_START = (Reaction.RESTART, Reaction.RECREATE)


def reactions_of(found: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, OnChange]]:
    """By field and target, as declared."""
    return {field: {target: OnChange(**how) for target, how in parts.items()} for field, parts in found.items()}


def reaction(resource: Resource[ContainerSettings], field: str, target: str) -> OnChange:
    return resource.settings.on_change.get(field, {}).get(target, RECREATED)


def can_change(resource: Resource[ContainerSettings], field: str) -> bool:
    """Whether any file of the field may change under the running container."""
    return any(how.reaction is not Reaction.RECREATE for how in resource.settings.on_change.get(field, {}).values())


def bound(resource: Resource[ContainerSettings], kind: Delivered) -> frozenset[str]:
    """Targets outside the field's folder that are mounted one by one, and so change when the container starts. The
    others are links in its root file system."""
    files = resource.values.get(kind.name) or {}
    return frozenset(
        target
        for target in files
        if file_mount.is_elsewhere(kind.folder, target) and reaction(resource, kind.name, target).reaction in _AT_START
    )


def stuck(resource: Resource[ContainerSettings], kind: Delivered) -> Iterator[tuple[str, str]]:
    """Targets that would have to be links where there can be none, and why."""
    files, mounts = resource.values.get(kind.name) or {}, _mounts(resource.values)
    for target in sorted(files):
        if not file_mount.is_elsewhere(kind.folder, target) or target in bound(resource, kind):
            continue
        if resource.values.get("read_only"):
            yield target, "it is in the root file system, which is read_only"
        elif above := next((path for path in mounts if target.startswith(f"{path}/")), ""):
            yield target, f"it is in the mount {above}"


def _mounts(values: Mapping[str, Any]) -> list[str]:
    return sorted((*(values.get("volumes") or ()), *(values.get("tmpfs") or ())))
