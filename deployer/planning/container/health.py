"""Health of containers: which ones a run waits for, and for how long.

A run waits for the containers that it changes, their dependants, and those that no run has seen working since they were
created. If a container fails that the run only waits for, the run fails without a rollback. Other failing containers
are noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from deployer.fields.container.health import interval, time_to_verdict
from deployer.fields.options import Condition, RunState
from deployer.model import dependencies
from deployer.model.desired import Container, Desired
from deployer.model.observed import ObservedContainer
from deployer.model.operations import AwaitCompleted, AwaitHealthy, Target
from deployer.model.plan import ResourceChange
from deployer.model.secrets import redact
from deployer.model.settings import ContainerSettings
from deployer.planning.context import Context, completes, is_ours
from deployer.planning.image import plan as images
from deployer.values import duration

FIRST_LOOK: Final = 1.0
"""Seconds that a container without a healthcheck is watched if it replaces no other."""

LONGEST_PAUSE: Final = 60.0
"""Seconds that the engine waits at most before it restarts a container that keeps ending (moby, restartmanager)."""


def watched(ctx: Context, resource: Container, target: Target) -> AwaitHealthy:
    """The wait that ends when a container works. Its time is at least what the healthcheck needs."""
    update = resource.settings.update
    needed = time_to_verdict(_healthcheck(ctx, resource, target))
    if needed > update.health_timeout:
        shown = duration.show(int(needed * duration.SECOND))
        set_to = duration.show(int(update.health_timeout * duration.SECOND))
        ctx.draft.note(
            f"{resource.address.label}: health_timeout is raised from {set_to} to {shown}, "
            "the start_period and interval of its healthcheck"
        )
    if update.probe is not None:
        probe = redact(str(update.probe), ctx.desired.secrets)
        ctx.draft.note(f"{resource.address.label}: works when its probe succeeds, {probe}")
    return AwaitHealthy(target, max(update.health_timeout, needed), update.monitor, update.watch, probe=update.probe)


def _healthcheck(ctx: Context, resource: Container, target: Target) -> Mapping[str, Any]:
    """The declared one over the image's; of an image that is to be pulled, it is not known yet."""
    live = ctx.observed.container_by_id(target) if isinstance(target, str) else None
    if live is not None:
        return live.values.get("healthcheck") or {}
    image = images.wanted(ctx, resource).known
    inherited = (image.values.get("healthcheck") or {}) if image is not None else {}
    return {**inherited, **(resource.values.get("healthcheck") or {})}


def awaited(ctx: Context, resource: Container, target: Target) -> AwaitHealthy | AwaitCompleted:
    """The wait that proves that a container works: it is healthy; for a job, it completes."""
    if completes(ctx, resource.name):
        return AwaitCompleted(target)
    return watched(ctx, resource, target)


def await_started(ctx: Context) -> None:
    """Wait for every started container until it works. Containers that others depend on have a wait already; the rest
    are awaited together at the end."""
    for found in ctx.containers.started:
        name, update = found.resource.name, found.resource.settings.update
        if completes(ctx, name) or (name, Condition.HEALTHY) in ctx.containers.awaited:
            continue
        wait = replace(watched(ctx, found.resource, found.target), monitor=min(update.monitor, FIRST_LOOK))
        live = ctx.observed.container_by_id(found.target) if isinstance(found.target, str) else None
        if live is not None and live.state == "paused":
            # Probes fail while it is paused.
            wait = replace(wait, grace=wait.timeout)
        ctx.draft.step(wait, found.resource.address, "must work", after=found.after)


def judged(desired: Desired, changes: Iterable[ResourceChange]) -> frozenset[str]:
    """Names of the containers that a run answers for: those that it changes, and those that depend on them."""
    found = {change.address.name for change in changes if change.address.kind.is_container}
    for resource in dependencies.in_order(desired.containers):
        if not found.isdisjoint(dependencies.containers(resource)):
            found.add(resource.name)
    return frozenset(found)


def await_failing(ctx: Context) -> None:
    """Wait at the end for containers that already fail and that this run answers for; note the rest."""
    answered = judged(ctx.desired, ctx.draft.changes)
    for failing in _failing(ctx):
        resource, live = failing.resource, failing.live
        label, words = resource.address.label, failing.words
        if resource.name in answered:
            why = "this run changes it or what it depends on"
        elif not live.proven:
            why = "no run has seen it working yet"
        elif live.state == "restarting" or live.health == "unhealthy":
            ctx.draft.note(f"{label}: {words}; this run does not change it")
            continue
        else:
            continue
        ctx.draft.note(f"{label}: {words}; {why}, so apply waits until it works, and fails if it does not")
        wait = replace(watched(ctx, resource, live.id), grace=_patience(ctx, resource, live))
        ctx.draft.at_last(wait, resource.address, "fails already")


class _Failing(Struct, frozen=True):
    """`words`: what is wrong, as far as it is known."""

    resource: Container
    live: ObservedContainer
    words: str


def _failing(ctx: Context) -> Iterator[_Failing]:
    """Running containers of the project that may not work, without those that the plan starts or waits for anyway."""
    seen_to = {*ctx.containers.renewed, *(refusal.address.name for refusal in ctx.draft.refusals)}
    for resource in ctx.wanted(ContainerSettings):
        live = ctx.observed.container(resource.name)
        if live is None or resource.name in seen_to or resource.settings.state is not RunState.STARTED:
            continue
        ours = live.running and is_ours(ctx, resource, live) and live.id not in ctx.draft.waited_for()
        if ours and (words := _words(live)):
            yield _Failing(resource, live, words)


def _words(live: ObservedContainer) -> str:
    if live.state == "restarting":
        return f"keeps restarting, last exit code {live.exit_code}"
    if live.health in ("unhealthy", "starting"):
        return "is unhealthy" if live.health == "unhealthy" else "is not healthy yet"
    return "was restarted by the engine" if live.restarts and not live.proven else ""


def _patience(ctx: Context, resource: Container, live: ObservedContainer) -> float:
    """Seconds in which it may go on failing: where something is changed, that may help it."""
    update = resource.settings.update
    if not ctx.draft.changes:
        return interval(live.values.get("healthcheck") or {}) if live.has_healthcheck else update.monitor
    return max(update.health_timeout, LONGEST_PAUSE + update.monitor if live.state == "restarting" else 0.0)
