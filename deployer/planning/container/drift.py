"""The drift of a container."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.fields.options import RunState
from deployer.model.desired import Container, Workload
from deployer.model.drift import Drift, Verdict
from deployer.model.observed import ObservedContainer
from deployer.planning.container.judging import compare_fields
from deployer.planning.container.plan import has_completed
from deployer.planning.context import Context
from deployer.planning.image import plan as images
from deployer.planning.three_way import as_recorded, three_way
from deployer.values import image


def drift(ctx: Context, resource: Container) -> Iterator[Drift]:
    live = ctx.observed.container(resource.name)
    if live is None:
        yield Drift(resource.address, Verdict.GONE)
        return
    wish = compare_fields(ctx, resource, live)
    applied = compare_fields(ctx, as_recorded(ctx, resource, live.owner, live.values), live)
    yield from three_way(ctx, resource, live, wish, applied)
    yield from image_of(ctx, resource, live)
    yield from _health(ctx, resource, live)


def image_of(ctx: Context, resource: Workload, live: ObservedContainer) -> Iterator[Drift]:
    need = images.wanted(ctx, resource)
    if need.is_that_of(live, ctx.observed.images.get(live.image_id)):
        return
    old, new = image.familiar(live.image), image.familiar(need.reference)
    detail = f"{old} → {new}" if old != new else new
    yield Drift(resource.address, Verdict.IN_FILE if old != new else Verdict.IMAGE_MOVED, detail=detail)


def _health(ctx: Context, resource: Container, live: ObservedContainer) -> Iterator[Drift]:
    wanted = resource.settings.state
    if wanted is RunState.STARTED and not live.running and not has_completed(ctx, resource, live):
        detail = f"{live.state} with code {live.exit_code}" if live.state == "exited" else live.state
        yield Drift(resource.address, Verdict.NOT_RUNNING, detail=detail)
    elif wanted is RunState.STARTED and live.state == "restarting":
        yield Drift(resource.address, Verdict.UNHEALTHY, detail=f"keeps restarting, last exit code {live.exit_code}")
    elif wanted is RunState.STARTED and live.health == "unhealthy":
        yield Drift(resource.address, Verdict.UNHEALTHY)
