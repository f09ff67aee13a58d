"""What an interrupted run left behind, and which container is the resource now.

While a container `web` is replaced, its successor is called `web.deployer-new` and it is itself set aside as
`web.deployer-old`. Whatever was interrupted, at most one container of each name exists, and all carry the labels of
the resource.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from deployer.model.desired import Resource
from deployer.model.observed import ObservedContainer
from deployer.model.plan import Action, RemoveContainer, RenameContainer, ResourceChange, StopContainer
from deployer.planning import record
from deployer.planning.context import Context
from deployer.records import dataclass

NEW: Final = ".deployer-new"
OLD: Final = ".deployer-old"
_CAUSE: Final = "left by an interrupted run"


def base_name(name: str) -> str:
    """The resource a container belongs to, whichever of the names it has."""
    return name.removesuffix(NEW).removesuffix(OLD)


@dataclass(frozen=True, slots=True)
class Found:
    """`current`: the container that is the resource. `predecessor`: the one it was replacing, still set aside.
    `after`: steps that clear the way."""

    current: ObservedContainer | None
    predecessor: ObservedContainer | None = None
    after: tuple[int, ...] = ()


def find(ctx: Context, resource: Resource, *, fits: Callable[[ObservedContainer], bool]) -> Found:
    """Plan the removal of leftovers. `fits`: whether a container of the resource's name has what is declared; it is
    only asked where there is a predecessor, since comparing is most of the work of a plan without changes.

    A successor that never took the name is removed. A predecessor set aside gets its name back when nothing has the
    name, or when what has it is no good: not running and not as declared. Otherwise the successor goes on from where
    it was, and the predecessor is kept until it is known to work.
    """
    current = ctx.observed.container(resource.name)
    after = _remove(ctx, resource, _of_ours(ctx, resource, NEW))
    old = _of_ours(ctx, resource, OLD)
    foreign = current is not None and not record.belongs_to(current.owner, ctx.desired.project, resource.address)
    if old is None or foreign:
        return Found(current, None, after + _moved(ctx, current))
    if current is not None and (current.running or fits(current)):
        return Found(current, old, after + _moved(ctx, current))
    after += _remove(ctx, resource, current)
    change = ResourceChange(resource.address, Action.UPDATE, reason=f"gets its name back, {_CAUSE}")
    ctx.draft.changes.append(change)
    after += _moved(ctx, old)
    back = ctx.draft.step(RenameContainer(old.id, resource.name), resource.address, _CAUSE, after=after)
    return Found(old, None, (back,))


def _moved(ctx: Context, found: ObservedContainer | None) -> tuple[int, ...]:
    return ctx.moved.get(found.id, ()) if found is not None else ()


def _of_ours(ctx: Context, resource: Resource, suffix: str) -> ObservedContainer | None:
    found = ctx.observed.container(resource.name + suffix)
    if found is not None and record.belongs_to(found.owner, ctx.desired.project, resource.address):
        return found
    return None


def _remove(ctx: Context, resource: Resource, found: ObservedContainer | None) -> tuple[int, ...]:
    if found is None:
        return ()
    address = ctx.address(resource.kind, found.name)
    ctx.draft.changes.append(ResourceChange(address, Action.REMOVE, reason=_CAUSE))
    after = _moved(ctx, found)
    if found.running:
        after = (ctx.draft.step(StopContainer(found.id), address, _CAUSE, after=after),)
    return (ctx.draft.step(RemoveContainer(found.id), address, _CAUSE, after=after),)


def remove_all(ctx: Context, resource: Resource) -> tuple[int, ...]:
    """Of a container that should not be there."""
    return tuple(step for suffix in (NEW, OLD) for step in _remove(ctx, resource, _of_ours(ctx, resource, suffix)))


def drop_predecessor(ctx: Context, resource: Resource, found: Found, after: tuple[int, ...]) -> tuple[int, ...]:
    """Remove the container set aside, once its successor works."""
    old = found.predecessor
    if old is None:
        return ()
    address = ctx.address(resource.kind, old.name)
    ctx.draft.changes.append(ResourceChange(address, Action.REMOVE, reason=_CAUSE))
    after += _moved(ctx, old)
    stop = (ctx.draft.step(StopContainer(old.id), address, _CAUSE, after=after),) if old.running else after
    return (ctx.draft.step(RemoveContainer(old.id), address, _CAUSE, after=stop),)
