"""Containers that hand host ports, fixed addresses or writable volumes on to each other in one run.

One that is to have what another one has can start, or connect, only once that one has let go of it, and that may be so
in a circle. So one that gives something away to another that is planned before it lets go before that is made: it
stops, or, where it only gets other addresses, leaves the network. All of them are changed as one: rolled back one by
one, a container might find its port in use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployer.fields.options import Recreate, RunState, UpdateOrder
from deployer.model import dependencies
from deployer.model.desired import Container, Kind, Workload
from deployer.model.exclusive import Held, addresses, held, host_ports, in_use, in_words, writable
from deployer.model.observed import ObservedContainer
from deployer.model.plan import Group, Work
from deployer.model.settings import ContainerSettings
from deployer.planning.container.endpoints import leave
from deployer.planning.container.judging import compare, judge
from deployer.planning.container.replace import Track, part_replaced, set_aside_with_followers
from deployer.planning.context import Context, is_ours
from deployer.planning.image import plan as images


def plan_exchange(ctx: Context) -> None:
    """Put containers that hand something over into one group, and release early what must be free first."""
    giving = {resource.name: (resource, live) for resource, live in _giving(ctx)}
    given = {name: away for name, (resource, live) in giving.items() if (away := _given_away(resource, live))}
    takers = _started(ctx) if given else ()
    pairs = {(name, taker.name) for taker in takers for name, away in given.items() if away & _taken(ctx, taker)}
    if not pairs:
        return
    names = sorted({name for pair in pairs for name in pair})
    group = Group(Work.REPLACE, tuple(names))
    ctx.containers.groups.update(dict.fromkeys(names, group))
    place = {resource.name: number for number, resource in enumerate(dependencies.in_order(ctx.desired.containers))}
    for name in sorted({giver for giver, taker in pairs if place[giver] > place[taker]}):
        _let_go(ctx, *giving[name], group, _pulled(ctx, names))


def _let_go(ctx: Context, resource: Container, live: ObservedContainer, group: Group, after: tuple[int, ...]) -> None:
    diffs = compare(ctx, resource, live, images.wanted(ctx, resource))
    verdict = judge(ctx, resource, live, diffs)
    if verdict.refusal is not None:
        return
    if verdict.replace:
        given = _given_away(resource, live)
        ports, volumes = set(host_ports(live.values)) & given, set(writable(live.values)) & given
        what = "host port" if ports else "volume" if volumes else "address"
        track = Track(ctx, resource, f"gives its {what} away", group, part_replaced)
        ctx.containers.aside[resource.name] = set_aside_with_followers(track, resource, live, after)
        return
    changed = {found.path[1] for found in diffs if found.path[0] == "networks"}
    for network in sorted(changed & {network for network, _, _ in _addresses_given(resource, live)}):
        leave(ctx, resource, live, network, after)


def _started(ctx: Context) -> Iterator[Container]:
    for resource in ctx.desired.of(ContainerSettings):
        if resource.selected and not resource.absent and resource.settings.state is RunState.STARTED:
            yield resource


def _giving(ctx: Context) -> Iterator[tuple[Container, ObservedContainer]]:
    """Running containers that may be changed."""
    for resource in ctx.desired.of(ContainerSettings):
        settings, live = resource.settings, ctx.observed.container(resource.name)
        stays = settings.protect or settings.recreate is Recreate.NEVER
        if live is None or stays or resource.absent or not resource.selected or resource.name in ctx.volumes.dropped:
            continue
        if live.running and is_ours(ctx, resource, live) and settings.update.order is not UpdateOrder.START_FIRST:
            yield resource, live


def _given_away(resource: Container, live: ObservedContainer) -> set[str]:
    ignored = resource.settings.ignore_changes
    had = {key: live.values.get(key) for key in ("ports", "volumes") if key not in ignored}
    return _handed(had) - _handed(resource.values) | {*map(in_words, _addresses_given(resource, live))}


def _addresses_given(resource: Workload, live: ObservedContainer) -> set[Held]:
    """Resources that it holds and will not hold any more. An address chosen by the engine is held until another one is
    declared."""
    wanted = {(network, key): address for network, key, address in addresses(resource.values)}
    networks = resource.values.get("networks") or {"bridge": {}}
    fixed = {found for found in addresses(live.values) if found[1] != "mac_address"}
    kept = {found for found in live.holds if found[0] in networks and wanted.get(found[:2], found[2]) == found[2]}
    return {found for found in live.holds if found not in kept or (found in fixed and found[:2] not in wanted)}


def _taken(ctx: Context, resource: Workload) -> set[str]:
    """Resources that it does not hold yet."""
    live = ctx.observed.container(resource.name)
    wanted = {*held(resource.values), *writable(resource.values)}
    return wanted - ({*in_use(live), *writable(live.values)} if live is not None and live.running else set())


def _handed(values: Mapping[str, Any]) -> set[str]:
    return {*host_ports(values), *writable(values)}


def _pulled(ctx: Context, names: list[str]) -> tuple[int, ...]:
    """Steps after which the images of all of them are present."""
    for resource in _started(ctx):
        if resource.name in names:
            images.ensure(ctx, images.wanted(ctx, resource), resource, resource.place(("image",)))
    return tuple(
        step
        for resource in _started(ctx)
        if resource.name in names
        for step in ctx.draft.when_ready(Kind.IMAGE, images.wanted(ctx, resource).reference)
    )
