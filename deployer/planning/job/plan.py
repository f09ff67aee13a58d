"""Jobs: containers that run to their end, once for every change of what is declared of them.

The container of the last run is kept, exited, as the record that it ran with that declaration. A job is run again in a
new container, and the one of the last run that ended well stays, set aside, until the new one has ended well too. Once
it has, nothing takes it back: what a job did is done.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from deployer.fields.options import Recreate
from deployer.model.container_names import NEW, OLD
from deployer.model.desired import Job, Kind
from deployer.model.observed import ObservedContainer
from deployer.model.operations import (
    AwaitCompleted,
    Made,
    Operation,
    RemoveContainer,
    RenameContainer,
    StartContainer,
    StopContainer,
)
from deployer.model.plan import Action, FieldDiff, Group, Part, ResourceChange, Work
from deployer.planning.container import leftovers
from deployer.planning.container.gates import gate_of
from deployer.planning.container.judging import compare, foreign, is_adopted
from deployer.planning.container.keeping import Why, discard_failed, run_as_before
from deployer.planning.container.recording import write_record
from deployer.planning.container.replace import Track, carried
from deployer.planning.context import Context, Steps, is_ours
from deployer.planning.image import plan as images
from deployer.planning.image.plan import Wanted
from deployer.planning.three_way import recorded_values

RUN: Final = "run"
AGAIN: Final = "run again"
STILL_RUNS: Final = "wait for its end: it still runs"


def plan_job(ctx: Context, resource: Job, need: Wanted) -> None:
    """Plan one selected job that is declared present. Its dependencies have been planned before."""
    if resource.name in ctx.volumes.dropped:
        reason = f"{AGAIN}: a volume it mounts is recreated"
        _Run(ctx, resource, need, leftovers.Found(None, None, ctx.volumes.dropped[resource.name])).plan(reason)
        return
    found = leftovers.find(ctx, resource, fits=lambda live: not changed(ctx, resource, live, need))
    live = found.current
    run = _Run(ctx, resource, need, found)
    if live is None:
        run.plan(RUN)
        return
    ctx.containers.targets[resource.name] = live.id
    diffs, ours = changed(ctx, resource, live, need), is_ours(ctx, resource, live)
    reason = reason_to_run_again(resource, live)
    refusal = None if ours else foreign(ctx, resource, live, diffs, differs=bool(diffs or reason or live.running))
    if refusal is not None:
        ctx.draft.refuse(refusal)
    elif live.running and ours and not diffs:
        run.wait(live)
    elif diffs or reason or live.running:
        run.plan(": ".join(filter(None, (AGAIN, reason if not diffs else ""))), diffs)
    else:
        if is_adopted(ctx, live):
            change = ResourceChange(resource.address, Action.UPDATE, (), "adopted, it has run", resource.origin)
            ctx.draft.changes.append(change)
            write_record(ctx, resource, live, "adopted", ())
        elif not ours:
            counts = "not created by this project; matches the declaration, so it counts as run"
            ctx.draft.notes.append(f"{resource.address.label}: {counts}")
        run.remove_predecessor()


def changed(ctx: Context, resource: Job, live: ObservedContainer, need: Wanted) -> tuple[FieldDiff, ...]:
    """Differences from the declaration of its last run. Later changes of the container, and new ids of replaced
    networks and containers, do not run the job again."""
    recorded, declared = recorded_values(ctx, resource, live.owner, live.values), resource.values
    return tuple(
        found
        for found in compare(ctx, resource, live, need)
        if not recorded or found.path == ("image",) or declared.get(found.path[0]) != recorded.get(found.path[0])
    )


def reason_to_run_again(resource: Job, live: ObservedContainer) -> str:
    """Why a job with an unchanged declaration runs again; "" if it does not, or is still running."""
    if live.running:
        return ""
    if live.state == "created":
        return "it was never started"
    if live.state != "exited" or live.exit_code:
        return f"its last run ended with code {live.exit_code}"
    return "recreate: always" if resource.settings.recreate is Recreate.ALWAYS else ""


class _Run(Struct, frozen=True):
    """Plans one job. `found`: the container of its last run, and the one set aside for it."""

    ctx: Context
    resource: Job
    need: Wanted
    found: leftovers.Found

    def plan(self, reason: str, diffs: tuple[FieldDiff, ...] = ()) -> None:
        """A new run. If it fails, the last successful run gets its name back, and the failed one is kept."""
        ctx, resource = self.ctx, self.resource
        images.ensure(ctx, self.need, resource, resource.place(("image",)))
        self._change(reason, diffs)
        gate = gate_of(ctx, resource, self.need, self._cleared())
        made, done = self._create(gate.create)
        aside, done = self._take_name(made, done)
        done = self._track.add(StartContainer(made), (*done, *gate.start), StopContainer(made))
        done = self._await(made, done)
        if aside is not None:
            done = self._track.add(RemoveContainer(aside.id), done)
        discard_failed(ctx, resource, Why(resource.address, "a later run succeeded"), done)
        self._ready(done)

    def wait(self, live: ObservedContainer) -> None:
        """A job that an interrupted run started is not started twice."""
        self._change(STILL_RUNS)
        done = self._await(live.id, self.found.after)
        if self.found.predecessor is not None:
            done = self._track.add(RemoveContainer(self.found.predecessor.id), done)
        self._ready(done)

    def remove_predecessor(self) -> None:
        """The job has run: remove the container that an interrupted run set aside."""
        old = self.found.predecessor
        self.ctx.draft.ready(Kind.CONTAINER, self.resource.name, *self.found.after)
        if old is not None:
            address = self.ctx.address(Kind.JOB, old.name)
            change = ResourceChange(address, Action.REMOVE, reason=leftovers.CAUSE)
            self.ctx.draft.changes.append(change)
            self.ctx.draft.at_last(RemoveContainer(old.id), address, leftovers.CAUSE, after=self.found.after)

    def _cleared(self) -> Steps:
        """Steps that wait for the end of the running container: a run with another declaration is not interrupted."""
        live = self.found.current
        if live is None or not live.running:
            return self.found.after
        if not is_ours(self.ctx, self.resource, live):
            return self._track.add(StopContainer(live.id), self.found.after, *run_as_before(live))
        wait = AwaitCompleted(live.id, self.resource.settings.timeout, whatever_code=True)
        return (self.ctx.draft.step(wait, self.resource.address, "still runs", after=self.found.after),)

    def _create(self, after: Steps) -> tuple[Made, Steps]:
        ctx, resource, live = self.ctx, self.resource, self.found.current
        last = live or ctx.observed.container(resource.name)
        name = resource.name + (NEW if live is not None else "")
        return self._track.create(name, carried(ctx, resource, last) if last is not None else {}, after)

    def _take_name(self, made: Made, after: Steps) -> tuple[ObservedContainer | None, Steps]:
        """Returns the container that is set aside while the new one runs."""
        name, live, aside = self.resource.name, self.found.current, self.found.predecessor
        if live is None:
            return aside, after
        if _ended_well(live) and aside is None:
            aside = live
            after = self._track.add(RenameContainer(live.id, name + OLD), after, RenameContainer(live.id, name))
        else:
            back = (RenameContainer(aside.id, name),) if aside is not None else ()
            after = self._track.add(RemoveContainer(live.id), after, *back)
        return aside, self._track.add(RenameContainer(made, name), after, RenameContainer(made, name + NEW))

    def _await(self, target: Any, after: Steps) -> Steps:
        return self._track.add(AwaitCompleted(target, self.resource.settings.timeout), after, lasting=True)

    @property
    def _track(self) -> Track:
        return Track(self.ctx, self.resource, "run", Group(Work.RUN, (self.resource.name,)), part_run)

    def _change(self, reason: str, diffs: tuple[FieldDiff, ...] = ()) -> None:
        resource = self.resource
        self.ctx.draft.changes.append(ResourceChange(resource.address, Action.RUN, diffs, reason, resource.origin))

    def _ready(self, after: Steps) -> None:
        """Dependants refer to it as to any container."""
        self.ctx.containers.jobs.add(self.resource.name)
        self.ctx.draft.ready(Kind.CONTAINER, self.resource.name, *after)


def part_run(operation: Operation) -> Part:
    match operation:
        case RenameContainer(str()) | RemoveContainer(str()):
            return Part.PREVIOUS_RUN
        case _:
            return Part.ONLY


def _ended_well(live: ObservedContainer) -> bool:
    """One that is still running may still succeed."""
    return live.running or (live.state == "exited" and live.exit_code == 0)
