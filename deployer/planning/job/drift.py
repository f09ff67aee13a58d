"""The drift of a job."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.model.desired import Job
from deployer.model.drift import Drift, Verdict
from deployer.planning.container.drift import image_of, in_one, of_others
from deployer.planning.context import Context, is_ours
from deployer.planning.image import plan as images
from deployer.planning.job.plan import changed, reason_to_run_again


def drift(ctx: Context, resource: Job) -> Iterator[Drift]:
    """Its container only records that it ran: the declaration and the exit code of that run are compared."""
    live = ctx.observed.container(resource.name)
    if live is None or live.state == "created":
        yield Drift(resource.address, Verdict.NOT_RUN)
        return
    found = changed(ctx, resource, live, images.wanted(ctx, resource))
    if not is_ours(ctx, resource, live):
        differs = bool(found or live.running or reason_to_run_again(resource, live))
        yield from of_others(ctx, resource, live, found, differs=differs)
        return
    in_file = tuple(diff for diff in found if diff.path != ("image",))
    others = (Drift(resource.address, Verdict.IN_FILE, in_file),) if in_file else ()
    yield from in_one((*image_of(ctx, resource, live), *others))
    if not live.running and (live.state != "exited" or live.exit_code):
        yield Drift(resource.address, Verdict.RUN_FAILED, detail=f"{live.state} with code {live.exit_code}")
