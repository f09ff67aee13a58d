"""Images that the project pulled and that are neither declared nor used any more. Images that no record names as pulled
by the project are never removed, nor images of existing containers, running or not."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.model.desired import Address, Desired, Kind, has_settings
from deployer.model.observed import PulledImage
from deployer.model.operations import RemoveImage
from deployer.model.plan import Action, ResourceChange
from deployer.model.settings import ImageSettings
from deployer.planning.context import Context
from deployer.values import image


def prune_images(ctx: Context) -> None:
    """Runs after everything else is planned."""
    wanted = {image.pulled_name(reference) for reference in (*ctx.desired.images, *references(ctx.desired))}
    used = set(_used(ctx))
    for found in ctx.observed.pulled:
        if found.project != ctx.desired.project or found.id in used or wanted & _texts(found) or _is_renamed(found):
            continue
        others = sorted(p for p, text in ctx.observed.claimed if text in _texts(found) and p != found.project)
        address, reason = _address(ctx, found), "no longer declared or used"
        if others:
            ctx.draft.note(f"{address.label}: {reason}, kept for project {others[0]}")
        elif ctx.desired.find(Kind.IMAGE, address.name) is None:
            ctx.draft.changes.append(ResourceChange(address, Action.REMOVE, reason=reason))
            what = found.reference if found.is_tagged else found.id
            ctx.draft.at_last(RemoveImage(what), address, reason, after=ctx.draft.removals())


def references(desired: Desired) -> frozenset[str]:
    """References of all images that the play declares."""
    wanted = [resource for resource in desired.resources if not resource.absent]
    targets = (target for found in wanted if has_settings(found, ImageSettings) for target in found.settings.targets)
    return frozenset(filter(None, (*(resource.image for resource in wanted), *targets)))


def _used(ctx: Context) -> Iterator[str]:
    """Ids of images of containers that are kept."""
    gone = ctx.draft.removed()
    yield from (stub.image_id for stub in (*ctx.observed.others, *ctx.observed.kept) if stub.id not in gone)
    yield from (found.image_id for found in ctx.observed.containers if found.id not in gone)


def _texts(found: PulledImage) -> set[str]:
    """How declarations and records may refer to it: by name only while the name is its own."""
    return {found.id, found.reference} if found.is_tagged else {found.id}


def _is_renamed(found: PulledImage) -> bool:
    """Whether its name refers to another image now, and it has another tag."""
    digests = f"{image.parse(found.reference).repository}@"
    return not found.is_tagged and not all(name.startswith(digests) for name in found.names)


def _address(ctx: Context, found: PulledImage) -> Address:
    """`image.redis:7`; of one that lost its name to a newer one `image.redis:7@1a2b3c4d5e6f`."""
    name = image.parse(found.reference).familiar
    return ctx.address(Kind.IMAGE, name if found.is_tagged else f"{name}@{found.id[7:19]}")
