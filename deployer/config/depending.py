"""What containers and jobs of one host say they depend on: whether it is there, and when it is met."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from deployer.diagnostics import Problems, did_you_mean
from deployer.model import dependencies
from deployer.model.desired import Dependency, Kind, Resource

COMPLETED: Final = "service_completed_successfully"
STARTED: Final = "service_started"


def settle_dependencies(
    resources: Iterable[Resource], known: Mapping[str, Kind], problems: Problems
) -> tuple[Resource, ...]:
    """The resources with every condition that was left out: a job has to complete, a container to be started. `known`:
    the names of containers and jobs, of those with mistakes too."""
    settled = tuple(_settled(found, known) for found in resources)
    declared = {found.name: found for found in settled if found.kind.is_container}
    for resource in declared.values():
        for needed in resource.settings.depends_on:
            for summary, hint in _mistakes(needed, known, declared):
                place = resource.place(("depends_on", needed.name))
                problems.add(place, summary, address=resource.address.label, hint=hint)
    along = list(dependencies.cycle(settled))
    if along:
        first = declared[along[0]]
        problems.add(first.origin, f"containers depend on each other: {' → '.join(along)}", address=first.address.label)
    return settled


def _settled(resource: Resource, known: Mapping[str, Kind]) -> Resource:
    if all(needed.condition for needed in resource.settings.depends_on):
        return resource
    needs = tuple(
        replace(needed, condition=needed.condition or (COMPLETED if known.get(needed.name) is Kind.JOB else STARTED))
        for needed in resource.settings.depends_on
    )
    return replace(resource, settings=replace(resource.settings, depends_on=needs))


def _mistakes(
    needed: Dependency, known: Mapping[str, Kind], declared: Mapping[str, Resource]
) -> Iterator[tuple[str, str]]:
    """(what is wrong, what to do about it)."""
    if needed.name not in known:
        if needed.required:
            hint = did_you_mean(needed.name, known) or "declare it in the same play"
            yield f"no container or job '{needed.name}'", hint
        return
    if known[needed.name] is Kind.JOB and needed.condition != COMPLETED:
        hint = f"leave condition out, or write {COMPLETED}"
        yield f"'{needed.name}' is a job, and what depends on one waits until it has ended well", hint
    other = declared.get(needed.name)
    if needed.condition == COMPLETED and other is not None and other.values.get("auto_remove"):
        hint = "leave auto_remove out there, or declare it under jobs"
        yield f"'{needed.name}' removes itself when it ends, so nobody can see how it ended", hint
