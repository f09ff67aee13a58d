"""Checks every host with changes, before the first write, for steps that would fail.

The findings are part of the plan, as refusals or notes. A plan without changes checks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial, reduce
from operator import or_

from msgspec import Struct
from msgspec.structs import replace

from deployer.engine.host_facts import gather, output_of
from deployer.engine.remote_images import RemoteImages
from deployer.errors import InternalError, boundary
from deployer.interfaces import Engine, RegistryAuth
from deployer.model.desired import Desired
from deployer.model.observed import Observed
from deployer.model.operations import PushImage
from deployer.model.plan import HostPlan, PlayPlan
from deployer.model.preflight import Facts, Questions
from deployer.planning import preflight
from deployer.usecases.fleet import Fleet


class Basis(Struct, frozen=True):
    """The inputs of planning. `auth` finds credentials for a host's reference."""

    observed: Mapping[str, Observed]
    auth: Callable[[str, str], RegistryAuth | None]


def check(
    plays: Iterable[PlayPlan], desired: Iterable[Iterable[Desired]], basis: Basis, fleet: Fleet
) -> tuple[PlayPlan, ...]:
    """The plays with the findings. `desired`: desired states of each play, by host."""
    plays = tuple(plays)
    wished = [{found.host: found for found in play} for play in desired]
    questions, remote = _questions(plays, wished, basis), RemoteImages()
    answers = fleet.read(questions, lambda host, engine: _gather(host, engine, questions[host], basis, fleet, remote))
    facts = {host: found for host, found in answers.items() if isinstance(found, Facts)}
    judged: list[PlayPlan] = []
    pushed: frozenset[str] = frozenset()
    for play, wishes in zip(plays, wished, strict=True):
        known = {host: replace(found, pushed=pushed) for host, found in facts.items()}
        judged.append(replace(play, hosts=tuple(_judged(host, wishes[host.host], basis, known) for host in play.hosts)))
        steps = (step.operation for host in judged[-1].hosts if not host.refusals for step in host.steps)
        pushed |= {found.reference for found in steps if isinstance(found, PushImage)}
    return tuple(judged)


def _questions(
    plays: Iterable[PlayPlan], wished: Iterable[Mapping[str, Desired]], basis: Basis
) -> dict[str, Questions]:
    """For all plays of a host together."""
    found: dict[str, list[Questions]] = {}
    for play, wishes in zip(plays, wished, strict=True):
        for plan in play.hosts:
            with suppress(InternalError), boundary():
                if asked := preflight.questions(plan, wishes[plan.host], basis.observed[plan.host]):
                    found.setdefault(plan.host, []).append(asked)
    return {host: reduce(or_, asked) for host, asked in found.items()}


def _gather(host: str, engine: Engine, questions: Questions, basis: Basis, fleet: Fleet, remote: RemoteImages) -> Facts:
    return gather(
        engine,
        basis.observed[host],
        questions,
        auth=partial(basis.auth, host),
        shell=partial(output_of, fleet.host(host)),
        taken=preflight.taken,
        remote=remote,
    )


def _judged(plan: HostPlan, desired: Desired, basis: Basis, facts: Mapping[str, Facts]) -> HostPlan:
    """A host that cannot be read or judged keeps its plan: applying it reports the error."""
    found = facts.get(plan.host)
    if found is None or not plan.steps:
        return plan
    try:
        with boundary():
            return preflight.judge(plan, desired, basis.observed[plan.host], found)
    except InternalError as error:
        return replace(plan, notes=(*plan.notes, f"the host could not be checked before the change: {error.message}"))
