"""A plan judged by facts, in few words."""

from typing import Any

from deployer.model.observed import Observed
from deployer.model.plan import HostPlan
from deployer.model.preflight import Facts, Questions
from deployer.planning.policy import Policy
from deployer.planning.preflight import judge, questions
from deployer.planning.reconcile import reconcile
from tests.planning.build import EMPTY, applied, play

NOTHING = applied(EMPTY)


def judged(text: str, host: Observed = NOTHING, /, **facts: Any) -> HostPlan:
    desired = play(text)
    return judge(reconcile(desired, host, Policy()), desired, host, Facts(**facts))


def asked(text: str, host: Observed = NOTHING) -> Questions:
    desired = play(text)
    return questions(reconcile(desired, host, Policy()), desired, host)


def refused(plan: HostPlan) -> list[str]:
    """`shop.yml:2 container.web: what (hint)`."""
    return [f"{found.origin and found.origin.short} {found.address.label}: {found.summary}" for found in plan.refusals]
