"""Networks and volumes of several hosts, with what uses them."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from msgspec import Struct

from deployer.engine import answers
from deployer.engine.answers import ListedContainer
from deployer.errors import DeployerError
from deployer.interfaces import Engine, Json
from deployer.model import ownership, volume_names
from deployer.model.plan import Unreachable
from deployer.usecases.fleet import split
from deployer.usecases.inspect_hosts import fleet_of
from deployer.usecases.load import Request
from deployer.usecases.system import System


class NetworkRow(Struct, frozen=True):
    """`containers`: those that are attached, also stopped ones. `project` and `resource` are "" for a network of no
    project."""

    host: str
    name: str
    id: str
    driver: str
    subnets: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    project: str = ""
    resource: str = ""
    simulated: bool = False


class VolumeRow(Struct, frozen=True):
    """`containers`: those that mount it, also stopped ones."""

    host: str
    name: str
    driver: str
    mountpoint: str = ""
    containers: tuple[str, ...] = ()
    project: str = ""
    resource: str = ""
    simulated: bool = False


Found = TypeVar("Found", NetworkRow, VolumeRow)


def networks(
    request: Request, system: System, names: tuple[str, ...]
) -> tuple[tuple[NetworkRow, ...], tuple[Unreachable, ...]]:
    """By host and name."""
    return _listed(request, system, names, _networks)


def volumes(
    request: Request, system: System, names: tuple[str, ...]
) -> tuple[tuple[VolumeRow, ...], tuple[Unreachable, ...]]:
    """By host and name, without those in which deployer keeps its own records."""
    return _listed(request, system, names, _volumes)


def _listed(
    request: Request, system: System, names: tuple[str, ...], read: Callable[[str, Engine], Iterable[Found]]
) -> tuple[tuple[Found, ...], tuple[Unreachable, ...]]:
    with fleet_of(request, system) as fleet:
        found = fleet.read(fleet.hosts, lambda host, engine: sorted(read(host, engine), key=lambda row: row.name))
    rows, lost = split(found)
    meant = (row for row in rows if not request.project or row.project == request.project)
    named = tuple(row for row in meant if not names or any(fnmatch.fnmatchcase(row.name, name) for name in names))
    unknown = [name for name in names if not any(fnmatch.fnmatchcase(row.name, name) for row in named)]
    if unknown and not lost:
        listed = ", ".join(f"'{name}'" for name in unknown)
        raise DeployerError(f"these hosts have nothing named {listed}", hint="without a name, everything is listed")
    return named, lost


def _networks(host: str, engine: Engine) -> Iterable[NetworkRow]:
    used: dict[str, list[str]] = {}
    for container in _containers(engine):
        attached = container.network_settings.networks if container.network_settings else None
        for name in attached or ():
            used.setdefault(name, []).append(container.name)
    simulated = engine.describe().simulated
    for entry in engine.list_networks():
        found = answers.read(entry, answers.Network, "/networks")
        owner = ownership.read(found.labels, found.name)
        yield NetworkRow(
            host=host,
            name=found.name,
            id=found.id,
            driver=str(entry.get("Driver") or ""),
            subnets=tuple(_subnets(entry)),
            containers=tuple(sorted(used.get(found.name, ()))),
            project=owner.project,
            resource=owner.resource,
            simulated=simulated,
        )


def _subnets(network: Json) -> list[str]:
    ipam: dict[str, Any] = network.get("IPAM") or {}
    return [str(config["Subnet"]) for config in ipam.get("Config") or () if config.get("Subnet")]


def _volumes(host: str, engine: Engine) -> Iterable[VolumeRow]:
    used: dict[str, list[str]] = {}
    for container in _containers(engine):
        for mount in container.mounts or ():
            if mount.type == "volume":
                used.setdefault(mount.name, []).append(container.name)
    simulated = engine.describe().simulated
    for entry in engine.list_volumes():
        found = answers.read(entry, answers.Volume, "/volumes")
        if volume_names.is_own(found.name):
            continue
        owner = ownership.read(found.labels, found.name)
        yield VolumeRow(
            host=host,
            name=found.name,
            driver=str(entry.get("Driver") or ""),
            mountpoint=str(entry.get("Mountpoint") or ""),
            containers=tuple(sorted(set(used.get(found.name, ())))),
            project=owner.project,
            resource=owner.resource,
            simulated=simulated,
        )


def _containers(engine: Engine) -> tuple[ListedContainer, ...]:
    return answers.read(engine.list_containers(), tuple[ListedContainer, ...], "/containers/json")
