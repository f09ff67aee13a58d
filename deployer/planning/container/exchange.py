"""Containers that hand host ports or writable volumes on to each other in one run.

One that is to have what another one has can start only once that one has stopped, and that may be so in a circle. So
one that gives a port away to another that is planned before it stops before that is made. All of them are changed as
one: rolled back one by one, a container might find its port in use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployer.fields.options import Recreate, RunState, UpdateOrder
from deployer.model import dependencies
from deployer.model.desired import Container, Kind, Workload
from deployer.model.observed import ObservedContainer
from deployer.model.plan import Group, Work
from deployer.model.settings import ContainerSettings
from deployer.planning.container.exclusive import host_ports, writable
from deployer.planning.container.judging import is_ours
from deployer.planning.container.replace import Track, part_replaced, set_aside
from deployer.planning.context import Context
from deployer.planning.image import plan as images


def plan_exchange(ctx: Context) -> None:
    """Put those in one group that hand host ports on, and stop those of them that have to go first."""
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
        resource, live = giving[name]
        what = "host port" if set(host_ports(live.values)) & given[name] else "volume"
        track = Track(ctx, resource, f"gives its {what} away", group, part_replaced)
        ctx.containers.aside[name] = set_aside(track, resource, live, _pulled(ctx, names), resource.values)


def _started(ctx: Context) -> Iterator[Container]:
    for resource in ctx.desired.of(ContainerSettings):
        if resource.selected and not resource.absent and resource.settings.state is RunState.STARTED:
            yield resource


def _giving(ctx: Context) -> Iterator[tuple[Container, ObservedContainer]]:
    """Running containers whose declared ports or volumes may be other ones: those are replaced."""
    for resource in ctx.desired.of(ContainerSettings):
        settings, live = resource.settings, ctx.observed.container(resource.name)
        stays = settings.protect or settings.recreate is Recreate.NEVER
        if live is None or stays or resource.absent or not resource.selected or resource.name in ctx.volumes.dropped:
            continue
        if live.running and is_ours(ctx, resource, live) and settings.update.order is not UpdateOrder.START_FIRST:
            yield resource, live


def _given_away(resource: Container, live: ObservedContainer) -> set[str]:
    ignored = resource.settings.ignore_changes
    return _handed({key: live.values.get(key) for key in ("ports", "volumes") if key not in ignored}) - _handed(
        resource.values
    )


def _taken(ctx: Context, resource: Workload) -> set[str]:
    """What it does not hold yet."""
    live = ctx.observed.container(resource.name)
    return _handed(resource.values) - (_handed(live.values) if live is not None and live.running else set())


def _handed(values: Mapping[str, Any]) -> set[str]:
    return {*host_ports(values), *writable(values)}


def _pulled(ctx: Context, names: list[str]) -> tuple[int, ...]:
    """Steps after which none of them waits for an image."""
    for resource in _started(ctx):
        if resource.name in names:
            images.ensure(ctx, images.wanted(ctx, resource), resource, resource.place(("image",)))
    return tuple(
        step
        for resource in _started(ctx)
        if resource.name in names
        for step in ctx.draft.when_ready(Kind.IMAGE, images.wanted(ctx, resource).reference)
    )
