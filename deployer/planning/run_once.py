"""Jobs with `run_once`: the host that runs them comes first in its play. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from deployer.model.desired import Address, Kind, RunOnce
from deployer.model.plan import Action, HostPlan, PlayPlan, Refusal


def lead(play: PlayPlan, once: RunOnce) -> PlayPlan:
    """If such a job is to run, its host is the first batch, alone. If that host is unreachable, the others are not
    changed. If `--limit` excludes it, the others get a note that the job counts as done."""
    plans = {found.host: found for found in play.hosts}
    leader = plans.get(once.host)
    if leader is None:
        tell = _refused if once.reached else _noted
        return replace(play, hosts=tuple(tell(found, once) for found in play.hosts))
    running = tuple(name for name in once.jobs if _runs(leader, name))
    if not (running or leader.refusals):
        return play
    return replace(play, batches=alone_first(play.batches, once.host), once=replace(once, jobs=running))


def alone_first(batches: Iterable[tuple[str, ...]], leader: str) -> tuple[tuple[str, ...], ...]:
    """The batches with this host alone in the first."""
    others = (tuple(host for host in batch if host != leader) for batch in batches)
    return ((leader,), *filter(None, others))


def _runs(leader: HostPlan, name: str) -> bool:
    address = Address(leader.host, Kind.JOB, name)
    return any(change.action is Action.RUN and change.address == address for change in leader.changes)


def _names(once: RunOnce) -> str:
    return f"{'job' if len(once.jobs) == 1 else 'jobs'} {', '.join(once.jobs)}"


def _noted(found: HostPlan, once: RunOnce) -> HostPlan:
    if not found.changes:
        return found
    text = f"{_names(once)}: run once, on {once.host}, which --limit excludes; it counts as done here"
    return replace(found, notes=(*found.notes, text))


def _refused(found: HostPlan, once: RunOnce) -> HostPlan:
    if not found.steps:
        return found
    summary = f"runs once, on {once.host}, which is unreachable"
    hint = f"make {once.host} reachable, or exclude it: with --limit 'all:!{once.host}' the job counts as done"
    refusals = tuple(Refusal(Address(found.host, Kind.JOB, name), summary, hint) for name in once.jobs)
    return replace(found, refusals=(*found.refusals, *refusals))
