"""Jobs with `run_once`: declared for all hosts of a play, run on the first one."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from deployer.diagnostics import Problems
from deployer.model.desired import AnyResource, Desired, Job, Kind, RunOnce, has_settings
from deployer.model.settings import JobSettings, RunSettings


def settle_run_once(
    plays: Iterable[Desired], first: str, problems: Problems
) -> tuple[tuple[Desired, ...], RunOnce | None]:
    """One play on its hosts, with such jobs only on the `first` host of the whole play. On other hosts, a dependency on
    the job counts as met. If `--limit` excludes the first host, the job is not run: it may have run there already."""
    plays = tuple(plays)
    once = {job.name: job for play in plays for job in play.of(JobSettings) if job.settings.run_once}
    if not once:
        return plays, None
    for play in plays:
        if play.host == first:
            _report_left_out(play, once, problems)
    settled = tuple(play if play.host == first else _without(play, once) for play in plays)
    return settled, RunOnce(first, tuple(sorted(once)), reached=any(play.host == first for play in plays))


def _report_left_out(play: Desired, once: dict[str, Job], problems: Problems) -> None:
    for name, job in sorted(once.items()):
        if play.find(Kind.JOB, name) is None:
            summary = f"has run_once, but 'when' excludes {play.host}, the first host, where it would run"
            hint = "make 'when' the same for all hosts"
            problems.add(job.origin, summary, address=job.address.label, hint=hint)


def _without(play: Desired, once: dict[str, Job]) -> Desired:
    kept = (found for found in play.resources if not (found.kind is Kind.JOB and found.name in once))
    return replace(play, resources=tuple(_freed(found, once) for found in kept))


def _freed(resource: AnyResource, once: dict[str, Job]) -> AnyResource:
    if not has_settings(resource, RunSettings):
        return resource
    needs = resource.settings.depends_on
    left = tuple(needed for needed in needs if needed.name not in once)
    return resource if left == needs else replace(resource, settings=replace(resource.settings, depends_on=left))
