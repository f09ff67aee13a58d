"""The common part of networks and volumes: ownership, and the difference from the declaration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from msgspec import Struct

from deployer.fields.field import View
from deployer.model.desired import Resource
from deployer.model.drift import Drift, Verdict
from deployer.model.kinds import KINDS
from deployer.model.observed import ObservedNetwork, ObservedVolume
from deployer.model.plan import FieldDiff, Refusal
from deployer.model.settings import ObjectSettings
from deployer.planning.context import Context, is_ours
from deployer.planning.diff import Comparison, diff
from deployer.planning.three_way import as_recorded, three_way

Live: TypeAlias = ObservedNetwork | ObservedVolume
Object: TypeAlias = Resource[ObjectSettings]


class ObjectDiff(Struct, frozen=True):
    """The difference between an object that this project may use and its declaration."""

    ours: bool
    diffs: tuple[FieldDiff, ...]


def differences(ctx: Context, resource: Object, live: Live) -> tuple[FieldDiff, ...]:
    view = View(resource.values, live.values, resource.name, live.owner.recorded)
    strict = is_ours(ctx, resource, live)
    return diff(Comparison(KINDS[resource.kind].table, resource, view, ctx.desired.secrets, strict=strict))


def compare(ctx: Context, resource: Object, live: Live) -> ObjectDiff | None:
    """None after refusing an object of another project."""
    ours = is_ours(ctx, resource, live)
    if live.owner.managed and not ours:
        summary = _whose(live)
        other = f"name: {ctx.desired.project}-{resource.name}"
        hint = f"give yours another name, '{other}', or the play a prefix; to share it, write 'external: true'"
        ctx.draft.refuse(Refusal(resource.address, summary, hint, resource.origin))
        return None
    diffs = differences(ctx, resource, live)
    if not ours and not diffs:
        ctx.draft.notes.append(f"{resource.address.label}: not created by this project; used as it is")
    return ObjectDiff(ours, diffs)


def _whose(live: Live) -> str:
    return f"belongs to project {live.owner.project}"


def check_external(ctx: Context, resource: Object, live: Live | None) -> None:
    if live is None:
        summary = f"external {resource.kind} {resource.name} does not exist"
        ctx.draft.refuse(Refusal(resource.address, summary, "create it, or remove 'external'", resource.origin))


def drift(ctx: Context, resource: Object, live: Live | None) -> Iterator[Drift]:
    """External objects are not compared."""
    if resource.settings.external:
        return
    if live is None:
        yield Drift(resource.address, Verdict.GONE)
        return
    wish = differences(ctx, resource, live)
    if is_ours(ctx, resource, live):
        applied = differences(ctx, as_recorded(ctx, resource, live.owner, live.values), live)
        yield from three_way(ctx, resource, live, wish, applied)
    elif live.owner.managed or wish:
        yield Drift(resource.address, Verdict.FOREIGN, wish, _whose(live) if live.owner.managed else "")
