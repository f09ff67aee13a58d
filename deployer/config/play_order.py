"""Reports a container that refers to a resource of a later play of its host, which does not exist yet."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.diagnostics import Problems
from deployer.model import dependencies
from deployer.model.desired import AnyResource, Desired, Kind, slot


def check_play_order(plays: Sequence[Desired], problems: Problems) -> None:
    """`plays`: those of one host, in order."""
    later: dict[tuple[Kind, str], AnyResource] = {}
    for play in reversed(plays):
        for resource in play.resources:
            later.pop(slot(resource.kind, resource.name), None)
        for resource in play.resources:
            if resource.kind.is_container and resource.selected and not resource.absent:
                _check(resource, later, problems)
        later |= {slot(found.kind, found.name): found for found in play.resources if not found.absent}


def _check(resource: AnyResource, later: dict[tuple[Kind, str], AnyResource], problems: Problems) -> None:
    for kind, name, place in dependencies.references(resource):
        if found := later.get(slot(kind, name)):
            summary = f"{found.kind} {name} is declared only in a later play, at {found.origin}"
            hint = "declare it in this play or an earlier one"
            problems.add(place, summary, address=resource.address.label, hint=hint)
