"""What is declared for all hosts of a play and done on one: jobs with `run_once`, and pushes of images."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from msgspec.structs import replace

from deployer.diagnostics import Problems
from deployer.model.desired import AnyResource, Desired, Job, Kind, RunOnce, has_settings
from deployer.model.settings import ImageSettings, JobSettings, RunSettings


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


def push_once(plays: Iterable[Desired]) -> Iterator[Desired]:
    """One play on its hosts, with each reference pushed by the first host that declares it. The others only tag it."""
    pushed: set[str] = set()
    for play in plays:
        yield replace(play, resources=tuple(_pushing(found, pushed) for found in play.resources))
        pushed |= {reference for found in play.of(ImageSettings) for reference in _pushes(found)}


def _pushes(resource: AnyResource) -> tuple[str, ...]:
    if not has_settings(resource, ImageSettings) or resource.absent or not resource.selected:
        return ()
    return resource.settings.pushed


def _pushing(resource: AnyResource, pushed: Collection[str]) -> AnyResource:
    if not has_settings(resource, ImageSettings) or not resource.settings.push:
        return resource
    settings = resource.settings
    left = tuple(reference for reference in settings.pushed if reference not in pushed)
    return replace(resource, settings=replace(settings, push=left, tag_as=settings.targets))
