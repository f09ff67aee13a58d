"""The drift of a container."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from deployer.fields.field import Change
from deployer.fields.options import RunState
from deployer.model.desired import Container, Workload
from deployer.model.drift import Drift, Verdict
from deployer.model.observed import ObservedContainer
from deployer.model.plan import FieldDiff
from deployer.planning.container.judging import compare, compare_fields, foreign
from deployer.planning.container.plan import has_completed
from deployer.planning.context import Context, is_ours
from deployer.planning.image import plan as images
from deployer.planning.three_way import as_recorded, three_way
from deployer.values import image


def drift(ctx: Context, resource: Container) -> Iterator[Drift]:
    live = ctx.observed.container(resource.name)
    if live is None:
        yield Drift(resource.address, Verdict.GONE)
        return
    if not is_ours(ctx, resource, live):
        diffs = compare(ctx, resource, live, images.wanted(ctx, resource))
        yield from of_others(ctx, resource, live, diffs, differs=bool(diffs))
    else:
        wish = compare_fields(ctx, resource, live)
        applied = compare_fields(ctx, as_recorded(ctx, resource, live.owner, live.values), live)
        yield from in_one((*image_of(ctx, resource, live), *three_way(ctx, resource, live, wish, applied)))
    if is_ours(ctx, resource, live) or not live.owner.managed:
        yield from _health(ctx, resource, live)


def in_one(found: tuple[Drift, ...]) -> Iterator[Drift]:
    """What was changed in the file, the image among it, is one finding, at last."""
    in_file = [each for each in found if each.verdict is Verdict.IN_FILE]
    yield from (each for each in found if each.verdict is not Verdict.IN_FILE)
    if in_file:
        diffs = tuple(diff for each in in_file for diff in each.diffs)
        yield replace(in_file[-1], diffs=diffs)


def image_of(ctx: Context, resource: Workload, live: ObservedContainer) -> Iterator[Drift]:
    need = images.wanted(ctx, resource)
    if "image" in resource.settings.ignore_changes or need.is_that_of(live, ctx.observed.images.get(live.image_id)):
        return
    old, new = image.familiar(live.image), image.familiar(need.reference)
    if old == new and need.rebuild is not None:
        yield Drift(resource.address, Verdict.TO_BUILD, detail=need.rebuild.why or f"{new} is not on the host")
        return
    if old == new:
        yield Drift(resource.address, Verdict.IMAGE_MOVED, detail=new)
        return
    changed = FieldDiff(("image",), old, new, Change.REPLACE, resource.place(("image",)))
    yield Drift(resource.address, Verdict.IN_FILE, (changed,))


def of_others(
    ctx: Context, resource: Workload, live: ObservedContainer, diffs: tuple[FieldDiff, ...], *, differs: bool
) -> Iterator[Drift]:
    """Nothing was applied to it: it can only be compared with the declaration."""
    if (refusal := foreign(ctx, resource, live, diffs, differs=differs)) is not None:
        detail = refusal.summary if live.owner.managed else ""
        yield Drift(resource.address, Verdict.FOREIGN, diffs, detail)


def _health(ctx: Context, resource: Container, live: ObservedContainer) -> Iterator[Drift]:
    wanted = resource.settings.state
    if wanted is RunState.STARTED and not live.running and not has_completed(ctx, resource, live):
        states = {"exited": f"exited with code {live.exit_code}", "created": "was created but never started"}
        yield Drift(resource.address, Verdict.NOT_RUNNING, detail=states.get(live.state, live.state))
    elif wanted is RunState.STARTED and live.state == "paused":
        yield Drift(resource.address, Verdict.NOT_RUNNING, detail="paused")
    elif wanted is RunState.STARTED and live.state == "restarting":
        yield Drift(resource.address, Verdict.UNHEALTHY, detail=f"keeps restarting, last exit code {live.exit_code}")
    elif wanted is RunState.STARTED and live.health == "unhealthy":
        yield Drift(resource.address, Verdict.UNHEALTHY)
