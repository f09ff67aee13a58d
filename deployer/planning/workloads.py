"""Containers and jobs: planned together, since they depend on each other and share one set of names."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.model import dependencies, ownership
from deployer.model.container_names import base_name
from deployer.model.desired import Kind, Workload, has_settings
from deployer.model.observed import Observed, ObservedContainer, Stub
from deployer.model.settings import ContainerSettings, JobSettings, RunSettings
from deployer.planning.container import followers
from deployer.planning.container.keeping import discard_holders
from deployer.planning.container.plan import (
    crashes_the_engine,
    is_too_new,
    plan_absent,
    plan_container,
    remove,
    settle_unselected,
)
from deployer.planning.context import Context
from deployer.planning.image import plan as images
from deployer.planning.job.plan import plan_job
from deployer.planning.refusals import refuse_protected
from deployer.planning.undeclared import (
    DESTROYED,
    REASON,
    declared_or_placeholder,
    is_declared,
    is_protected,
    is_undeclared,
    resource_of,
)


def make(ctx: Context) -> None:
    """Dependencies first."""
    for resource in dependencies.in_order(found for found in ctx.desired.containers if not found.absent):
        if not resource.selected or resource.name in ctx.observed.renewed:
            settle_unselected(ctx, resource)
        elif not is_too_new(ctx, resource):
            _plan(ctx, resource)
    for follower in followers.of_other_plays(ctx):
        if not is_too_new(ctx, follower):
            _plan(ctx, follower)


def _plan(ctx: Context, resource: Workload) -> None:
    need = images.wanted(ctx, resource)
    if crashes_the_engine(ctx, resource, need):
        return
    if has_settings(resource, JobSettings):
        plan_job(ctx, resource, need)
    elif has_settings(resource, ContainerSettings):
        plan_container(ctx, resource, need)


def remove_absent(ctx: Context) -> None:
    """Before others are created: they may need the ports of these."""
    for resource in reversed(dependencies.in_order(ctx.unwanted(RunSettings))):
        plan_absent(ctx, resource)


def prune(ctx: Context) -> None:
    """Also before others are created."""
    for live in ctx.observed.containers:
        kind = ownership.kind_of(live.owner)
        if is_undeclared(ctx, kind, base_name(live.name), live.owner):
            remove(ctx, declared_or_placeholder(ctx, kind, live.name, RunSettings), live, REASON)
    discard_holders(ctx, lambda stub: not is_declared(ctx, *resource_of(stub.owner)), REASON)


def destroy(ctx: Context) -> None:
    """All of the project, dependants first."""
    mine = {found.name: found for found in ctx.observed.containers if found.owner.project == ctx.desired.project}
    declared = [found.name for found in reversed(dependencies.in_order(ctx.desired.containers)) if found.name in mine]
    for name in dict.fromkeys([*declared, *sorted(mine)]):
        resource = declared_or_placeholder(ctx, ownership.kind_of(mine[name].owner), name, RunSettings)
        if not refuse_protected(ctx, resource):
            remove(ctx, resource, mine[name], DESTROYED)
    discard_holders(ctx, lambda stub: not is_protected(ctx, *resource_of(stub.owner)), DESTROYED)


def of_kind(kind: Kind, observed: Observed) -> Iterator[ObservedContainer | Stub]:
    """Containers that were created as containers, or for jobs."""
    everything: tuple[ObservedContainer | Stub, ...] = (*observed.containers, *observed.others)
    return (found for found in everything if ownership.kind_of(found.owner) is kind)
