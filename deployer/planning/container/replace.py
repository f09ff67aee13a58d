"""Replaces a container so that the old one can be restored at any step.

The successor is created under a temporary name first, where an invalid body does no harm. *stop-first*: stop the
old one, set it aside, give the new one its name, start it, wait until it is healthy. *start-first*: start the new one,
wait until it is healthy, then swap names and stop the old one. Until the new one is known to work, every step is
undone when one fails, last first: the old one gets its name back and runs again. Only then is the old one kept or
removed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from deployer.fields.options import RunState
from deployer.model.container_names import NEW, OLD
from deployer.model.dependencies import leaders
from deployer.model.desired import Container, Workload
from deployer.model.observed import ObservedContainer
from deployer.model.operations import (
    AwaitHealthy,
    ConnectNetwork,
    CreateContainer,
    Drain,
    LinkFiles,
    Made,
    Operation,
    RemoveContainer,
    RenameContainer,
    StartContainer,
    StopContainer,
    Target,
    UpdateContainer,
    WriteFiles,
    WriteRecord,
)
from deployer.model.plan import Action, FieldDiff, Group, Part, Refusal, Work
from deployer.planning.bodies import add_alias, container_body, split_endpoints
from deployer.planning.container.files import root_links, volumes_to_write
from deployer.planning.container.followers import replaced_with
from deployer.planning.container.health import awaited
from deployer.planning.container.judging import is_adopted
from deployer.planning.container.keeping import (
    Why,
    discard_failed,
    keep_failed,
    restart_body,
    retire,
    run_as_before,
    unrestarted,
)
from deployer.planning.container.order import Order, drain_time
from deployer.planning.container.recording import record_previous
from deployer.planning.context import Context, Retired, Started, Steps


class Gate(Struct, frozen=True):
    """Steps that must be done before the container is created, and before it is started."""

    create: Steps = ()
    start: Steps = ()


def plan_replace(ctx: Context, resource: Container, live: ObservedContainer, order: Order, gate: Gate) -> Steps:
    """Steps of one replacement. Returns those after which others can use the container.

    A container and those in its namespaces are replaced as one: all of them or none, for the old followers cannot start
    without the old leader. So it is removed only after the last of them works.
    """
    known = (
        ctx.containers.groups[name] for name in (resource.name, *leaders(resource)) if name in ctx.containers.groups
    )
    group = next(known, Group(Work.REPLACE, (resource.name,)))
    ctx.containers.groups[resource.name] = group
    track = Track(ctx, resource, "replaced", group, part_replaced)
    start_first = order.action is Action.REPLACE_START_FIRST
    # It is reached by its name before it has it, unless the old one is too after it lost it (measured on 20.10, 28.5).
    alias = resource.name if start_first and not live.keeps_name else ""
    begun = gate.create
    if is_adopted(ctx, live):
        recorded, forgotten = record_previous(ctx, resource, live)
        begun = track.add(recorded, begun, forgotten)
    made, created = track.create(resource.name + NEW, carried(ctx, resource, live), begun, alias=alias)
    ready = (*created, *gate.start)

    def start_new(after: Steps) -> Steps:
        if resource.settings.state is not RunState.STARTED:
            return after
        after = track.add(StartContainer(made), after, StopContainer(made))
        return track.add(awaited(ctx, resource, made), after)

    if resource.name in ctx.containers.aside:
        done = ctx.containers.aside[resource.name] + ready
    elif not start_first:
        done = set_aside_with_followers(track, resource, live, ready)
    if start_first:
        done = _hand_over(track, resource, live, made, start_new(ready))
    else:
        done = track.add(RenameContainer(made, resource.name), done, _give_name_back(resource, made))
        done = start_new(done)
    ctx.containers.retired.append(Retired(group, resource, live, f"replaced by #{made.step}", done))
    return done


def _hand_over(track: Track, resource: Container, live: ObservedContainer, made: Target, after: Steps) -> Steps:
    """The name leads to the new one before the old one stops: a rename changes the DNS of its networks at once, and
    what has been asked by then is answered while it drains."""
    for operation in unrestarted(live.id, live.values):
        after = track.add(operation, after, UpdateContainer(live.id, restart_body(live.values["restart"])))
    after = track.add(RenameContainer(live.id, resource.name + OLD), after, RenameContainer(live.id, resource.name))
    after = track.add(RenameContainer(made, resource.name), after, _give_name_back(resource, made))
    if seconds := drain_time(track.ctx, resource, live):
        after = track.add(Drain(live.id, seconds), after)
    after = _set_followers_aside(track, resource, after)
    return _stop(track, resource, live, after, resource.values)


def _give_name_back(resource: Workload, made: Target) -> RenameContainer | RemoveContainer:
    """An engine that renames a container while it removes it keeps the name taken, by nothing, until it is restarted
    (measured on 26.1)."""
    if resource.values.get("auto_remove"):
        return RemoveContainer(made)
    return RenameContainer(made, resource.name + NEW)


def vanishes(live: ObservedContainer) -> bool:
    """The engine removes one with auto_remove when it stops, and its anonymous volumes if nothing else mounts them."""
    return live.running and bool(live.values.get("auto_remove"))


def refuse_to_stop(resource: Workload, what: str, diffs: tuple[FieldDiff, ...] = ()) -> Refusal:
    """The refusal for a container that removes itself when it stops. `what`: the planned change, "must be replaced"."""
    summary = f"{what}, but the engine removes it as soon as it stops (auto_remove), so it could not be rolled back"
    hint = f"remove it first, with state: absent or docker stop {resource.name}, then apply the change"
    return Refusal(resource.address, summary, hint, resource.origin, diffs)


def set_aside_with_followers(track: Track, resource: Container, live: ObservedContainer, after: Steps) -> Steps:
    """Followers stop first: a restored container has new namespaces, and its followers start after it."""
    after = _set_followers_aside(track, resource, after)
    return set_aside(track, resource, live, after, resource.values)


def _set_followers_aside(track: Track, resource: Container, after: Steps) -> Steps:
    ctx = track.ctx
    for follower, running in replaced_with(ctx, resource.name):
        name = follower.name
        away = name in ctx.containers.aside or name in ctx.volumes.dropped
        if not away and not vanishes(running) and ctx.observed.container(name + OLD) is None:
            own = Track(ctx, follower, f"shares a namespace of {resource.name}", track.group, part_replaced)
            after = set_aside(own, follower, running, after, follower.values)
            ctx.containers.aside[name] = after
            if track.group is not None:
                ctx.containers.groups[name] = track.group
    return after


def set_aside(
    track: Track, resource: Container, live: ObservedContainer, after: Steps, successor: Mapping[str, Any]
) -> Steps:
    """Stop a container and remove its restart policy and its name: an engine that is restarted starts every container
    with a policy, and would run it beside its successor."""
    name = resource.name
    after = _stop(track, resource, live, after, successor)
    for operation in unrestarted(live.id, live.values):
        after = track.add(operation, after, UpdateContainer(live.id, restart_body(live.values["restart"])))
    return track.add(RenameContainer(live.id, name + OLD), after, RenameContainer(live.id, name))


def _stop(
    track: Track, resource: Container, live: ObservedContainer, after: Steps, successor: Mapping[str, Any]
) -> Steps:
    if live.running:
        grace = resource.settings.update.stop_grace_period
        after = track.add(StopContainer(live.id, grace), after, *run_as_before(live))
        track.ctx.free(live, *after, successor=successor)
    return after


def finish_retired(ctx: Context) -> None:
    """Keep or remove the replaced containers; those of a group when the last of its successors works."""
    for retired in ctx.containers.retired:
        after = [step for other in ctx.containers.retired if other.group == retired.group for step in other.after]
        address = retired.resource.address
        part = Part.OLD if retired.group in ctx.containers.groups.values() else Part.ONLY
        retire(ctx, retired.resource, retired.old, Why(address, retired.cause, part), tuple(after))


def plan_create(ctx: Context, resource: Container, gate: Gate, volumes: Mapping[str, str] | None = None) -> Steps:
    """Plan the creation of a missing container, with the anonymous `volumes` of a removed one. Returns the steps after
    which others can use it."""
    group = ctx.containers.groups.get(resource.name)
    track = Track(ctx, resource, "missing", group, part_replaced if group else part_alone)
    # What it was had to go before its volume was recreated: rolled back, there would be nothing.
    made, done = track.create(resource.name, volumes or {}, gate.create, stays=resource.name in ctx.volumes.dropped)
    if resource.settings.state is RunState.STARTED:
        done = track.add(StartContainer(made), (*done, *gate.start), StopContainer(made))
        ctx.containers.started.append(Started(resource, made, done))
    discard_failed(ctx, resource, Why(resource.address, f"followed by #{made.step}"), done)
    return done


def part_alone(_operation: Operation) -> Part:
    return Part.ONLY


def part_replaced(operation: Operation) -> Part:
    """In a replacement, two containers have the same address."""
    match operation:
        case CreateContainer() | WriteFiles():
            return Part.NEW
        case (
            StartContainer(container)
            | StopContainer(container)
            | RenameContainer(container)
            | RemoveContainer(container)
            | UpdateContainer(container)
            | AwaitHealthy(container)
            | Drain(container)
            | ConnectNetwork(_, container)
            | LinkFiles(container)
            | WriteRecord(container)
        ):
            return Part.NEW if isinstance(container, Made) else Part.OLD
        case _:
            return Part.ONLY


class Track(Struct, frozen=True):
    """Adds steps of one resource with one cause. `part`: which of its containers an operation is about."""

    ctx: Context
    resource: Workload
    cause: str
    group: Group | None = None
    part: Callable[[Operation], Part] = part_alone

    def add(
        self,
        operation: Operation,
        after: Steps,
        *undo: Operation,
        keep: tuple[Operation, ...] = (),
        lasting: bool = False,
    ) -> Steps:
        step = self.ctx.draft.step(
            operation,
            self.resource.address,
            self.cause,
            after=after,
            group=self.group,
            undo=undo,
            keep=keep,
            lasting=lasting,
            part=self.part(operation),
        )
        return (step,)

    def create(
        self, name: str, volumes: Mapping[str, str], after: Steps, *, alias: str = "", stays: bool = False
    ) -> tuple[Made, Steps]:
        """Create the container and its connections; later steps refer to it as the resource. `alias`: the name by which
        others reach it before it has its own. `stays`: the creation is not undone."""
        body = container_body(self.ctx, self.resource, volumes)
        if alias:
            add_alias(body, alias)
        later = split_endpoints(self.ctx, body)
        for volume in volumes_to_write(self.ctx, self.resource, body):
            after = self.add(volume, after)
        made = Made(self.ctx.draft.next_number)
        operation = CreateContainer(name, body, self.resource.settings.platform)
        undo = () if stays else (RemoveContainer(made),)
        done = self.add(operation, after, *undo, keep=keep_failed(self.ctx, self.resource, made) if undo else ())
        for network, endpoint in later.items():
            done = self.add(ConnectNetwork(network, made, endpoint), done)
        if links := root_links(self.resource, made):
            done = self.add(links, done)
        self.ctx.containers.targets[self.resource.name] = made
        self.ctx.containers.renewed.add(self.resource.name)
        return made, done


def carried(ctx: Context, resource: Workload, live: ObservedContainer) -> dict[str, str]:
    """Anonymous volumes that move to the successor: those whose path has no other declaration, except volumes that were
    removed from the playbook and are not in the image."""
    declared = resource.values.get("volumes") or {}
    covered = {target for target, mount in declared.items() if mount.get("source")}
    covered |= set(resource.values.get("tmpfs") or ())
    own = ctx.observed.images.get(live.image_id)
    kept = {*declared, *((own.values.get("volumes") or ()) if own else ())}
    dropped = {target for target in live.owner.recorded.get("volumes") or () if target not in kept}
    mounts = live.values.get("volumes") or {}
    return {
        target: name for target, name in live.anonymous.items() if target in mounts and target not in covered | dropped
    }
