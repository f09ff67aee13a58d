"""Containers, images, networks and volumes of several hosts; with a playbook, each with what it is to it."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from deployer.engine import answers
from deployer.engine.answers import ListedContainer
from deployer.errors import DeployerError
from deployer.interfaces import Engine, Json
from deployer.model import ownership, volume_names
from deployer.model.container_names import is_beside
from deployer.model.drift import DriftReport
from deployer.model.plan import Unreachable
from deployer.usecases.fleet import Fleet, split
from deployer.usecases.inspect_hosts import Row, fleet_of, read_rows
from deployer.usecases.load import Loaded, Request, load
from deployer.usecases.plan import compare_all
from deployer.usecases.system import System
from deployer.values import image

DECLARED: Final = "declared"
UNDECLARED: Final = "undeclared"
KEPT: Final = "kept"
OTHER: Final = "other_project"
FOREIGN: Final = "foreign"
"""Marks besides the verdicts of `drift`."""


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
    mark: str = ""


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
    mark: str = ""


class ImageRow(Struct, frozen=True):
    """One name of an image; `id` in 12 digits, `size` in bytes, `used` by so many containers."""

    host: str
    name: str
    id: str
    size: int
    used: int
    simulated: bool = False
    mark: str = ""


_Lost: TypeAlias = tuple[Unreachable, ...]
Found = TypeVar("Found", Row, NetworkRow, VolumeRow, ImageRow)


def containers(request: Request, system: System, names: tuple[str, ...]) -> tuple[tuple[Row, ...], _Lost]:
    """By host and name, as all of these."""
    return _listed(request, system, names, lambda host, engine: read_rows(host, engine, ""))


def networks(request: Request, system: System, names: tuple[str, ...]) -> tuple[tuple[NetworkRow, ...], _Lost]:
    return _listed(request, system, names, _networks)


def volumes(request: Request, system: System, names: tuple[str, ...]) -> tuple[tuple[VolumeRow, ...], _Lost]:
    """Without those in which deployer keeps its own records."""
    return _listed(request, system, names, _volumes)


def images(request: Request, system: System, names: tuple[str, ...]) -> tuple[tuple[ImageRow, ...], _Lost]:
    """A name without a tag means all tags."""
    tagged = tuple(name if ":" in name.rpartition("/")[2] else f"{name}:*" for name in names)
    return _listed(request, system, tagged, _images)


def _listed(
    request: Request, system: System, names: tuple[str, ...], read: Callable[[str, Engine], Iterable[Found]]
) -> tuple[tuple[Found, ...], tuple[Unreachable, ...]]:
    loaded = _loaded(request, system)
    limited = request if loaded is None else replace(request, pattern="", limit="")
    with fleet_of(limited, system) if loaded is None else Fleet(loaded.hosts, request.forks, system.awaiting) as fleet:
        found = fleet.read(fleet.hosts, lambda host, engine: sorted(read(host, engine), key=_order))
        marks = None if loaded is None else Marks(loaded, compare_all(loaded, fleet))
    rows, lost = split(found)
    wanted = "" if loaded is not None else request.project
    meant = (row for row in rows if not wanted or getattr(row, "project", wanted) == wanted)
    named = tuple(row for row in meant if not names or any(fnmatch.fnmatchcase(row.name, name) for name in names))
    unknown = [name for name in names if not any(fnmatch.fnmatchcase(row.name, name) for row in named)]
    if unknown and not lost:
        listed = ", ".join(f"'{name}'" for name in unknown)
        raise DeployerError(f"these hosts have nothing named {listed}", hint="without a name, everything is listed")
    return named if marks is None else tuple(replace(row, mark=marks.of(row)) for row in named), lost


def _loaded(request: Request, system: System) -> Loaded | None:
    """The playbooks, of the hosts that are meant; raises `InputError`."""
    if not request.playbooks:
        return None
    loaded = load(replace(request, limit=request.pattern or request.limit), system.asking)
    system.warn(loaded.warnings)
    return loaded


def _order(row: Row | NetworkRow | VolumeRow | ImageRow) -> tuple[str, str]:
    return row.name, row.id if isinstance(row, ImageRow) else ""


class Marks:
    """What each object is to the playbooks."""

    def __init__(self, loaded: Loaded, report: DriftReport) -> None:
        wishes = tuple(loaded.desired)
        self._projects = {(wish.host, wish.project) for wish in wishes}
        self._declared = {(wish.host, wish.project, found.address.label) for wish in wishes for found in wish.resources}
        self._images = {(wish.host, image.familiar(name)) for wish in wishes for name in wish.images}
        self._verdicts = {
            (host.host, found.address.label): found.verdict.name.lower()
            for host in report.hosts
            for found in reversed(host.found)
        }

    def of(self, row: Row | NetworkRow | VolumeRow | ImageRow) -> str:
        if isinstance(row, ImageRow):
            return DECLARED if (row.host, row.name) in self._images else ""
        if row.project and isinstance(row, Row) and is_beside(row.name):
            return KEPT
        if (row.host, row.project, row.resource) in self._declared:
            return self._verdicts.get((row.host, row.resource), DECLARED)
        if (row.host, row.project) in self._projects:
            return UNDECLARED
        return OTHER if row.project else FOREIGN


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


def _images(host: str, engine: Engine) -> Iterable[ImageRow]:
    listed = answers.read(engine.list_images(), tuple[answers.ListedImage, ...], "/images/json")
    uses = [each.image_id for each in _containers(engine)]
    simulated = engine.describe().simulated
    for entry in listed:
        for name in entry.repo_tags or ("<none>",):
            key, used = entry.id.removeprefix("sha256:")[:12], uses.count(entry.id)
            yield ImageRow(host=host, name=name, id=key, size=entry.size, used=used, simulated=simulated)


def _containers(engine: Engine) -> tuple[ListedContainer, ...]:
    return answers.read(engine.list_containers(), tuple[ListedContainer, ...], "/containers/json")
