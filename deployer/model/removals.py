"""Plans that remove more of a project than the playbooks of the run declare: a file may not be the whole project."""

from __future__ import annotations

from msgspec import Struct

from deployer.model.desired import Kind, slot
from deployer.model.files import above
from deployer.model.plan import Action, Plan, ResourceChange


class Removals(Struct, frozen=True):
    """How many objects of a project are removed that no playbook of the run declares on any host, and how many besides
    images are declared, on all its hosts. Directories above files count with these."""

    project: str
    undeclared: int
    declared: int


def outnumbering(plan: Plan) -> tuple[Removals, ...]:
    """By project, where more is removed that is not declared than is declared. Images do not weigh: they can be pulled
    again."""
    found: list[Removals] = []
    for project in sorted({host.project for host in plan.hosts}):
        hosts = [host for host in plan.hosts if host.project == project]
        declared = [key for host in hosts for key in host.declared if key[0] is not Kind.IMAGE]
        known = set(declared)
        changes = [change for host in hosts if not host.refusals for change in host.changes]
        files = {each.address.name for each in changes if each.address.kind is Kind.FILE}
        files |= {name for kind, name in known if kind is Kind.FILE}
        known |= {(Kind.FILE, folder) for name in files for folder in above(name)}
        undeclared = [change.address.kind for change in changes if _is_undeclared(change, known)]
        if sum(kind is not Kind.IMAGE for kind in undeclared) > len(declared):
            found.append(Removals(project, len(undeclared), len(declared)))
    return tuple(found)


def _is_undeclared(change: ResourceChange, known: set[tuple[Kind, str]]) -> bool:
    """Whether it removes what has no place in a file, here or for another host."""
    address, placed = change.address, change.origin is not None and change.origin.line > 0
    return change.action is Action.REMOVE and not placed and slot(address.kind, address.name) not in known
