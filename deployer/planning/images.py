"""Images: which have to be pulled, and whether a container's image is still the wanted one."""

from __future__ import annotations

from dataclasses import dataclass

from deployer.diagnostics import Origin
from deployer.model.desired import Address, Kind, Resource
from deployer.model.observed import ObservedContainer, ObservedImage
from deployer.model.plan import Action, PullImage, Refusal, RemoveImage, ResourceChange
from deployer.planning.context import Context
from deployer.values import image


@dataclass(frozen=True, slots=True)
class Wanted:
    """`local`: the image the reference names on the host now. `pull`: whether it is pulled first, so that the image
    after that is only known by `digest` ("" when the registry did not say)."""

    reference: str
    local: ObservedImage | None
    pull: bool
    digest: str = ""

    @property
    def known(self) -> ObservedImage | None:
        return None if self.pull else self.local

    def is_that_of(self, container: ObservedContainer, own: ObservedImage | None) -> bool:
        """Whether the container already runs the image. A new tag on the same image is no change."""
        if not self.pull:
            return self.local is not None and self.local.id == container.image_id
        return bool(self.digest) and own is not None and self.digest in (own.digests | {own.id})


def wanted(ctx: Context, resource: Resource) -> Wanted:
    """Only reads what was observed."""
    reference, policy = resource.settings.image, resource.settings.pull
    local = ctx.observed.image_of(reference)
    if local is not None and not _fits_platform(local, resource.settings.platform):
        local = None
    remote = ctx.observed.remote.get(reference, "")
    moved = local is not None and policy == "always" and remote not in (local.digests | {local.id})
    return Wanted(reference, local, pull=(local is None and policy != "never") or moved, digest=remote)


def _fits_platform(local: ObservedImage, platform: str) -> bool:
    wanted_os, _, rest = platform.partition("/") if "/" in platform else ("", "", platform)
    arch = rest.partition("/")[0]
    return (not wanted_os or wanted_os == local.os) and (not arch or arch in (local.arch, local.os))


def ensure(ctx: Context, need: Wanted, resource: Resource, origin: Origin) -> None:
    """Plan the pull, once for each reference."""
    name = image.parse(need.reference).familiar
    address = ctx.address(Kind.IMAGE, name)
    if need.pull:
        if ctx.draft.when_ready(Kind.IMAGE, need.reference):
            return
        action = Action.UPDATE if need.local else Action.CREATE
        reason = "pull, the tag moved" if need.local and need.digest else "pull"
        ctx.draft.changes.append(ResourceChange(address, action, reason=reason, origin=origin))
        operation = PullImage(need.reference, resource.settings.platform)
        ctx.draft.ready(Kind.IMAGE, need.reference, ctx.draft.step(operation, address, reason))
    elif need.local is None:
        ctx.draft.refuse(
            Refusal(resource.address, f"image {name} is not on the host", "pull: never forbids to fetch it", origin)
        )


def plan_image(ctx: Context, resource: Resource) -> None:
    """A resource of kind image."""
    reference = resource.settings.image
    if not resource.absent:
        ensure(ctx, wanted(ctx, resource), resource, resource.origin)
        return
    if reference in ctx.observed.tags:
        address: Address = ctx.address(Kind.IMAGE, image.parse(reference).familiar)
        ctx.draft.changes.append(ResourceChange(address, Action.REMOVE, reason="absent", origin=resource.origin))
        ctx.draft.step(RemoveImage(reference), address, "absent")
