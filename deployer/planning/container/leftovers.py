"""Leftovers of an interrupted run, and the container that is current now. At most one container exists under each name
that a resource uses during a replacement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from deployer.model import ownership
from deployer.model.container_names import NEW, OLD, previous
from deployer.model.desired import Container, Workload
from deployer.model.observed import ObservedContainer
from deployer.model.operations import (
    Operation,
    RemoveContainer,
    RenameContainer,
    StartContainer,
    StopContainer,
    UpdateContainer,
)
from deployer.model.plan import Action, Group, Part, ResourceChange
from deployer.planning.container import keeping
from deployer.planning.context import Context

CAUSE: Final = "left by an interrupted run"


class Found(Struct, frozen=True):
    """`current`: the container of the resource. `predecessor`: the container that it was replacing, still set aside.
    `after`: steps that must come first."""

    current: ObservedContainer | None
    predecessor: ObservedContainer | None = None
    after: tuple[int, ...] = ()


def find(ctx: Context, resource: Workload, *, fits: Callable[[ObservedContainer], bool]) -> Found:
    """Plan the removal of leftovers. `fits`: whether a container of the resource's name has what is declared; it is
    only asked where there is a predecessor, since comparing is most of the work of a plan without changes.

    A successor that never took the name is removed. A predecessor set aside gets its name back when nothing has the
    name, or when what has it is no good: not running and not as declared. Otherwise the successor goes on from where
    it was, and the predecessor is kept until it is known to work.
    """
    current = ctx.observed.container(resource.name)
    after = _remove(ctx, resource, _of_ours(ctx, resource, NEW))
    old = _of_ours(ctx, resource, OLD)
    foreign = current is not None and not ownership.belongs_to(current.owner, ctx.desired.project, resource.address)
    if old is None or foreign:
        return Found(current, None, after + _moved(ctx, current))
    if current is not None and (current.running or fits(current)):
        return Found(current, old, after + _moved(ctx, current))
    after += _remove(ctx, resource, current)
    change = ResourceChange(resource.address, Action.UPDATE, reason=f"gets its name back, {CAUSE}")
    ctx.draft.changes.append(change)
    after += _moved(ctx, old)
    for operation in (RenameContainer(old.id, resource.name), *keeping.restarted_again(old)):
        after = (ctx.draft.step(operation, resource.address, CAUSE, after=after),)
    return Found(replace(old, values={**old.values, "restart": keeping.recorded_policy(old)}), None, after)


def _moved(ctx: Context, found: ObservedContainer | None) -> tuple[int, ...]:
    return ctx.networks.moved.get(found.id, ()) if found is not None else ()


def _of_ours(ctx: Context, resource: Workload, suffix: str) -> ObservedContainer | None:
    found = ctx.observed.container(resource.name + suffix)
    if found is not None and ownership.belongs_to(found.owner, ctx.desired.project, resource.address):
        return found
    return None


def _remove(
    ctx: Context, resource: Workload, found: ObservedContainer | None, after: tuple[int, ...] = ()
) -> tuple[int, ...]:
    """Returns `after` if there is nothing to remove."""
    if found is None:
        return after
    address = ctx.address(resource.kind, found.name)
    ctx.draft.changes.append(ResourceChange(address, Action.REMOVE, reason=CAUSE))
    after += _moved(ctx, found)
    if found.running:
        after = (ctx.draft.step(StopContainer(found.id), address, CAUSE, after=after),)
    return (ctx.draft.step(RemoveContainer(found.id), address, CAUSE, after=after),)


def remove_all(ctx: Context, resource: Workload) -> tuple[int, ...]:
    """Leftovers of a container that is declared absent."""
    return tuple(step for suffix in (NEW, OLD) for step in _remove(ctx, resource, _of_ours(ctx, resource, suffix)))


def drop_predecessor(ctx: Context, resource: Workload, found: Found) -> tuple[int, ...]:
    """Remove the container set aside before its successor is replaced too. Returns the steps that must come first."""
    return _remove(ctx, resource, found.predecessor, found.after)


def stop_predecessor(
    ctx: Context, resource: Container, found: Found, group: Group | None, after: tuple[int, ...]
) -> tuple[Found, tuple[int, ...]]:
    """Stop the container set aside, which an engine may have started again, before its successor starts; it must not
    run beside it."""
    old = found.predecessor
    assert old is not None
    address = ctx.address(resource.kind, old.name)
    steps: list[tuple[Operation, Operation]] = []
    if old.running:
        steps.append((StopContainer(old.id), StartContainer(old.id)))
    policy = keeping.restart_body(str(old.values.get("restart") or "no"))
    steps += [(taken, UpdateContainer(old.id, policy)) for taken in keeping.unrestarted(old.id, old.values)]
    for operation, undo in steps:
        step = ctx.draft.step(operation, address, CAUSE, after=after, group=group, undo=(undo,), part=Part.OLD)
        after = (step,)
    stopped = replace(old, state="exited", values={**old.values, "restart": "no"})
    return replace(found, predecessor=stopped), after


def retire_predecessor(ctx: Context, resource: Container, found: Found, after: tuple[int, ...]) -> None:
    """Keep or remove the container set aside in the last phase: its successor works."""
    old = found.predecessor
    if old is None:
        return
    kept = keeping.keeps(ctx, resource, old)
    action, reason = (Action.UPDATE, f"kept as {previous(resource.name, 1)}, ") if kept else (Action.REMOVE, "")
    address = ctx.address(resource.kind, old.name)
    ctx.draft.changes.append(ResourceChange(address, action, reason=reason + CAUSE))
    after += _moved(ctx, old)
    operations = (StopContainer(old.id),) if old.running else ()
    for operation in (*operations, *(keeping.unrestarted(old.id, old.values) if kept else ())):
        after = (ctx.draft.at_last(operation, address, CAUSE, after=after),)
    keeping.retire(ctx, resource, old, keeping.Why(address, CAUSE), after)
