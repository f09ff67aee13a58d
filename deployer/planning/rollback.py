"""Rollback: the containers replaced last become current again, and the current ones are kept instead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from deployer.fields.container import CONTAINER
from deployer.fields.field import Change
from deployer.fields.options import RunState
from deployer.model import dependencies
from deployer.model.container_names import OLD, PREVIOUS
from deployer.model.desired import Container, Desired, Kind, has_settings
from deployer.model.observed import Observed, ObservedContainer, Replaced, Stub
from deployer.model.operations import (
    ConnectNetwork,
    Operation,
    RenameContainer,
    StartContainer,
    StopContainer,
    UpdateContainer,
)
from deployer.model.plan import Action, FieldDiff, Group, HostPlan, Refusal, ResourceChange, Work
from deployer.model.settings import ContainerSettings
from deployer.planning.bodies import endpoint_body
from deployer.planning.container.before import before_changes
from deployer.planning.container.followers import refuse_left_behind
from deployer.planning.container.health import watched
from deployer.planning.container.judging import image_texts
from deployer.planning.container.keeping import restart_body, restarted_again
from deployer.planning.container.replace import (
    Track,
    finish_retired,
    refuse_to_stop,
    set_aside,
    vanishes,
)
from deployer.planning.context import Context, Retired, Steps, is_ours
from deployer.planning.policy import Policy
from deployer.planning.reconcile import finish
from deployer.planning.refusals import refuse_protected

_GROUP: Final = Group(Work.ROLL_BACK)
_CAUSE: Final = "rolled back"
_SAYS_NOTHING: Final = ("restart", "labels", "hostname")
"""Fields that always differ: kept containers have no restart policy, for example."""


class _Pair(Struct, frozen=True):
    """The current container, if it exists, and the one that replaces it."""

    resource: Container
    live: ObservedContainer | None
    previous: ObservedContainer


def roll_back(desired: Desired, observed: Observed, policy: Policy, names: Set[str]) -> HostPlan:
    """The plan that restores the previous containers of the named resources, and of followers in their namespaces;
    without names, those that the most recent run replaced. If one of them fails, all are rolled back."""
    last = observed.replaced.get(desired.project, Replaced())
    ctx = Context(desired, _with_kept(desired, observed), policy)
    expected = {} if names else {name: key for name, key in last.ids.items() if not _is_still(ctx, name, key)}
    chosen = _together(ctx, names or expected.keys(), expected)
    together = {found.name for found in chosen}
    found = (_pair(ctx, resource, expected.get(resource.name, ""), last.run) for resource in chosen)
    pairs = [pair for pair in found if pair is not None]
    # All of them stop before one starts: they may have exchanged ports.
    aside = {
        pair.resource.name: set_aside(_track(ctx, pair), pair.resource, pair.live, (), pair.previous.values)
        for pair in reversed(pairs)
        if pair.live
    }
    for pair in pairs:
        if pair.live is not None:
            refuse_left_behind(ctx, pair.live, together)
        ctx.draft.changes.append(_change(pair))
        done = _take_place(ctx, pair, aside.get(pair.resource.name, ()))
        ctx.draft.ready(Kind.CONTAINER, pair.resource.name, *done)
        if pair.live is not None:
            ctx.containers.retired.append(Retired(_GROUP, pair.resource, pair.live, _CAUSE, done))
    finish_retired(ctx)
    recorded = {pair.resource.name: pair.previous.owner.recorded for pair in pairs}
    return replace(finish(ctx), before=before_changes(ctx, recorded))


def _previous(ctx: Context, resource: Container, wanted: str) -> ObservedContainer | None:
    """The container to go back to: the one that a run which was killed has set aside, else the one that is kept.
    `wanted`: the id it must have, "" for any."""
    found = (ctx.observed.container(resource.name + suffix) for suffix in (OLD, PREVIOUS))
    fits = (each for each in found if each is not None and is_ours(ctx, resource, each) and each.id.startswith(wanted))
    return next(fits, None)


def _is_still(ctx: Context, name: str, replaced: str) -> bool:
    """Whether a container that the last run was to replace was not, because that run was killed before."""
    live = ctx.observed.container(name)
    if live is None or not replaced or not live.id.startswith(replaced):
        return False
    ctx.draft.note(f"container.{name}: the last run ended before it replaced it")
    return True


def _with_kept(desired: Desired, observed: Observed) -> Observed:
    """If a killed run has set a container aside, the one before it is a kept one."""
    declared = (*desired.containers, *desired.followers)
    names = {found.name + PREVIOUS for found in declared if observed.container(found.name + OLD) is not None}
    kept = tuple(
        Stub(found.id, found.name, found.image_id, found.state, found.owner, frozenset(found.attached), found.volumes)
        for found in observed.containers
        if found.name in names
    )
    staying = tuple(found for found in observed.containers if found.name not in names)
    return replace(observed, containers=staying, kept=(*observed.kept, *kept)) if kept else observed


def check(desired: Desired, observed: Observed, policy: Policy) -> HostPlan:
    """After a rollback: containers that should run but do not."""
    ctx = Context(desired, observed, policy)
    for resource in desired.of(ContainerSettings):
        found = observed.container(resource.name)
        if resource.settings.state is RunState.STARTED and (found is None or not found.running):
            reason = "is gone" if found is None else f"is {found.state}"
            ctx.draft.changes.append(ResourceChange(resource.address, Action.START, reason=reason))
    return finish(ctx)


def _together(ctx: Context, wanted: Set[str], expected: Mapping[str, str]) -> list[Container]:
    """The wanted containers and those that share namespaces or mounts with them, leaders first, also where a later play
    declares the followers. A leader stays if the previous container refers to the current one."""
    own = {found.name for found in ctx.desired.of(ContainerSettings)}
    declared = (*ctx.desired.of(ContainerSettings), *ctx.desired.followers)
    known = [
        found
        for found in dependencies.in_order(each for each in declared if not each.absent)
        if found.name not in ctx.observed.renewed and has_settings(found, ContainerSettings)
    ]
    found, before = wanted & {each.name for each in known}, set[str]()
    while found != before:
        before = set(found)
        for resource in known:
            if resource.name in found:
                found |= _leaders_back(ctx, resource, expected)
            elif not found.isdisjoint(dependencies.leaders(resource)):
                found = found | {resource.name}
    chosen: dict[str, Container] = {}
    for resource in known:
        mine = resource.name in own or not chosen.keys().isdisjoint(dependencies.leaders(resource))
        if resource.name in found and mine:
            chosen[resource.name] = resource
    return list(chosen.values())


def _leaders_back(ctx: Context, follower: Container, expected: Mapping[str, str]) -> set[str]:
    """Those that the previous container of a follower needs as they were. A namespace is referred to by id; mounts and
    links by name, so their leader goes back if it was replaced."""
    previous = _previous(ctx, follower, expected.get(follower.name, ""))
    shared = dependencies.shared_namespaces(previous.values) if previous is not None else {}
    found = set[str]()
    for name, field in dependencies.id_references(follower).items():
        live = ctx.observed.container(name)
        stays = live is not None and (
            live.id in shared
            if field in dependencies.NAMESPACES
            else ctx.observed.container(name + PREVIOUS) is None or bool(expected and name not in expected)
        )
        found |= set() if stays else {name}
    return found


def _pair(ctx: Context, resource: Container, wanted: str, run: int) -> _Pair | None:
    """None after refusing. `wanted`: the id of the container that run number `run` replaced, "" if it is not known."""
    previous, live = _previous(ctx, resource, wanted), ctx.observed.container(resource.name)
    summary, hint = "", ""
    if previous is None and wanted:
        summary = "the previous container no longer exists"
        hint = f"deployer rollback --to {run - 1} recreates it from the record of that run" if run > 1 else ""
    elif previous is None:
        summary, hint = "has no previous container", "it was not replaced, or keep_previous is 0"
    elif live is not None and not is_ours(ctx, resource, live):
        summary, hint = "its name is taken by a container that is not this project's", "remove or rename that container"
    elif refuse_protected(ctx, resource, "must be replaced"):
        return None
    elif live is not None and vanishes(live):
        ctx.draft.refuse(refuse_to_stop(resource, "must be replaced"))
        return None
    elif gone := sorted(name for name in previous.attached if ctx.observed.network(name) is None):
        summary = f"its previous container needs network {', '.join(gone)}, which no longer exists"
        hint = "create the network, or apply an older playbook"
    else:
        return _Pair(resource, live, previous)
    ctx.draft.refuse(Refusal(resource.address, summary, hint, resource.origin))
    return None


def _change(pair: _Pair) -> ResourceChange:
    address, origin = pair.resource.address, pair.resource.origin
    back = f"back to {pair.previous.name}"
    if pair.live is None:
        return ResourceChange(address, Action.CREATE, reason=back, origin=origin)
    diffs = tuple(_image_diff(pair.live, pair.previous))
    others = list(_differing(pair.live.values, pair.previous.values))
    also = f" (differs in {', '.join(others)})" if others else ""
    reason = f"{back}{also}; stopped while it starts"
    return ResourceChange(address, Action.REPLACE_STOP_FIRST, diffs, reason, origin)


def _image_diff(live: ObservedContainer, previous: ObservedContainer) -> Iterator[FieldDiff]:
    if live.image_id == previous.image_id:
        return
    texts = image_texts(live, previous.image, previous.image_id)
    yield FieldDiff(("image",), *texts, Change.REPLACE, source=previous.name)


def _differing(live: Mapping[str, Any], previous: Mapping[str, Any]) -> Iterator[str]:
    for row in CONTAINER.fields:
        old, new = (_intent(row.name, values.get(row.name)) for values in (live, previous))
        if row.name not in _SAYS_NOTHING and not row.same(old, new):
            yield row.name


def _intent(field: str, value: Any) -> Any:
    """Without values that running adds: a MAC address chosen by the engine, and the alias used while starting."""
    if field != "networks":
        return value
    return {
        name: {key: part for key, part in endpoint.items() if key not in ("aliases", "mac_address")}
        for name, endpoint in (value or {}).items()
    }


def _take_place(ctx: Context, pair: _Pair, after: Steps) -> Steps:
    name, previous, track = pair.resource.name, pair.previous, _track(ctx, pair)
    after += ctx.when_free(previous.values)
    for other in dependencies.containers(pair.resource):
        after += ctx.draft.when_ready(Kind.CONTAINER, other)
    back = RenameContainer(previous.id, previous.name)
    after = track.add(RenameContainer(previous.id, name), after, back)
    for operation, undo in _repairs(ctx, previous):
        after = track.add(operation, after, *undo)
    if pair.resource.settings.state is not RunState.STARTED:
        return after
    after = track.add(StartContainer(previous.id), after, StopContainer(previous.id))
    return track.add(watched(ctx, pair.resource, previous.id), after)


def _repairs(ctx: Context, previous: ObservedContainer) -> Iterator[tuple[Operation, tuple[Operation, ...]]]:
    """Restores what it lost when it was replaced: its restart policy, and networks that were recreated since."""
    now = str(previous.values.get("restart") or "no")
    for operation in restarted_again(previous):
        yield operation, (UpdateContainer(previous.id, restart_body(now)),)
    for name, network_id in sorted(previous.attached.items()):
        network = ctx.observed.network(name)
        if network is not None and network_id not in ("", network.id):
            yield ConnectNetwork(name, previous.id, endpoint_body(previous.values, name)), ()


def _track(ctx: Context, pair: _Pair) -> Track:
    return Track(ctx, pair.resource, _CAUSE, _GROUP)
