"""Compares a container with its declaration and determines what the differences require."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from deployer.fields.container import CONTAINER
from deployer.fields.container.files import text_of
from deployer.fields.field import Change, View
from deployer.fields.options import Recreate
from deployer.model import dependencies
from deployer.model.desired import Container, Workload
from deployer.model.observed import ObservedContainer, ObservedImage
from deployer.model.plan import FieldDiff, Refusal
from deployer.model.secrets import redact
from deployer.planning.container import endpoints
from deployer.planning.container.files import in_place
from deployer.planning.context import Context, is_ours
from deployer.planning.diff import Comparison, diff
from deployer.planning.file.mounted import replacing
from deployer.planning.image.plan import Wanted
from deployer.planning.refusals import protection
from deployer.values import image

_NO_ID_YET: Final = ""
"""The id of a container that the plan creates: no live value refers to it."""
_MODES = ("network_mode", "pid", "ipc")


def is_adopted(ctx: Context, live: ObservedContainer) -> bool:
    """Whether a container of no project may become this project's."""
    return ctx.policy.adopt and not live.owner.managed


def compare(
    ctx: Context, resource: Workload, live: ObservedContainer, need: Wanted, *, leaving: bool = False
) -> tuple[FieldDiff, ...]:
    """All differences, the image first. `leaving`: include the values that an unmanaged container loses when it is
    replaced."""
    own = ctx.observed.images.get(live.image_id)
    fields = compare_fields(ctx, resource, live, leaving=leaving)
    shared = tuple(
        FieldDiff((field,), name, f"the new {name}", Change.REPLACE, resource.place((field,)))
        for name, field in dependencies.id_references(resource).items()
        if name in ctx.containers.renewed and not any(found.path == (field,) for found in fields)
    )
    files = replacing(ctx, resource)
    found = (*_image_diff(resource, live, own, need), *fields, *shared, *files, *endpoints.stale(ctx, resource, live))
    return in_place(resource, live, endpoints.replace_where_needed(ctx, resource, live, found))


def view_of(ctx: Context, resource: Workload, live: ObservedContainer) -> View:
    own = ctx.observed.images.get(live.image_id)
    ids = {**ctx.observed.ids, **dict.fromkeys(ctx.containers.renewed, _NO_ID_YET)}
    recorded, info = live.owner.recorded, ctx.observed.info
    return View(resource.values, live.values, resource.name, recorded, _image_values(live, own), ids, info)


def compare_fields(
    ctx: Context, resource: Workload, live: ObservedContainer, *, leaving: bool = False
) -> tuple[FieldDiff, ...]:
    """The differences of all fields, given the container's own image."""
    ours = is_ours(ctx, resource, live)
    found = diff(
        Comparison(
            CONTAINER,
            resource,
            view_of(ctx, resource, live),
            ctx.desired.secrets,
            strict=ours or is_adopted(ctx, live),
            labels=leaving or (ours and live.owner.labelled),
            leaving=leaving,
        )
    )
    named = (_by_name(ctx, resource, each) if each.path[0] in _MODES else each for each in found)
    return tuple(_with_text(ctx, resource, live, each) if each.path[0] == "configs" else each for each in named)


def _with_text(ctx: Context, resource: Workload, live: ObservedContainer, found: FieldDiff) -> FieldDiff:
    """The text of a config, before and after, instead of its digests."""
    _, target, *below = found.path
    if below != ["content"] or target not in live.configs or found.sensitive:
        return found
    data = ctx.desired.contents.get(resource.values["configs"][target]["content"])
    if data is None or (new := text_of(data)) is None:
        return found
    old = live.configs[target]
    if old.endswith("\n") and new.endswith("\n"):
        old, new = old[:-1], new[:-1]
    return replace(found, old=redact(old, ctx.desired.secrets), new=redact(new, ctx.desired.secrets))


def _by_name(ctx: Context, resource: Workload, found: FieldDiff) -> FieldDiff:
    """Namespace modes with container names instead of ids."""
    names = {key: name for name, key in ctx.observed.ids.items()}

    def named(text: str) -> str:
        kind, _, key = text.partition(":")
        if kind != "container":
            return text
        if key == _NO_ID_YET:
            return f"container:the new {str(resource.values[found.path[0]]).partition(':')[2]}"
        return f"container:{names.get(key, key[:12])}"

    return replace(found, old=named(found.old), new=named(found.new))


def _image_values(live: ObservedContainer, own: ObservedImage | None) -> Mapping[str, Any]:
    """The values of the image. If the image was removed by force or is not described, they are the container's values
    that were not declared when it was applied."""
    if own is not None and own.described:
        return own.values
    recorded = live.owner.recorded
    found: dict[str, Any] = {}
    for name, value in live.values.items():
        if isinstance(value, Mapping):
            found[name] = {key: part for key, part in value.items() if key not in (recorded.get(name) or {})}
        elif name not in recorded:
            found[name] = value
    return found


def _image_diff(
    resource: Workload, live: ObservedContainer, own: ObservedImage | None, need: Wanted
) -> tuple[FieldDiff, ...]:
    if "image" in resource.settings.ignore_changes or need.is_that_of(live, own):
        return ()
    what = need.digest if need.pull else need.local.id if need.local else ""
    texts = image_texts(live, need.reference, what or ("to be built" if need.built else "to be pulled"))
    return (FieldDiff(("image",), *texts, Change.REPLACE, resource.place(("image",))),)


def image_texts(live: ObservedContainer, reference: str, key: str) -> tuple[str, str]:
    """The images of a container and its successor, by id or digest if the names are equal."""
    old, new = image.familiar(live.image), image.familiar(reference)
    return (old, new) if old != new else (f"{old} ({live.image_id[:19]})", f"{new} ({key[:19]})")


class Verdict(Struct, frozen=True):
    """What the differences require. `refusal` is set if the change is refused."""

    replace: bool = False
    reason: str = ""
    refusal: Refusal | None = None


def foreign(
    ctx: Context, resource: Workload, live: ObservedContainer, diffs: tuple[FieldDiff, ...], *, differs: bool
) -> Refusal | None:
    """Why a container that this project did not create cannot be used for the resource."""
    if live.owner.managed:
        summary = f"the name is taken by project {live.owner.project}"
        hint = f"give yours another name, 'container_name: {ctx.desired.project}-{resource.name}', or the play a prefix"
    elif differs and not ctx.policy.adopt:
        summary = "a container of that name exists that this project did not create, and it differs"
        hint = "declare it as it is, remove it, or replace it with --adopt"
    else:
        return None
    return Refusal(resource.address, summary, hint, resource.origin, diffs)


def judge(ctx: Context, resource: Container, live: ObservedContainer, diffs: tuple[FieldDiff, ...]) -> Verdict:
    def refusal(summary: str, hint: str) -> Verdict:
        return Verdict(refusal=Refusal(resource.address, summary, hint, resource.origin, diffs))

    ours, settings = is_ours(ctx, resource, live), resource.settings
    always = settings.recreate is Recreate.ALWAYS
    if not ours and (found := foreign(ctx, resource, live, diffs, differs=bool(diffs or always))) is not None:
        return Verdict(refusal=found)
    replacing = always or any(found.effect is Change.REPLACE for found in diffs)
    if replacing and settings.recreate is Recreate.NEVER:
        return refusal("must be replaced, but sets recreate: never", "allow it, or revert the change")
    if replacing and settings.protect:
        return Verdict(refusal=protection(resource, "must be replaced", diffs))
    reason = "" if ours else "adopted"
    return Verdict(replacing, "recreate: always" if always else reason)
