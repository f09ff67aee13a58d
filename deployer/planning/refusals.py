"""Refusals common to all kinds."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from deployer.model.desired import AnyResource
from deployer.model.plan import FieldDiff, HostPlan, Refusal
from deployer.planning.context import Context

_REMOVED: Final = "remove 'protect' to remove it"
_CHANGED: Final = "remove 'protect', or revert the change"


def without_refused(plan: HostPlan) -> HostPlan:
    """The plan without changes of what is refused: the refusal has their differences."""
    diffs = {change.address: change.diffs for change in plan.changes}
    refused = {found.address for found in plan.refusals}
    return replace(
        plan,
        changes=tuple(change for change in plan.changes if change.address not in refused),
        refusals=tuple(replace(each, diffs=each.diffs or diffs.pop(each.address, ())) for each in plan.refusals),
    )


def refuse_protected(ctx: Context, resource: AnyResource, what: str = "", diffs: tuple[FieldDiff, ...] = ()) -> bool:
    """Whether it is protected; that is refused then. `what` would be done to it, other than removing it."""
    if found := protection(resource, what, diffs):
        ctx.draft.refuse(found)
    return found is not None


def protection(resource: AnyResource, what: str = "", diffs: tuple[FieldDiff, ...] = ()) -> Refusal | None:
    """The same, without a refusal."""
    if not resource.settings.protect:
        return None
    summary, hint = (f"{what}, but is protected", _CHANGED) if what else ("is protected", _REMOVED)
    return Refusal(resource.address, summary, hint, resource.origin, diffs)
