"""Plans the changes that bring a container to its declared state."""

from __future__ import annotations

from deployer.fields.container import CONTAINER
from deployer.fields.container.health import CRASHING, DECLARE_CHECK, WITHOUT_COMMAND
from deployer.fields.field import Change
from deployer.fields.options import RunState
from deployer.model import dependencies
from deployer.model.desired import Container, Kind, Workload
from deployer.model.exclusive import held, in_use
from deployer.model.observed import ObservedContainer
from deployer.model.operations import (
    PauseContainer,
    RemoveContainer,
    RenameContainer,
    StartContainer,
    StopContainer,
    UnpauseContainer,
    UpdateContainer,
)
from deployer.model.plan import Action, FieldDiff, Group, Part, Refusal, ResourceChange, Work
from deployer.planning.bodies import update_body
from deployer.planning.container import endpoints, leftovers
from deployer.planning.container.files import as_in_place, why_replaced
from deployer.planning.container.gates import gate_of
from deployer.planning.container.health import awaited
from deployer.planning.container.judging import Verdict, compare, is_adopted, judge
from deployer.planning.container.keeping import discard_holders, kept_of, remove_kept, restarted_again, run_as_before
from deployer.planning.container.order import Order, choose_order, note_names_kept, obstacles
from deployer.planning.container.recording import unrecorded, write_record
from deployer.planning.container.reload import empty_old, rewrite, why
from deployer.planning.container.replace import (
    carried,
    plan_create,
    plan_replace,
    refuse_to_stop,
    vanishes,
)
from deployer.planning.context import Context, Started, Steps, completes, is_ours, version
from deployer.planning.image import plan as images
from deployer.planning.image.plan import Wanted
from deployer.planning.refusals import refuse_protected


def plan_container(ctx: Context, resource: Container, need: Wanted) -> None:
    """Plan one selected container that is declared present. Its dependencies have been planned before."""
    if resource.name in ctx.volumes.dropped:
        _recreate_for_volume(ctx, resource, need)
        return
    found = leftovers.find(ctx, resource, fits=lambda live: not compare(ctx, resource, live, need))
    if found.current is None:
        images.ensure(ctx, need, resource, resource.place(("image",)))
        ctx.draft.changes.append(ResourceChange(resource.address, Action.CREATE, origin=resource.origin))
        gate = gate_of(ctx, resource, need, found.after)
        ready = plan_create(ctx, resource, gate)
        ctx.draft.ready(Kind.CONTAINER, resource.name, *ready)
        return
    ctx.containers.targets[resource.name] = found.current.id
    ready = _plan_existing(ctx, resource, found, need)
    ctx.draft.ready(Kind.CONTAINER, resource.name, *ready)


def _recreate_for_volume(ctx: Context, resource: Container, need: Wanted) -> None:
    """Plan a container that is removed because its volume is recreated. Its anonymous volumes move to the new one."""
    images.ensure(ctx, need, resource, resource.place(("image",)))
    reason = "a volume it mounts is recreated"
    change = ResourceChange(resource.address, Action.REPLACE_STOP_FIRST, (), reason, resource.origin)
    ctx.draft.changes.append(change)
    live, gate = ctx.observed.container(resource.name), gate_of(ctx, resource, need, ctx.volumes.dropped[resource.name])
    volumes = carried(ctx, resource, live) if live is not None else {}
    ctx.draft.ready(Kind.CONTAINER, resource.name, *plan_create(ctx, resource, gate, volumes))


def settle_unselected(ctx: Context, resource: Workload) -> None:
    live = ctx.observed.container(resource.name)
    if live is not None:
        ctx.containers.targets[resource.name] = live.id


def is_too_new(ctx: Context, resource: Workload) -> bool:
    """Refuse values that older engines would ignore silently."""
    have, refused = ctx.observed.engine.api, False
    here = f"the engine here is {ctx.observed.engine.version} (API {have})"
    for row in CONTAINER.fields:
        if row.name not in resource.values:
            continue
        for what, since in row.needs(resource.values[row.name]):
            if version(have) < version(since):
                summary = f"{what} needs Docker API {since}; {here}"
                origin = resource.place((row.name,))
                ctx.draft.refuse(Refusal(resource.address, summary, "upgrade the engine, or remove the key", origin))
                refused = True
    return refused


def crashes_the_engine(ctx: Context, resource: Workload, need: Wanted) -> bool:
    """Refuse a healthcheck without a command that comes from the image. One of an image that is pulled first is found
    when the container is created."""
    inherited = need.known.values.get("healthcheck") if need.known else None
    check = {**(inherited or {}), **(resource.values.get("healthcheck") or {})}
    if check.get("test") not in CRASHING:
        return False
    ctx.draft.refuse(Refusal(resource.address, WITHOUT_COMMAND, DECLARE_CHECK, resource.place(("image",))))
    return True


def _plan_existing(ctx: Context, resource: Container, found: leftovers.Found, need: Wanted) -> Steps:
    """Returns the steps after which others can use the container."""
    live = found.current
    assert live is not None
    diffs = compare(ctx, resource, live, need)
    verdict = judge(ctx, resource, live, diffs)
    if verdict.replace and (is_adopted(ctx, live) or not live.owner.labelled):
        diffs = compare(ctx, resource, live, need, leaving=True)
    refusal = verdict.refusal
    if refusal is None and vanishes(live) and (what := _why_stop(ctx, resource, live, verdict)):
        refusal = refuse_to_stop(resource, what, diffs)
    if refusal is not None:
        ctx.draft.refuse(refusal)
        return ()
    if verdict.replace or "image" not in resource.settings.ignore_changes:
        images.ensure(ctx, need, resource, resource.place(("image",)))
    if verdict.replace:
        return _replace(ctx, resource, found, need, diffs, verdict)
    return _run_or_stop(ctx, resource, found, need, _keep(ctx, resource, live, diffs, found.after))


def _keep(
    ctx: Context, resource: Container, live: ObservedContainer, diffs: tuple[FieldDiff, ...], after: Steps
) -> Steps:
    """Change the differing fields in place and record the declaration. Returns the steps after which nothing
    differs."""
    ours, adopted = is_ours(ctx, resource, live), is_adopted(ctx, live)
    if not ours and not adopted:
        ctx.draft.notes.append(
            f"{resource.address.label}: not created by this project; matches the declaration, so it is not changed; "
            "--adopt adds it to this project"
        )
        return after
    missing = () if diffs or adopted else unrecorded(ctx, resource, live)
    if not diffs and not adopted and not missing:
        return after
    reloads = why(ctx, resource, live, diffs)
    others = any(found.effect is not Change.REWRITE for found in diffs)
    changed = ", ".join(filter(None, ("in place" if others else "", reloads)))
    reason = f"{', '.join(missing)} recorded" if missing else changed if diffs else "kept as it is"
    reason = f"adopted, {reason}" if adopted else reason
    ctx.draft.changes.append(ResourceChange(resource.address, Action.UPDATE, diffs, reason, resource.origin))
    ready = _update(ctx, resource, live, diffs, after) if diffs else after
    cause = "adopted" if adopted else "changed" if diffs else "recorded"
    recorded = write_record(ctx, as_in_place(resource, live, diffs), live, cause, ready)
    empty_old(ctx, resource, live, diffs, recorded)
    return ready


def _why_stop(ctx: Context, resource: Container, live: ObservedContainer, verdict: Verdict) -> str:
    """Why a running container would stop; "" if it keeps running."""
    if verdict.replace:
        return "must be replaced"
    if resource.settings.state is RunState.STOPPED:
        return "is to be stopped"
    reason = _reason_to_restart(ctx, resource, live)
    return f"must be restarted ({reason})" if reason else ""


def _replace(
    ctx: Context,
    resource: Container,
    found: leftovers.Found,
    need: Wanted,
    diffs: tuple[FieldDiff, ...],
    verdict: Verdict,
) -> Steps:
    live = found.current
    assert live is not None
    order: Order = choose_order(ctx, resource, live)
    reason = ", ".join(filter(None, (verdict.reason, why_replaced(resource, live, diffs), order.reason)))
    if order.action is Action.REPLACE_START_FIRST:
        note_names_kept(ctx, resource, live)
    ctx.draft.changes.append(ResourceChange(resource.address, order.action, diffs, reason, resource.origin))
    cleared = leftovers.drop_predecessor(ctx, resource, found)
    return plan_replace(ctx, resource, live, order, gate_of(ctx, resource, need, cleared))


def _update(
    ctx: Context, resource: Container, live: ObservedContainer, diffs: tuple[FieldDiff, ...], after: Steps
) -> Steps:
    updated = [found for found in diffs if found.effect is Change.UPDATE]
    if updated:
        operation = UpdateContainer(live.id, update_body(updated, resource.values, live))
        back = [found for found in updated if _has_way_back(found, resource, live)]
        undo = (UpdateContainer(live.id, update_body(back, live.values, live)),) if back else ()
        after = (ctx.draft.step(operation, resource.address, "changed", after=after, undo=undo),)
    networks = [found for found in diffs if found.effect is Change.RECONNECT]
    after = endpoints.reconnect(ctx, resource, live, networks, after)
    return rewrite(ctx, resource, live, diffs, after)


def _has_way_back(found: FieldDiff, resource: Workload, live: ObservedContainer) -> bool:
    """An engine sets a limit in place, but does not take it away."""
    name = found.path[0]
    row = CONTAINER.row(name)
    return row.change(found.path, resource.values.get(name, row.zero), live.values.get(name)) is Change.UPDATE


def _run_or_stop(ctx: Context, resource: Container, found: leftovers.Found, need: Wanted, after: Steps) -> Steps:
    live = found.current
    assert live is not None
    address, wanted = resource.address, resource.settings.state
    completed = has_completed(ctx, resource, live)
    if found.predecessor is not None and wanted is RunState.STARTED and not completed:
        return _resume(ctx, resource, found, found.predecessor, _before_start(ctx, resource, need, after))
    leftovers.retire_predecessor(ctx, resource, found, after)
    if wanted is RunState.STARTED and not live.running and not completed:
        states = {"exited": f"is exited with code {live.exit_code}", "created": "was never started"}
        reason = states.get(live.state, f"is {live.state}")
        ctx.draft.changes.append(ResourceChange(address, Action.START, reason=reason, origin=resource.origin))
        ctx.containers.restarted.add(resource.name)
        before = _before_start(ctx, resource, need, after)
        undo = (StopContainer(live.id),)
        started = ctx.draft.step(StartContainer(live.id), address, reason, after=before, undo=undo)
        ctx.containers.started.append(Started(resource, live.id, (started,)))
        return (started,)
    if wanted is RunState.STOPPED and live.running:
        ctx.draft.changes.append(ResourceChange(address, Action.STOP, reason="is running", origin=resource.origin))
        back = run_as_before(live)
        halted = ctx.draft.step(StopContainer(live.id), address, "is running", after=after, undo=back)
        ctx.free(live, halted)
        return (halted,)
    reason = _reason_to_restart(ctx, resource, live)
    if wanted is RunState.STARTED and live.running and reason:
        return _restart(ctx, resource, live, reason, _before_start(ctx, resource, need, after))
    if wanted is RunState.STARTED and live.state == "paused":
        return _unpause(ctx, resource, live, _before_start(ctx, resource, need, after))
    return after


def _reason_to_restart(ctx: Context, resource: Container, live: ObservedContainer) -> str:
    """A namespace ends with the process that created it."""
    if resource.name in ctx.observed.restarted:
        return ""
    for leader, field in dependencies.shared_namespaces(resource.values).items():
        if leader in ctx.containers.restarted:
            return f"shares the {dependencies.NAMESPACES[field]} of {leader}, which is started"
    for needed in resource.settings.depends_on:
        if needed.restart and needed.name in ctx.containers.renewed | ctx.containers.restarted:
            return f"{needed.name} is {'replaced' if needed.name in ctx.containers.renewed else 'started'}"
    return ""


def _before_start(ctx: Context, resource: Container, need: Wanted, after: Steps) -> Steps:
    gate = gate_of(ctx, resource, need, after)
    return (*gate.create, *gate.start)


def _restart(ctx: Context, resource: Container, live: ObservedContainer, reason: str, after: Steps) -> Steps:
    ctx.draft.changes.append(ResourceChange(resource.address, Action.START, reason=reason, origin=resource.origin))
    ctx.containers.restarted.add(resource.name)
    undo = run_as_before(live)
    stopped = ctx.draft.step(StopContainer(live.id), resource.address, reason, after=after, undo=undo)
    started = ctx.draft.step(StartContainer(live.id), resource.address, reason, after=(stopped,))
    ctx.containers.started.append(Started(resource, live.id, (started,)))
    return (started,)


def _unpause(ctx: Context, resource: Container, live: ObservedContainer, after: Steps) -> Steps:
    """Its processes continue, and followers keep its namespaces."""
    change = ResourceChange(resource.address, Action.START, reason="is paused, and is unpaused", origin=resource.origin)
    ctx.draft.changes.append(change)
    operation, undo = UnpauseContainer(live.id), (PauseContainer(live.id),)
    going_on = ctx.draft.step(operation, resource.address, "is paused", after=after, undo=undo)
    ctx.containers.started.append(Started(resource, live.id, (going_on,)))
    return (going_on,)


def _resume(ctx: Context, resource: Container, found: leftovers.Found, old: ObservedContainer, after: Steps) -> Steps:
    """Finish a replacement that was interrupted after the names were swapped. The predecessor is removed or kept only
    after its successor works; otherwise it gets its name back."""
    live, address, group = found.current, resource.address, Group(Work.REPLACE, (resource.name,))
    assert live is not None
    back = tuple(restarted_again(old))
    if any(obstacles(resource, old)):
        found, after = leftovers.stop_predecessor(ctx, resource, found, group, after)
    if live.health != "healthy":
        cause = "continues after an interrupted run"
        ctx.draft.changes.append(ResourceChange(address, Action.START, reason=cause, origin=resource.origin))
        undo = (
            StopContainer(live.id),
            RemoveContainer(live.id),
            RenameContainer(old.id, resource.name),
            *back,
            StartContainer(old.id),
        )
        operation = StartContainer(live.id)
        after = (ctx.draft.step(operation, address, cause, after=after, group=group, undo=undo, part=Part.NEW),)
        wait = awaited(ctx, resource, live.id)
        after = (ctx.draft.step(wait, address, cause, after=after, group=group, part=Part.NEW),)
    leftovers.retire_predecessor(ctx, resource, found, after)
    return after


def has_completed(ctx: Context, resource: Workload, live: ObservedContainer) -> bool:
    """Whether others wait for its completion and it has completed: it is not started again."""
    return completes(ctx, resource.name) and live.state == "exited" and live.exit_code == 0


def plan_absent(ctx: Context, resource: Workload) -> None:
    live = ctx.observed.container(resource.name)
    leftovers.remove_all(ctx, resource)
    if live is None:
        discard_holders(ctx, lambda stub: is_ours(ctx, resource, stub), "absent")
        return
    if not is_ours(ctx, resource, live) and not (ctx.policy.adopt and not live.owner.managed):
        owner = f"project {live.owner.project}" if live.owner.managed else "no project"
        hint = "" if live.owner.managed else "remove it by hand, or add --adopt"
        ctx.draft.refuse(Refusal(resource.address, f"belongs to {owner}", hint, resource.origin))
    elif not refuse_protected(ctx, resource):
        remove(ctx, resource, live, "absent")


def remove(ctx: Context, resource: Workload, live: ObservedContainer, reason: str) -> None:
    """Stop and remove it after its dependants; its volumes are kept."""
    address = resource.address
    if vanishes(live) and (obstacle := _keeps_from_vanishing(ctx, live)):
        ctx.draft.refuse(Refusal(address, *obstacle, resource.origin))
        return
    ctx.draft.changes.append(ResourceChange(address, Action.REMOVE, reason=reason, origin=resource.origin))
    dependants = [found.name for found in ctx.desired.containers if live.name in dependencies.containers(found)]
    after = tuple(step for name in dependants for step in ctx.draft.when_ready(Kind.CONTAINER, name))
    after += ctx.networks.moved.get(live.id, ())
    if vanishes(live):
        after = (ctx.draft.at_last(StopContainer(live.id), address, reason, after=after),)
    elif live.running:
        undo = run_as_before(live)
        after = (ctx.draft.step(StopContainer(live.id), address, reason, after=after, undo=undo),)
        ctx.free(live, *after)
    ctx.containers.targets[live.name] = live.id
    ctx.draft.ready(Kind.CONTAINER, live.name, *(() if vanishes(live) else after))
    for stub in kept_of(ctx, resource):
        after = remove_kept(ctx, stub, reason, after)
    ctx.draft.at_last(RemoveContainer(live.id), address, reason, after=after)


def _keeps_from_vanishing(ctx: Context, live: ObservedContainer) -> tuple[str, str] | None:
    """Why a container that removes itself when it stops cannot be removed, and a hint."""
    if live.anonymous:
        summary = f"removing it would lose its anonymous volumes: {', '.join(sorted(live.anonymous))} (auto_remove)"
        return summary, f"copy the data, then docker stop {live.name} on the host"
    holds = in_use(live)
    for other in ctx.desired.containers:
        if other.name != live.name and other.selected and not other.absent:
            for what in held(other.values):
                if what in holds:
                    summary = (
                        f"holds {what} for {other.name} until the end of the run, and its stop cannot be rolled back"
                    )
                    return f"{summary} (auto_remove)", f"stop it first: docker stop {live.name} on the host"
    return None
