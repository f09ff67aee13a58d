"""Which containers come to a host of a play from a host outside of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from deployer.model.desired import Address, Kind, OnFailure
from deployer.model.operations import CreateVolume, PullImage, RemoveContainer, StartContainer
from deployer.model.plan import Action, HostPlan, Moved, PlayPlan, Refusal, ResourceChange, Step
from deployer.planning.container.order import NOT_RUNNING
from deployer.planning.volume.plan import incomplete

_REPLACE: Final = (Action.REPLACE_STOP_FIRST, Action.REPLACE_START_FIRST)
_ONE: Final = "one by one: deployer move {} {} PLAYBOOK"


class Elsewhere(Struct, frozen=True):
    """A container outside of the play, which no play declares for its host. `left`: a move left it there, and it does
    not run."""

    host: str
    project: str
    name: str
    running: bool = False
    left: bool = False


class Coming(Struct, frozen=True):
    """What a host of the play gets, and from where."""

    source: str
    names: frozenset[str]


class Search(Struct, frozen=True):
    """`hosts`: the containers that are created or started on each host of the play; `left`: those of them that a move
    left there. `there`: those of the project elsewhere; `lost`: hosts that cannot be read. `excluded`: hosts that the
    limit excludes; `tagged`: whether the run is about a part of the resources."""

    hosts: Mapping[str, Mapping[str, Action]]
    left: frozenset[tuple[str, str]] = frozenset()
    there: tuple[Elsewhere, ...] = ()
    lost: tuple[str, ...] = ()
    excluded: frozenset[str] = frozenset()
    tagged: bool = False

    @property
    def made(self) -> dict[str, frozenset[str]]:
        return {
            host: frozenset(name for name, action in own.items() if action is Action.CREATE)
            for host, own in self.hosts.items()
        }

    @property
    def holders(self) -> dict[str, tuple[str, ...]]:
        """The hosts that have each container."""
        found: dict[str, list[str]] = {}
        for each in self.there:
            if not each.left:
                found.setdefault(each.name, []).append(each.host)
        return {name: tuple(sorted(hosts)) for name, hosts in found.items()}


def wanted(plan: HostPlan) -> dict[str, Action]:
    """The containers of a plan that may be elsewhere: those that it creates, or that are here and begin to run."""
    started = {step.address for step in plan.steps if isinstance(step.operation, StartContainer)}
    found: dict[str, Action] = {}
    for change in plan.changes if not plan.refusals else ():
        begins = change.action is Action.START or (change.action is Action.UPDATE and change.address in started)
        if change.address.kind is not Kind.CONTAINER:
            continue
        if change.action is Action.CREATE:
            found[change.address.name] = Action.CREATE
        elif begins or (change.action in _REPLACE and change.reason.startswith(NOT_RUNNING)):
            found[change.address.name] = Action.START
    return found


def pair(search: Search) -> dict[str, Coming | Refusal]:
    """For each host that gets something: what, or why that is not possible."""
    found: dict[str, Coming | Refusal] = {}
    for host in search.hosts:
        judged = _unknown(search, host) or _stale(search, host) or _judged(search, host)
        if isinstance(judged, Coming):
            judged = _barred(search, host, judged) or judged
        if judged is not None:
            found[host] = judged
    return found


def _unknown(search: Search, host: str) -> Refusal | None:
    names = [name for name in search.hosts[host] if name in search.made[host] or (host, name) in search.left]
    if not names or not search.lost:
        return None
    hint = "if it is gone for good, leave it out with from: under move:, or remove it from the inventory"
    summary = f"may be on {search.lost[0]} with its data, which cannot be read"
    return Refusal(_address(host, min(names)), summary, hint)


def _stale(search: Search, host: str) -> Refusal | None:
    """A container that would be started although a newer one is elsewhere."""
    for each in search.there:
        is_old = each.running or ((host, each.name) in search.left and not each.left)
        if is_old and search.hosts[host].get(each.name) is Action.START:
            hint = (
                f"to move it here, remove {each.name} and its volumes on {host} first; to start the one that is here, "
                f"remove {each.name} on {each.host}: deployer rm"
            )
            return Refusal(_address(host, each.name), f"is stopped here, and is on {each.host} too", hint)
    return None


def _judged(search: Search, host: str) -> Coming | Refusal | None:
    made, holders = search.made, search.holders
    names = sorted(made[host] & holders.keys())
    for name in names:
        takers = sorted(other for other, own in made.items() if name in own)
        if len(holders[name]) > 1:
            summary = f"is on several other hosts: {', '.join(holders[name])}"
            return Refusal(_address(host, name), summary, _ONE.format(holders[name][0], host))
        if len(takers) > 1:
            summary = f"is on {holders[name][0]}, and several hosts of the play lack it: {', '.join(takers)}"
            return Refusal(_address(host, name), summary, _ONE.format(holders[name][0], host))
    sources = sorted({holders[name][0] for name in names})
    if len(sources) > 1:
        each = ", ".join(f"{name} from {holders[name][0]}" for name in names)
        summary = f"would come together with others from several hosts: {each}"
        return Refusal(_address(host, names[0]), summary, _ONE.format(sources[0], host))
    return Coming(sources[0], frozenset(names)) if sources else None


def _barred(search: Search, host: str, coming: Coming) -> Refusal | None:
    address = _address(host, min(coming.names))
    if coming.source in search.excluded:
        return Refusal(address, f"is on {coming.source}, which --limit excludes", f"add {coming.source} to --limit")
    if search.tagged:
        summary = f"is on {coming.source}, and is moved only as a whole"
        return Refusal(address, summary, "leave out --tags and --skip-tags")
    return None


def _address(host: str, name: str) -> Address:
    return Address(host, Kind.CONTAINER, name)


def refused(plan: HostPlan, refusal: Refusal) -> HostPlan:
    return replace(plan, refusals=(*plan.refusals, refusal))


def refuse_removed(plays: Sequence[PlayPlan]) -> tuple[PlayPlan, ...]:
    """A container that an earlier play of the run changes on its host cannot be moved by a later one."""
    changed: dict[tuple[str, str], str] = {}
    found = []
    for play in plays:
        hosts = tuple(_unless_changed(plan, changed) for plan in play.hosts)
        changed |= {
            (plan.host, change.address.name): play.name or play.project
            for plan in play.hosts
            for change in plan.changes
            if change.address.kind is Kind.CONTAINER
        }
        found.append(replace(play, hosts=hosts))
    return tuple(found)


def _unless_changed(plan: HostPlan, changed: Mapping[tuple[str, str], str]) -> HostPlan:
    moved = plan.moved
    if moved is None:
        return plan
    for name in moved.names:
        if (by := changed.get((moved.source, name))) is not None:
            summary = f"is moved from {moved.source}, where play '{by}' changes it before"
            hint = "without --prune and --prune-host it is moved; remove what is left there in a run of its own"
            return refused(replace(plan, moved=None), Refusal(_address(plan.host, name), summary, hint))
    return plan


def with_move(plan: HostPlan, moved: Moved | None) -> HostPlan:
    """A host that gets containers. It fails, or succeeds, as a whole: nothing of one that failed is kept there."""
    if moved is None or not plan.steps:
        return plan
    whole = OnFailure.ROLLBACK_HOST if plan.on_failure is OnFailure.STOP else plan.on_failure
    changes = tuple(_with_reason(change, moved) for change in plan.changes)
    made = {change.address for change in plan.changes if change.action is Action.CREATE}
    steps = tuple(_without_traces(step) if step.address in made else step for step in plan.steps)
    filled = tuple(incomplete(Address(plan.host, Kind.VOLUME, each.name)) for each in moved.volumes)
    notes = tuple(note for note in plan.notes if not note.startswith(filled))
    return replace(plan, changes=changes, steps=steps, notes=notes, moved=moved, on_failure=whole)


def _without_traces(step: Step) -> Step:
    undo = (replace(each, anonymous=True) if isinstance(each, RemoveContainer) else each for each in step.undo)
    return replace(step, keep=(), undo=tuple(undo))


def _with_reason(change: ResourceChange, moved: Moved) -> ResourceChange:
    kind, name = change.address.kind, change.address.name
    if change.action is Action.CREATE and kind is Kind.CONTAINER and name in moved.arriving:
        return replace(change, reason=f"moved from {moved.source}")
    if change.action is Action.CREATE and kind is Kind.VOLUME and any(name == each.name for each in moved.volumes):
        return replace(change, reason=f"copied from {moved.source}")
    return change


def created_volumes(plan: HostPlan) -> dict[str, CreateVolume]:
    """The operations that create volumes, by name."""
    found = (step.operation for step in plan.steps)
    return {operation.name: operation for operation in found if isinstance(operation, CreateVolume)}


def pulled_images(plan: HostPlan) -> tuple[PullImage, ...]:
    return tuple(step.operation for step in plan.steps if isinstance(step.operation, PullImage))
