"""Carries out the plan of one host."""

from deployer.applying.executor import Execution, abandon, change, commit, may_commit
from deployer.applying.performing import Tools
from deployer.model.plan import HostPlan


def execute(plan: HostPlan, tools: Tools) -> Execution:
    """Both phases, one after the other."""
    done = change(plan, tools)
    return commit(plan, tools, done) if may_commit(plan, done) else abandon(plan, tools, done)
