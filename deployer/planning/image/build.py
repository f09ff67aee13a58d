"""Images that are built: whether one has to be built again, and why."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from deployer.model.build import LABEL, Build, decode, encode, reasons, record_of
from deployer.model.desired import AnyResource, Desired, Kind, Resource
from deployer.model.observed import ObservedImage
from deployer.model.operations import BuildImage
from deployer.model.settings import EACH, FromImage, ImageSettings
from deployer.planning.context import Context
from deployer.values import image

_REASONS = 2
"""Reasons that a plan shows."""


def only_builds(desired: Desired) -> Desired:
    """The play with nothing selected but the images that it builds, also those that only a container builds."""
    selected = (found for found in desired.of(FromImage) if found.selected)
    builders = {found.image: found for found in selected if found.image in desired.builds}
    made: list[AnyResource] = []
    for reference, found in sorted(builders.items()):
        name = image.parse(reference).familiar
        own = found.settings
        settings = ImageSettings(image=reference, platform=own.platform, build=desired.builds[reference])
        made.append(Resource(replace(found.address, kind=Kind.IMAGE, name=name), found.place(("build",)), settings))
    images = {found.name for found in made}
    others = (
        replace(found, selected=False)
        for found in desired.resources
        if not (found.kind is Kind.IMAGE and found.name in images)
    )
    return replace(desired, resources=(*made, *others), prune=False)


class Rebuild(Struct, frozen=True):
    """`where`: "build on web1"; `why`: "src/app.js changed", "" if the host has no such image."""

    operation: BuildImage
    where: str
    why: str

    @property
    def reason(self) -> str:
        return ", ".join(filter(None, (self.where, self.why)))


def rebuild(ctx: Context, reference: str, build: Build, local: ObservedImage | None) -> Rebuild | None:
    """None if the image on the host is the one that would be built. `local`: the image that the name refers to."""
    before = decode(local.build) if local is not None else None
    bases = {base: _digest(ctx, build, base, before.bases.get(base, "") if before else "") for base in build.bases}
    now = record_of(build, bases, ctx.desired.sealing)
    why = list(reasons(build, now, before)) if before else ["deployer did not build the one on the host"]
    if local is None:
        why = []
    elif not why:
        return None
    more = f" and {len(why) - _REASONS} more" if len(why) > _REASONS else ""
    where = f"build on {build.on}" if build.on not in ("", EACH, ctx.desired.host) else "build"
    where += f" for {' and '.join(build.platforms)}, and push" if build.platforms else ""
    return Rebuild(BuildImage(reference, build, {LABEL: encode(now)}), where, ", ".join(why[:_REASONS]) + more)


def _digest(ctx: Context, build: Build, base: str, recorded: str) -> str:
    """Of a base image: the registry's if that is asked for, otherwise that of the image on the host, unless another
    host or this machine builds; "" if neither is known. An image with several digests counts as unchanged if one of
    them is on record."""
    remote = ctx.observed.remote.get(base, "") if build.pull else ""
    local = ctx.observed.image_of(base)
    if remote or local is None or build.on not in ("", EACH, ctx.desired.host):
        return remote
    digests = sorted(local.digests) or [local.id]
    return recorded if recorded in (*digests, local.id) else digests[0]
