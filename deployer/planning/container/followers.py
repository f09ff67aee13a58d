"""Followers: containers in the namespaces of another container. When that one ends, they lose the shared namespace, so
they are replaced or restarted with it, or the change is refused."""

from __future__ import annotations

from collections.abc import Iterator, Set

from deployer.model import dependencies
from deployer.model.desired import Container, Kind, has_settings
from deployer.model.observed import ObservedContainer
from deployer.model.operations import StartContainer, StopContainer
from deployer.model.plan import Action, Refusal, ResourceChange
from deployer.model.settings import ContainerSettings
from deployer.planning.container.keeping import run_as_before
from deployer.planning.context import Context, Steps, is_ours


def replaced_with(ctx: Context, leader: str) -> list[tuple[Container, ObservedContainer]]:
    """Direct and indirect followers of a replaced container, which stop before it, last ones first."""
    found = {leader}
    known = [each for each in (*ctx.desired.containers, *ctx.desired.followers) if not each.absent and each.selected]
    running = []
    for resource in dependencies.in_order(known):
        live = ctx.observed.container(resource.name)
        if not has_settings(resource, ContainerSettings) or live is None or not live.running:
            continue
        if found.isdisjoint(dependencies.shared_namespaces(resource.values)) or not is_ours(ctx, resource, live):
            continue
        found.add(resource.name)
        running.append((resource, live))
    return running[::-1]


def of_other_plays(ctx: Context) -> Iterator[Container]:
    """Selected followers, declared in other plays, of what this play replaces or starts."""
    for resource in dependencies.in_order(ctx.desired.followers):
        there = ctx.observed.container(resource.name) is not None
        if not there or not resource.selected or not has_settings(resource, ContainerSettings):
            continue
        changing = dependencies.shared_namespaces(resource.values).keys() & (_renewed(ctx) | ctx.containers.restarted)
        if changing and not (missing := sorted(_missing(ctx, resource))):
            yield resource
        elif changing:
            summary = f"must be replaced with {', '.join(sorted(changing))}, and needs {', '.join(missing)} first"
            ctx.draft.refuse(Refusal(resource.address, summary, "declare them in one play", resource.origin))


def _missing(ctx: Context, resource: Container) -> Iterator[str]:
    """Networks and volumes that neither exist nor are declared in this play."""
    there = {(Kind.NETWORK, found.name) for found in ctx.observed.networks}
    there |= {(Kind.VOLUME, found.name) for found in ctx.observed.volumes}
    for kind, name, _origin in dependencies.references(resource):
        if not kind.is_container and (kind, name) not in there and ctx.desired.find(kind, name) is None:
            yield f"{kind} {name}"


def _renewed(ctx: Context) -> set[str]:
    """Followers in this play."""
    return ctx.containers.renewed - ctx.observed.renewed


def check(ctx: Context) -> None:
    """Other followers of a container: those of the project are restarted if it keeps its id and is started; replacing
    it is refused; stopping or removing it adds a note that they lose the shared namespace."""
    planned = ctx.containers.renewed | ctx.containers.restarted
    settled = planned | {refusal.address.name for refusal in ctx.draft.refusals}
    gone, stopped = ctx.draft.removed(), ctx.draft.stopped()
    for leader in ctx.observed.containers:
        if leader.name not in planned and leader.id not in stopped:
            continue
        for name, field in sorted(_running_followers(ctx, leader.id)):
            if name in settled or ctx.observed.ids.get(name) in gone:
                continue
            what = dependencies.NAMESPACES[field]
            if leader.name in _renewed(ctx):
                _refuse(ctx, leader, name, what)
            elif leader.name in ctx.containers.restarted:
                _restart(ctx, leader, name, what)
            elif leader.id in stopped:
                ctx.draft.note(f"container.{name}: loses the {what} of {leader.name}, which stops")


def refuse_left_behind(ctx: Context, leader: ObservedContainer, together: Set[str]) -> None:
    """Refuse to replace a container that has followers beside those replaced `together` with it."""
    for name, field in sorted(_running_followers(ctx, leader.id)):
        if name not in together:
            _refuse(ctx, leader, name, dependencies.NAMESPACES[field])


def _running_followers(ctx: Context, leader_id: str) -> Iterator[tuple[str, str]]:
    """Names, with the field. Of foreign containers, only the network mode is known."""
    for found in ctx.observed.containers:
        if found.running and (field := dependencies.shared_namespaces(found.values).get(leader_id)):
            yield found.name, field
    foreign = (stub for stub in ctx.observed.others if stub.running and stub.shares == leader_id)
    yield from ((stub.name, "network_mode") for stub in foreign)


def _refuse(ctx: Context, leader: ObservedContainer, name: str, what: str) -> None:
    declared = ctx.desired.container(name)
    if declared is not None or ctx.desired.is_elsewhere(Kind.CONTAINER, name):
        hint = "run without tags, or include its tags"
    else:
        hint = f"declare {name} in this run too, or stop it first"
    resource = ctx.desired.container(leader.name)
    origin = resource.origin if resource is not None else None
    summary = f"must be replaced, but {name} shares its {what} and is not part of this run"
    ctx.draft.refuse(Refusal(ctx.address(Kind.CONTAINER, leader.name), summary, hint, origin))


def _restart(ctx: Context, leader: ObservedContainer, name: str, what: str) -> None:
    address, live = ctx.address(Kind.CONTAINER, name), ctx.observed.container(name)
    if live is None or live.owner.project != ctx.desired.project:
        ctx.draft.note(f"{address.label}: shares the {what} of {leader.name}, which is started; restart it after that")
        return
    reason = f"shares the {what} of {leader.name}, which is started"
    ctx.draft.changes.append(ResourceChange(address, Action.START, reason=reason))
    after: Steps = ctx.draft.when_ready(Kind.CONTAINER, leader.name)
    after = (ctx.draft.step(StopContainer(live.id), address, reason, after=after, undo=run_as_before(live)),)
    ctx.draft.step(StartContainer(live.id), address, reason, after=after)
    ctx.containers.restarted.add(name)
