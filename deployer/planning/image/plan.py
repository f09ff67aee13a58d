"""Images: which are pulled, and whether a container has the declared image."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from deployer.diagnostics import Origin
from deployer.fields.field import Change
from deployer.fields.options import PullPolicy, strongest_pull_policy
from deployer.model.desired import Address, Image, Imaged, Kind
from deployer.model.drift import Drift, Verdict
from deployer.model.observed import ObservedContainer, ObservedImage
from deployer.model.operations import Operation, PullImage, PushImage, RemoveImage, SendImage, TagImage
from deployer.model.plan import Action, FieldDiff, Refusal, ResourceChange
from deployer.model.settings import ImageSettings
from deployer.planning.container.keeping import discard_holders
from deployer.planning.context import Context
from deployer.planning.image.build import Rebuild, rebuild
from deployer.values import image

_SHORT: Final = 19
"""Characters of a digest that are shown: `sha256:0123456789ab`."""


class Wanted(Struct, frozen=True):
    """`local`: the image the reference names on the host now, if it is for the `platform`; `other`: the platform of
    that image if it is not. `pull`: whether it is pulled or built first, so that the image after that is only known by
    `digest` ("" when the registry did not say, and of one that is built). `built`: it is built, by this play or an
    earlier one; `rebuild`: by this play. `source`: what sends it."""

    reference: str
    local: ObservedImage | None
    pull: bool
    digest: str = ""
    platform: str = ""
    other: str = ""
    built: bool = False
    rebuild: Rebuild | None = None
    source: str = ""

    @property
    def known(self) -> ObservedImage | None:
        return None if self.pull else self.local

    def is_that_of(self, container: ObservedContainer, own: ObservedImage | None) -> bool:
        """Whether the container already has the image. A new tag of the same image is not a change."""
        if not self.pull:
            return self.local is not None and self.local.id == container.image_id
        if own is not None and not _fits_platform(own, self.platform):
            return False
        digests = {container.image_id, *(own.digests if own is not None else ())}
        return bool(self.digest) and (self.digest in digests or self._was_untagged(container, own))

    def _was_untagged(self, container: ObservedContainer, own: ObservedImage | None) -> bool:
        """Whether the name of the container's image was removed (docker rmi -f). The engine then forgets the digest, so
        the image counts as unchanged until it is pulled again."""
        return own is not None and not own.references and not own.digests and container.image == self.reference


def wanted(ctx: Context, resource: Imaged) -> Wanted:
    """Reads only the observed state. A pull for one resource is a pull for all with the same reference."""
    reference, policy = resource.settings.image, _policy(ctx, resource)
    found, platform = ctx.observed.image_of(reference), resource.settings.platform
    local = found if found is not None and _fits_platform(found, platform) else None
    other = f"{found.os}/{found.arch}" if found is not None and local is None else ""
    build = ctx.desired.builds.get(reference)
    if build is not None or reference in ctx.observed.built:
        own = rebuild(ctx, reference, build, local) if build is not None else None
        new = own is not None or reference in ctx.observed.built
        return Wanted(reference, local, new, platform=platform, built=True, rebuild=own)
    source = ctx.desired.sources.get(reference, "")
    if source:
        missing = local is None and source != ctx.desired.host
        return Wanted(reference, local, missing, platform=platform, other=other, source=source)
    remote = ctx.observed.remote.get(reference, "")
    fetched = policy is PullPolicy.ALWAYS or reference in ctx.observed.coming
    moved = local is not None and fetched and remote not in ("", *local.digests, local.id)
    pull = (local is None and policy is not PullPolicy.NEVER) or moved
    return Wanted(reference, local, pull, remote, platform, other)


def _policy(ctx: Context, resource: Imaged) -> PullPolicy:
    """The strongest pull policy of all resources with the same image. An image id cannot be pulled."""
    reference = resource.settings.image
    if not image.parse(reference).path:
        return PullPolicy.NEVER
    own = resource.settings.pull
    others = ctx.desired.pull_policies.get(reference, own)
    return others if resource.kind is Kind.FILE else strongest_pull_policy((own, others))


def _fits_platform(local: ObservedImage, platform: str) -> bool:
    wanted_os, _, rest = platform.partition("/") if "/" in platform else ("", "", platform)
    arch = rest.partition("/")[0]
    return (not wanted_os or wanted_os == local.os) and (not arch or arch in (local.arch, local.os))


def ensure(ctx: Context, need: Wanted, resource: Imaged, origin: Origin) -> None:
    """Plan the pull or the build, once for each reference."""
    name = image.parse(need.reference).familiar
    address = ctx.address(Kind.IMAGE, name)
    now = ctx.observed.remote.get(image.tag_of(need.reference), "")
    if now and not need.reference.endswith(now):
        ctx.draft.note(f"{address.label}: the tag now stands for {now[:_SHORT]}; the digest is used")
    if need.pull:
        if ctx.draft.when_ready(Kind.IMAGE, need.reference) or need.reference in ctx.observed.coming:
            return
        action = Action.UPDATE if need.local else Action.CREATE
        reason = "pull, the tag moved" if need.local and need.digest else "pull"
        reason += f", the image on the host is for another platform, {need.other}" if need.other else ""
        diffs = _digests(need.local, need.digest) if need.local is not None and need.digest else ()
        operation: Operation = PullImage(need.reference, resource.settings.platform)
        if need.rebuild is not None:
            operation, reason = need.rebuild.operation, need.rebuild.reason
        if need.source:
            operation, reason = SendImage(need.reference, need.source), f"send from {need.source}"
        ctx.draft.changes.append(ResourceChange(address, action, diffs, reason=reason, origin=origin))
        ctx.draft.ready(Kind.IMAGE, need.reference, ctx.draft.step(operation, address, reason))
    elif need.local is None:
        by_id = not image.parse(need.reference).path
        hint = "an image id cannot be pulled" if by_id else "pull: never forbids pulling it"
        hint = "the host is its source" if need.source else hint
        summary = f"is for {need.other} on the host, not {need.platform}" if need.other else "is not on the host"
        ctx.draft.refuse(Refusal(resource.address, f"image {name} {summary}", hint, origin))
    elif need.reference in ctx.observed.remote and not need.digest and _policy(ctx, resource) is PullPolicy.ALWAYS:
        ctx.draft.note(f"{address.label}: the registry did not answer; the image on the host is used")


def _digests(local: ObservedImage, digest: str) -> tuple[FieldDiff, ...]:
    old = min(local.digests, default=local.id)
    return (FieldDiff(("digest",), old[:_SHORT], digest[:_SHORT], Change.UPDATE),)


def make(ctx: Context) -> None:
    """Pull, tag and push declared images."""
    for resource in ctx.wanted(ImageSettings):
        need = wanted(ctx, resource)
        ensure(ctx, need, resource, resource.origin)
        if need.pull or need.local is not None:
            for target in resource.settings.targets:
                _publish(ctx, need, resource, target)


def _publish(ctx: Context, need: Wanted, resource: Image, target: str) -> None:
    """Tag and push at last, when everything else of the plan has worked: neither can be rolled back."""
    known, pushes = need.known, target in resource.settings.pushed and not _is_pushed(ctx, need, target)
    if resource.settings.build is not None and resource.settings.build.platforms:
        pushes = False  # A host would push that of its own platform in place of all.
    tags = target != need.reference and (known is None or ctx.observed.tags.get(target) != known.id)
    if not tags and not pushes:
        return
    address = ctx.address(Kind.IMAGE, image.parse(target).familiar)
    remote = ctx.observed.remote.get(target, "")
    lacks = f"push, the registry has {f'another image, {remote[:_SHORT]}' if remote else 'no such image'}"
    parts = (f"tag of {image.familiar(need.reference)}" if tags else "", lacks if pushes else "")
    reason, after = ", ".join(filter(None, parts)), ctx.draft.when_ready(Kind.IMAGE, need.reference)
    if tags:
        after = (ctx.draft.at_last(TagImage(need.reference, target), address, reason, after=after),)
    if pushes:
        ctx.draft.at_last(PushImage(target), address, reason, after=after)
    action = Action.CREATE if target not in ctx.observed.tags else Action.UPDATE
    ctx.draft.change(ResourceChange(address, action, reason=reason, origin=resource.origin))


def _is_pushed(ctx: Context, need: Wanted, target: str) -> bool:
    """Whether the registry has this image under the reference."""
    digests = {need.digest} if need.known is None else {*need.known.digests, need.known.id}
    return ctx.observed.remote.get(target, "") in digests - {""}


def remove_absent(ctx: Context) -> None:
    for resource in ctx.unwanted(ImageSettings):
        _remove(ctx, resource)


def drift(ctx: Context, resource: Image) -> Iterator[Drift]:
    need = wanted(ctx, resource)
    if need.local is None:
        yield Drift(resource.address, Verdict.GONE)
    elif need.rebuild is not None:
        yield Drift(resource.address, Verdict.TO_BUILD, detail=need.rebuild.why)
    elif need.pull:
        yield Drift(resource.address, Verdict.IMAGE_MOVED, detail=f"the registry has {need.digest[:_SHORT]}")


def _remove(ctx: Context, resource: Image) -> None:
    reference = resource.settings.image
    key = ctx.observed.tags.get(reference)
    if key is None:
        return
    address: Address = ctx.address(Kind.IMAGE, image.parse(reference).familiar)
    users = sorted(_staying(ctx, key))
    if users and sum(found == key for found in ctx.observed.tags.values()) == 1:
        summary = f"cannot be removed while containers use it: {', '.join(users)}"
        ctx.draft.refuse(Refusal(address, summary, "remove or change them first", resource.origin))
        return
    ctx.draft.changes.append(ResourceChange(address, Action.REMOVE, reason="absent", origin=resource.origin))
    discard_holders(ctx, lambda stub: stub.image_id == key, f"made from {address.name}")
    ctx.draft.at_last(RemoveImage(reference), address, "absent", after=ctx.draft.removals())


def _staying(ctx: Context, key: str) -> Iterator[str]:
    """Containers that use the image after the steps planned so far."""
    gone = ctx.draft.removed()
    yield from (stub.name for stub in ctx.observed.others if stub.image_id == key)
    yield from (found.name for found in ctx.observed.containers if found.image_id == key and found.id not in gone)
    for resource in ctx.desired.containers:
        if not resource.absent and resource.selected and ctx.observed.tags.get(resource.image) == key:
            yield resource.name
