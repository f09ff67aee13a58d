"""The volumes with the files of a container's configs and secrets."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.fields.container.files import DELIVERED
from deployer.model import ownership
from deployer.model.desired import Workload
from deployer.model.observed import Observed
from deployer.model.operations import WriteFiles, WrittenFile
from deployer.model.plan import Refusal
from deployer.planning.context import Context
from deployer.values import file_mount


def volumes_to_write(ctx: Context, resource: Workload) -> Iterator[WriteFiles]:
    """Those that a new container of the resource requires and that no container has. A volume is never changed: the
    containers before keep theirs."""
    mounted = _mounted(ctx.observed)
    settings, labels = (
        resource.settings,
        {
            ownership.PROJECT: ctx.desired.project,
            ownership.RESOURCE: resource.address.label,
        },
    )
    for kind in DELIVERED:
        files = resource.values.get(kind.name) or {}
        volume = file_mount.volume_of(kind.name, files)
        if not files or volume in mounted:
            continue
        if lost := [entry["source"] for entry in files.values() if entry.get("content") not in ctx.desired.contents]:
            summary = f"the content of {kind.one} {lost[0]} is not known any more"
            hint = f"restore it under '{kind.name}' of the play, and apply that"
            ctx.draft.refuse(Refusal(resource.address, summary, hint, resource.place((kind.name,))))
            continue
        written = tuple(
            WrittenFile(
                file_mount.place(kind.folder, target),
                entry["mode"],
                entry["uid"],
                entry["gid"],
                ctx.desired.contents[entry["content"]],
            )
            for target, entry in sorted(files.items())
        )
        yield WriteFiles(volume, settings.image, settings.platform, labels, written)


def _mounted(observed: Observed) -> frozenset[str]:
    stubs = (name for stub in (*observed.kept, *observed.others) for name in stub.volumes)
    return frozenset((*stubs, *(name for found in observed.containers for name in found.volumes)))
