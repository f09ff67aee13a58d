"""Explicit and implicit dependencies of a resource, and the resulting order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from deployer.diagnostics import Origin
from deployer.fields.options import RunState
from deployer.model.desired import AnyResource, Kind, Workload, has_settings
from deployer.model.settings import Dependency, RunSettings
from deployer.values import mount

NAMESPACES: Final = {"network_mode": "network", "ipc": "IPC namespace", "pid": "PID namespace"}
"""Fields by which a container shares a namespace of another one, in words."""


def depends_on(resource: Workload) -> tuple[Dependency, ...]:
    """Containers that must have reached a condition before this one starts: declared, or linked to."""
    declared = {dependency.name: dependency for dependency in resource.settings.depends_on}
    for link in _links(resource):
        name = link.partition(":")[0]
        declared.setdefault(name, Dependency(name, required=False))
    return tuple(declared.values())


def _links(resource: AnyResource) -> Iterator[str]:
    """Links on user-defined networks follow the name, so any container with that name."""
    yield from resource.values.get("links") or ()
    for endpoint in (resource.values.get("networks") or {}).values():
        yield from endpoint.get("links", ())


def shared_namespaces(values: Mapping[str, Any]) -> dict[str, str]:
    """Containers, by name or id, whose namespaces a container of these values is in, with the field."""
    modes = ((field, str(values.get(field, ""))) for field in NAMESPACES)
    return {mode.partition(":")[2]: field for field, mode in modes if mode.startswith("container:")}


def id_references(resource: AnyResource) -> dict[str, str]:
    """Containers that it refers to by id, with the field: it is replaced when they are."""
    found = shared_namespaces(resource.values)
    for field in ("volumes_from", "links"):
        for name in resource.values.get(field) or ():
            found.setdefault(name.partition(":")[0], field)
    return found


def leaders(resource: AnyResource) -> tuple[str, ...]:
    """Containers whose namespaces or mounts it shares, or that it is linked to."""
    return tuple(id_references(resource))


def networks(resource: AnyResource) -> tuple[str, ...]:
    return tuple(resource.values.get("networks") or ())


def fixed_on(resource: AnyResource, network: str) -> bool:
    """Whether it is attached to the network with a fixed address."""
    endpoint = (resource.values.get("networks") or {}).get(network) or {}
    return bool(endpoint.get("ipv4_address") or endpoint.get("ipv6_address"))


def volumes(resource: AnyResource) -> tuple[str, ...]:
    """Named volumes it mounts."""
    mounts: Iterable[mount.Mount] = (resource.values.get("volumes") or {}).values()
    return tuple(sorted({own["source"] for own in mounts if own["type"] == "volume" and own["source"]}))


def references(resource: AnyResource) -> Iterator[tuple[Kind, str, Origin]]:
    """Networks, volumes and containers that must exist before it is created, with the field that names them."""
    for name in networks(resource):
        yield Kind.NETWORK, name, resource.place(("networks", name))
    mounts: dict[str, mount.Mount] = resource.values.get("volumes") or {}
    for target, own in mounts.items():
        if own["type"] == "volume" and own["source"]:
            yield Kind.VOLUME, own["source"], resource.place(("volumes", target))
    for name in leaders(resource):
        yield Kind.CONTAINER, name, resource.origin


def containers(resource: Workload) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*(found.name for found in depends_on(resource)), *leaders(resource)]))


def in_order(resources: Iterable[AnyResource]) -> tuple[Workload, ...]:
    """Containers and jobs after their dependencies; otherwise those to be stopped first, then those with fixed
    addresses, by name. Raises `graphlib.CycleError`."""
    by_name = {resource.name: resource for resource in resources if has_settings(resource, RunSettings)}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name, resource in sorted(by_name.items()):
        sorter.add(name, *(needed for needed in containers(resource) if needed in by_name))
    sorter.prepare()
    found: list[Workload] = []
    while sorter.is_active():
        ready = sorted((by_name[name] for name in sorter.get_ready()), key=_precedence)
        found += ready
        sorter.done(*(resource.name for resource in ready))
    return tuple(found)


def _precedence(resource: Workload) -> tuple[bool, bool, str]:
    fixed = any(fixed_on(resource, network) for network in networks(resource))
    return resource.settings.state is not RunState.STOPPED, not fixed, resource.name


def cycle(resources: Iterable[AnyResource]) -> Iterator[str]:
    """Names along a cycle, the first one repeated at the end; empty without a cycle."""
    try:
        in_order(resources)
    except CycleError as error:
        yield from reversed(error.args[1])
