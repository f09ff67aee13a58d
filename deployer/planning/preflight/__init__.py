"""What would fail on a host is found before the first write: a plan and facts in, refusals and notes out.

A refusal is only for what is certain to fail; whatever may still work is a note.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from deployer.model.desired import Desired
from deployer.model.observed import Observed
from deployer.model.operations import BuildImage, CreateContainer, CreateNetwork, PullImage, SendImage
from deployer.model.plan import HostPlan, Refusal
from deployer.model.preflight import Facts, Listener, Questions
from deployer.planning.preflight import images, kernel, mounts, names, ports, room, subnets
from deployer.planning.preflight.checked import CheckedHost, Finding
from deployer.planning.refusals import without_refused


def questions(plan: HostPlan, desired: Desired, observed: Observed) -> Questions:
    """Nothing for a plan that makes, starts and pulls nothing."""
    operations = [step.operation for step in plan.steps]
    return Questions(
        ports=frozenset(found.published for found in ports.wanted(plan, observed)),
        sources=frozenset(found.source for found in mounts.binds(plan)),
        pulls=frozenset(images.unasked(plan, observed)),
        fetched=frozenset(images.fetched(plan, observed)),
        routes=any(isinstance(each, CreateNetwork) for each in operations),
        room=any(isinstance(each, PullImage | SendImage | BuildImage | CreateContainer) for each in operations),
        sysctls=frozenset(name for _, name, _ in kernel.required(plan, desired)),
    )


def taken(questions: Questions, listeners: Iterable[Listener]) -> tuple[Listener, ...]:
    """Listeners at which a closer look is needed."""
    return tuple(found for found in listeners if any(ports.clash(each, found) is not False for each in questions.ports))


def judge(plan: HostPlan, desired: Desired, observed: Observed, facts: Facts) -> HostPlan:
    """The plan with what was found about it."""
    checked = CheckedHost(plan, desired, observed, facts)
    found = tuple(_findings(checked))
    refusals = (each for each in found if isinstance(each, Refusal))
    notes = (each for each in found if isinstance(each, str))
    judged = replace(
        plan,
        changes=tuple(images.explained(change, checked) for change in plan.changes),
        refusals=tuple(dict.fromkeys((*plan.refusals, *refusals))),
        notes=tuple(dict.fromkeys((*plan.notes, *notes))),
    )
    return without_refused(judged)


def _findings(checked: CheckedHost) -> Iterator[Finding]:
    yield from images.findings(checked)
    yield from room.findings(checked)
    yield from subnets.findings(checked)
    yield from ports.findings(checked)
    yield from mounts.findings(checked)
    yield from names.findings(checked)
    yield from kernel.findings(checked)
