"""Dependencies between the containers and jobs of one host: whether the dependency exists, and its condition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from deployer.diagnostics import Problems, did_you_mean
from deployer.fields.options import Condition
from deployer.model import dependencies
from deployer.model.desired import AnyResource, Kind, Workload, has_settings
from deployer.model.kinds import KINDS
from deployer.model.settings import Dependency, RunSettings


def settle_dependencies(
    resources: Iterable[AnyResource], known: Mapping[str, Kind], problems: Problems
) -> tuple[AnyResource, ...]:
    """The resources with every omitted condition: a job must complete, a container must be started. `known`: the names
    of containers and jobs, including those with errors."""
    settled = tuple(_settled(found, known) for found in resources)
    declared = {found.name: found for found in settled if has_settings(found, RunSettings)}
    for resource in declared.values():
        for needed in resource.settings.depends_on:
            for summary, hint in _errors_of(needed, known, declared):
                place = resource.place(("depends_on", needed.name))
                problems.add(place, summary, address=resource.address.label, hint=hint)
    along = list(dependencies.cycle(settled))
    if along:
        first = declared[along[0]]
        problems.add(first.origin, f"containers depend on each other: {' → '.join(along)}", address=first.address.label)
    return settled


def _settled(resource: AnyResource, known: Mapping[str, Kind]) -> AnyResource:
    if not has_settings(resource, RunSettings):
        return resource
    needs = tuple(
        replace(needed, condition=needed.condition or _condition(known.get(needed.name)))
        for needed in resource.settings.depends_on
    )
    return replace(resource, settings=replace(resource.settings, depends_on=needs))


def _condition(kind: Kind | None) -> Condition:
    return Condition.STARTED if kind is None else KINDS[kind].condition


def _errors_of(
    needed: Dependency, known: Mapping[str, Kind], declared: Mapping[str, Workload]
) -> Iterator[tuple[str, str]]:
    """(what is wrong, how to fix it)."""
    if needed.name not in known:
        if needed.required:
            hint = did_you_mean(needed.name, known) or "declare it in the same play"
            yield f"no container or job '{needed.name}'", hint
        return
    kind = known[needed.name]
    if KINDS[kind].condition is Condition.COMPLETED is not needed.condition:
        hint = f"omit condition, or write {Condition.COMPLETED}"
        yield f"'{needed.name}' is a {kind}, and its dependants wait until it has completed", hint
    other = declared.get(needed.name)
    if needed.condition is Condition.COMPLETED and other is not None and other.values.get("auto_remove"):
        hint = "omit auto_remove there, or declare it under jobs"
        yield f"'{needed.name}' removes itself when it ends, so its exit code is not available", hint
