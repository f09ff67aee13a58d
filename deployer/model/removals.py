"""Plans that remove more of a project than the playbooks of the run declare: a file may not be the whole project."""

from __future__ import annotations

from msgspec import Struct

from deployer.model.desired import Kind, slot
from deployer.model.plan import Action, Plan


class Removals(Struct, frozen=True):
    """How many objects of a project are removed that no playbook of the run declares on any host, and how many are
    declared, on all its hosts. Images do not count: they can be pulled again."""

    project: str
    undeclared: int
    declared: int


def outnumbering(plan: Plan) -> tuple[Removals, ...]:
    """By project, where more is removed that is not declared than is declared."""
    found: list[Removals] = []
    for project in sorted({host.project for host in plan.hosts}):
        hosts = [host for host in plan.hosts if host.project == project]
        declared = [key for host in hosts for key in host.declared if key[0] is not Kind.IMAGE]
        removed = [
            slot(change.address.kind, change.address.name)
            for host in hosts
            for change in host.changes
            if change.action is Action.REMOVE and change.address.kind is not Kind.IMAGE and not host.refusals
        ]
        undeclared = len([key for key in removed if key not in set(declared)])
        if undeclared > len(declared):
            found.append(Removals(project, undeclared, len(declared)))
    return tuple(found)
