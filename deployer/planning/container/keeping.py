"""Containers that are kept, stopped: replaced ones for a rollback, and the last successor that failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from deployer.fields.container import CONTAINER
from deployer.model import ownership
from deployer.model.container_names import FAILED, number_of, previous
from deployer.model.desired import Address, Container, Kind, Workload
from deployer.model.observed import ObservedContainer, Stub
from deployer.model.operations import (
    Operation,
    PauseContainer,
    RemoveContainer,
    RenameContainer,
    StartContainer,
    StopContainer,
    Target,
    UpdateContainer,
)
from deployer.model.plan import Action, Part, ResourceChange
from deployer.model.settings import ImageSettings, RunSettings
from deployer.planning.context import Context, Steps
from deployer.planning.undeclared import declared_or_placeholder, resource_of

_UNRESTARTED: Final[Mapping[str, Any]] = {"RestartPolicy": {"Name": "no"}}


def kept_of(ctx: Context, resource: Workload) -> list[Stub]:
    """Newest first, after the failed one."""
    project = ctx.desired.project
    found = (stub for stub in ctx.observed.kept if ownership.belongs_to(stub.owner, project, resource.address))
    return sorted(found, key=lambda stub: number_of(stub.name))


def restart_body(policy: str) -> dict[str, Any]:
    """The body of an update of the restart policy."""
    body: dict[str, Any] = {"HostConfig": {}}
    CONTAINER.row("restart").access.write(policy, body)
    return dict(body["HostConfig"])


def unrestarted(target: Target, values: Mapping[str, Any]) -> Iterator[UpdateContainer]:
    """Removes the restart policy of a container, if it has one."""
    if values.get("restart", "no") not in ("", "no"):
        yield UpdateContainer(target, dict(_UNRESTARTED))


def run_as_before(live: ObservedContainer) -> tuple[Operation, ...]:
    """Starts a stopped container again; one that was paused is paused again."""
    paused = (PauseContainer(live.id),) if live.state == "paused" else ()
    return (StartContainer(live.id), *paused)


def restarted_again(old: ObservedContainer) -> Iterator[UpdateContainer]:
    """Restores the restart policy that a managed container had before it was set aside."""
    if (policy := recorded_policy(old)) != str(old.values.get("restart") or "no"):
        yield UpdateContainer(old.id, restart_body(policy))


def recorded_policy(old: ObservedContainer) -> str:
    return str(old.owner.recorded.get("restart") or "no")


def keeps(ctx: Context, resource: Container, old: ObservedContainer) -> bool:
    """Whether a replaced container is kept: not if it uses a volume or an image that is to be removed."""
    ours = ctx.policy.adopt and not old.owner.managed
    ours = ours or ownership.belongs_to(old.owner, ctx.desired.project, resource.address)
    holds = any(str(ctx.address(Kind.VOLUME, name)) in ctx.policy.data_loss for name in old.volumes)
    holds = holds or any(
        image.absent and ctx.observed.tags.get(image.settings.image) == old.image_id
        for image in ctx.desired.of(ImageSettings)
    )
    return ours and resource.settings.keep_previous > 0 and not holds


class Why(Struct, frozen=True):
    """Address, cause and part of the steps that keep or remove a container."""

    address: Address
    cause: str
    part: Part = Part.ONLY


def retire(ctx: Context, resource: Container, old: ObservedContainer, why: Why, after: Steps) -> Steps:
    """Keep a replaced container and the declared number of earlier ones, or remove it; in the last phase."""
    is_kept = keeps(ctx, resource, old)
    after = discard_failed(ctx, resource, why, after)
    earlier = [stub for stub in kept_of(ctx, resource) if number_of(stub.name)]
    staying = earlier[: max(0, resource.settings.keep_previous - is_kept)]
    for stub in earlier[len(staying) :]:
        after = discard(ctx, stub, why, after)
    if not is_kept:
        return _at_last(ctx, RemoveContainer(old.id), why, after)
    for place, stub in reversed(list(enumerate(staying, start=2))):
        if stub.name != previous(resource.name, place):
            after = _at_last(ctx, RenameContainer(stub.id, previous(resource.name, place)), why, after)
    return _at_last(ctx, RenameContainer(old.id, previous(resource.name, 1)), why, after)


def discard_failed(ctx: Context, resource: Workload, why: Why, after: Steps) -> Steps:
    """Remove the last failed successor: another one works now."""
    for stub in kept_of(ctx, resource):
        if not number_of(stub.name):
            after = discard(ctx, stub, why, after)
    return after


def discard(ctx: Context, stub: Stub, why: Why, after: Steps = ()) -> Steps:
    """Remove a kept container in the last phase."""
    if stub.running:
        after = _at_last(ctx, StopContainer(stub.id), why, after)
    return _at_last(ctx, RemoveContainer(stub.id), why, after)


def _at_last(ctx: Context, operation: Operation, why: Why, after: Steps) -> Steps:
    part = Part.ONLY if isinstance(operation, UpdateContainer) else why.part
    return (ctx.draft.at_last(operation, why.address, why.cause, after=after, part=part),)


def discard_holders(ctx: Context, holds: Callable[[Stub], bool], cause: str) -> None:
    """Remove kept containers that use objects which are to be removed."""
    gone = ctx.draft.removed()
    for stub in ctx.observed.kept:
        if stub.id not in gone and holds(stub):
            remove_kept(ctx, stub, cause)


def remove_kept(ctx: Context, stub: Stub, cause: str, after: Steps = ()) -> Steps:
    """Remove a kept container together with what it is kept for."""
    kind, name = resource_of(stub.owner)
    address = ctx.address(kind, stub.name)
    origin = declared_or_placeholder(ctx, kind, name, RunSettings).origin
    ctx.draft.changes.append(ResourceChange(address, Action.REMOVE, reason=cause, origin=origin))
    return discard(ctx, stub, Why(address, cause), after)


def keep_failed(ctx: Context, resource: Workload, made: Target) -> tuple[Operation, ...]:
    """The operations that keep a failed successor instead of removing it; () if its name is taken."""
    name = resource.name + FAILED
    if any(stub.name == name for stub in ctx.observed.others) or ctx.observed.container(name) is not None:
        return ()
    if resource.values.get("auto_remove"):
        return ()
    before = [RemoveContainer(stub.id) for stub in kept_of(ctx, resource) if stub.name == name]
    return (*before, *unrestarted(made, resource.values), RenameContainer(made, name))
