"""Refusals common to all kinds."""

from __future__ import annotations

from typing import Final

from deployer.model.desired import AnyResource
from deployer.model.plan import FieldDiff, Refusal
from deployer.planning.context import Context

_REMOVED: Final = "remove 'protect' to remove it"
_CHANGED: Final = "remove 'protect', or revert the change"


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
