"""The planner: computes one host's plan from desired state, observed state and policy. It reads nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from deployer.model.desired import Desired, Kind, OnFailure, has_settings, slot
from deployer.model.kinds import KINDS as DECLARABLE
from deployer.model.observed import Observed
from deployer.model.ownership import SPEC, belongs_to
from deployer.model.plan import Action, HostPlan, ResourceChange
from deployer.model.settings import ObjectSettings
from deployer.planning.container import followers
from deployer.planning.container.before import before_changes
from deployer.planning.container.exchange import plan_exchange
from deployer.planning.container.health import await_failing, await_started
from deployer.planning.container.holders import check_held
from deployer.planning.container.replace import finish_retired
from deployer.planning.context import Context
from deployer.planning.diff import declared_fields
from deployer.planning.file.reactions import react_to_files
from deployer.planning.file.validating import remove_left
from deployer.planning.image.prune import references
from deployer.planning.kinds import KINDS, PRUNED_AFTER_WORKLOADS, USED_BY_WORKLOADS, WORKLOADS, labelled
from deployer.planning.network.owed import endpoints, give_back
from deployer.planning.policy import Policy
from deployer.planning.references import check_references
from deployer.planning.refusals import without_refused


def note_copies(ctx: Context) -> None:
    """Objects with labels of this project that are none of its resources: they are never removed."""
    for label, name, created in _copies(ctx):
        if not created:
            ctx.draft.note(f"{name} has the labels of {label}, but not its name: it is not removed")


def note_renamed(ctx: Context) -> None:
    """The same where a resource is created: it may be its container under another name, which keeps running."""
    for label, name, created in _copies(ctx):
        if created:
            advice = f"to keep it, rename it to {label.partition('.')[2]}; otherwise remove it"
            ctx.draft.note(
                f"{name} has the labels of {label}, but not its name: {label} is created beside it; {advice}"
            )


def _copies(ctx: Context) -> Iterator[tuple[str, str, bool]]:
    """Labels, names, and whether the resource of these labels is created."""
    made = {change.address.label for change in ctx.draft.changes if change.action is Action.CREATE}
    for _, found in labelled(ctx.observed):
        project, _, label = found.owner.copied.rpartition("/")
        if label and project == ctx.desired.project:
            yield label, found.name, label in made


def note_damaged(ctx: Context) -> None:
    """Objects of this project whose records were damaged, or written by hand."""
    for kind, found in labelled(ctx.observed):
        owner = found.owner
        if not owner.damaged or owner.project != ctx.desired.project:
            continue
        where = f"the label {SPEC}{' of its record in a volume' if owner.number else ''}"
        fields = f": {', '.join(owner.damaged)}" if owner.damaged != (SPEC,) else ""
        address = ctx.address(kind, found.name).label
        ctx.draft.note(f"{address}: {where} cannot be read{fields}; what it recorded counts as unknown")


FILES: Final = KINDS[Kind.FILE].planner


class Phase(Struct, frozen=True):
    """A part of planning. `only_prune`: it runs only if undeclared resources are to be removed."""

    name: str
    plan: Callable[[Context], None]
    only_prune: bool = False


PHASES: Final = (
    Phase("containers that validate files, of killed runs", remove_left, only_prune=True),
    Phase("files, and what must accept them before anything changes", FILES.make),
    *(Phase("what else containers use", planner.make) for planner in USED_BY_WORKLOADS if planner is not FILES),
    Phase("references lead somewhere", check_references),
    Phase("host ports and addresses are free", check_held),
    Phase("containers declared absent", WORKLOADS.remove_absent),
    Phase("containers no longer declared", WORKLOADS.prune, only_prune=True),
    Phase("host ports and addresses that move to another container", plan_exchange),
    Phase("containers and jobs", WORKLOADS.make),
    Phase("containers that keep running while their files change", react_to_files),
    Phase("endpoints that an interrupted run took", give_back),
    Phase("containers keep the namespaces they share", followers.check),
    Phase("started containers are watched", await_started),
    Phase("replaced containers are set aside", finish_retired),
    Phase("failing containers are awaited or noted", await_failing),
    *(Phase("networks and volumes declared absent", planner.remove_absent) for planner in reversed(USED_BY_WORKLOADS)),
    *(Phase("what containers used", planner.prune, only_prune=True) for planner in PRUNED_AFTER_WORKLOADS),
    Phase("copies of the project's objects", note_copies, only_prune=True),
    Phase("resources that may have been renamed", note_renamed),
    Phase("records that cannot be read", note_damaged),
)
"""The order of planning: a phase reads the decisions of earlier phases (see `context`). Removals are planned in the
reverse order of creations."""


def reconcile(desired: Desired, observed: Observed, policy: Policy) -> HostPlan:
    """The plan that brings one host to the state that one play declares. Empty if nothing differs."""
    ctx = Context(desired, observed, policy)
    for phase in PHASES:
        if policy.prune or desired.prune or not phase.only_prune:
            phase.plan(ctx)
    ctx.draft.changes[:] = [_with_fields(ctx, change) for change in ctx.draft.changes]
    return finish(ctx)


def _with_fields(ctx: Context, change: ResourceChange) -> ResourceChange:
    """With what is declared of a new object."""
    kind, name = change.address.kind, change.address.name
    resource = ctx.desired.find(kind, name)
    first = change.action is Action.RUN and not change.diffs and ctx.observed.container(name) is None
    if resource is None or kind in (Kind.IMAGE, Kind.FILE) or not (first or change.action is Action.CREATE):
        return change
    return replace(change, declared=declared_fields(DECLARABLE[kind].table, resource, ctx.desired.secrets))


def destroy(desired: Desired, observed: Observed, policy: Policy) -> HostPlan:
    """The plan that removes the project's containers, networks and files from one host. Volumes and images are kept."""
    ctx = Context(desired, observed, policy)
    remove_left(ctx)
    for planner in (WORKLOADS, *USED_BY_WORKLOADS):
        planner.destroy(ctx)
    note_copies(ctx)
    _note_foreign(ctx)
    return replace(finish(ctx), images=frozenset())


def _note_foreign(ctx: Context) -> None:
    """Declared objects that this project neither created nor adopted stay. Images and external objects do anyway."""
    live = {
        slot(kind, found.name): found.owner
        for kind, planned in KINDS.items()
        for found in planned.objects(ctx.observed)
    }
    kept = [
        resource.address.label
        for resource in ctx.desired.resources
        if not (resource.absent or (has_settings(resource, ObjectSettings) and resource.settings.external))
        and (owner := live.get(slot(resource.kind, resource.name))) is not None
        and not belongs_to(owner, ctx.desired.project, resource.address)
    ]
    if kept:
        ctx.draft.note(f"not created by this project, so kept: {', '.join(kept)}")


def finish(ctx: Context) -> HostPlan:
    order = list(KINDS)
    changes = sorted(ctx.draft.changes, key=lambda change: (order.index(change.address.kind), _removal(change)))
    ctx.draft.changes[:] = changes
    desired = ctx.desired
    simulated = ctx.observed.engine.simulated
    made = ctx.draft.finish(desired.host, desired.project, _on_failure(ctx), simulated=simulated)
    declared = frozenset(slot(found.kind, found.name) for found in desired.resources)
    before, owed, images = before_changes(ctx), endpoints(ctx), references(desired)
    return without_refused(replace(made, before=before, endpoints=owed, images=images, declared=declared))


def _on_failure(ctx: Context) -> OnFailure:
    """A plan that only creates has no previous state to restore: created resources that work are kept."""
    wanted = ctx.desired.on_failure
    first = all(change.action in (Action.CREATE, Action.RUN) for change in ctx.draft.changes)
    return OnFailure.STOP if first and wanted is OnFailure.ROLLBACK_HOST else wanted


def _removal(change: ResourceChange) -> bool:
    return change.action is Action.REMOVE
