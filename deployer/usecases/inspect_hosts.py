"""Inspects hosts without a playbook: their containers, and whether deployer can work on them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from deployer.config.inventory.patterns import select_limit
from deployer.config.variables.extra_vars import check_used
from deployer.config.variables.variables import Variables
from deployer.diagnostics import Missing, Origin, Problems, did_you_mean
from deployer.engine import answers
from deployer.engine.answers import ListedContainer, PublishedPort
from deployer.engine.host_facts import free_space
from deployer.interfaces import Engine, EngineInfo
from deployer.model import ownership
from deployer.model.plan import Unreachable
from deployer.usecases.connections import connect_host
from deployer.usecases.fleet import Fleet
from deployer.usecases.load import Request, Sources, open_sources
from deployer.usecases.references import variable_references
from deployer.usecases.system import System
from deployer.values import image, port


class Row(Struct, frozen=True):
    """One container. `project` and `resource` are "" for a container of no project; `mark`: what it is to the playbooks
    of a list."""

    host: str
    id: str
    name: str
    image: str
    state: str
    status: str
    ports: tuple[str, ...] = ()
    project: str = ""
    resource: str = ""
    simulated: bool = False
    mark: str = ""


class Check(Struct, frozen=True):
    """One host. `clock_offset`: seconds the host is ahead of this machine, None if unknown. `free`: free bytes in the
    engine's data directory, None if unknown."""

    host: str
    address: str
    user: str = ""
    engine: EngineInfo | None = None
    containers: int = 0
    storage: str = ""
    clock_offset: float | None = None
    free: int | None = None
    problem: Unreachable | None = None


def read_rows(host: str, engine: Engine, project: str) -> tuple[Row, ...]:
    """The containers of one host, by name; of one project when it is named."""
    simulated = engine.describe().simulated
    listed = answers.read(engine.list_containers(), tuple[ListedContainer, ...], "/containers/json")
    volumes = engine.list_volumes()
    for volume in volumes:
        answers.read(volume, answers.Volume, "/volumes")
    later = ownership.later_records(volumes)
    rows = (replace(_row(host, entry, later.get(entry.id)), simulated=simulated) for entry in listed)
    return tuple(sorted((row for row in rows if not project or row.project == project), key=lambda row: row.name))


def _row(host: str, entry: ListedContainer, later: ownership.Later | None) -> Row:
    owner = ownership.read_latest(entry.labels, entry.name, later)
    return Row(
        host=host,
        id=entry.id,
        name=entry.name,
        image=_familiar(entry.image),
        state=entry.state,
        status=entry.status,
        ports=tuple(sorted({_published(item) for item in entry.ports or ()}, key=port.order)),
        project=owner.project,
        resource=owner.resource,
    )


def _familiar(reference: str) -> str:
    try:
        return image.parse(reference).familiar
    except ValueError:
        return reference


def _published(entry: PublishedPort) -> str:
    """The published port; a port bound to all IPv4 and all IPv6 addresses is shown once."""
    return replace(entry, ip="").text if entry.ip in ("0.0.0.0", "::") else entry.text


def doctor(request: Request, system: System, now: Callable[[], datetime]) -> tuple[Check, ...]:
    """Connects to every host and checks what deployer requires there."""
    with fleet_of(request, system) as fleet:
        found = fleet.read(fleet.hosts, lambda host, engine: _check(fleet, host, engine, now))
        return tuple(
            Check(host, fleet.spec(host).address, fleet.spec(host).user, problem=answer)
            if isinstance(answer, Unreachable)
            else answer
            for host, answer in found.items()
        )


def _check(fleet: Fleet, host: str, engine: Engine, now: Callable[[], datetime]) -> Check:
    spec, before = fleet.spec(host), now()
    info = engine.info()
    middle = before + (now() - before) / 2
    return Check(
        host=spec.name,
        address=spec.address,
        user=spec.user,
        engine=engine.describe(),
        containers=int(info.get("Containers") or 0),
        storage=str(info.get("Driver") or ""),
        clock_offset=_offset(str(info.get("SystemTime") or ""), middle),
        free=free_space(fleet.host(host), str(info.get("DockerRootDir") or "/var/lib/docker")),
    )


def _offset(said: str, here: datetime) -> float | None:
    """Without the engine's nanoseconds, which Python's parser does not support."""
    whole, _, rest = said.partition(".")
    zone = rest.lstrip("0123456789") or ("Z" if said.endswith("Z") else "")
    digits = rest[: len(rest) - len(zone)][:6] if zone != rest else ""
    try:
        there = datetime.fromisoformat(f"{whole.removesuffix('Z')}.{digits or '0'}{zone or '+00:00'}")
    except ValueError:
        return None
    return (there.astimezone(UTC) - here.astimezone(UTC)).total_seconds()


def fleet_of(request: Request, system: System, *hosts: str) -> Fleet:
    """The hosts of the inventory, those of `--limit`, or those named; raises `InputError`."""
    problems = Problems()
    sources = open_sources(request, system.asking, problems)
    names = _named(hosts, sources, problems) if hosts else _names(request, sources, problems)
    files = sources.reader(problems)
    variables = Variables(sources.inventory, files, sources.templates(), extra=sources.extra)
    specs = {}
    for name in names:
        known = variables.of_host(name, names)
        ways = variables.of_connection(name, known.variables, problems)
        spec = connect_host(name, ways, variables.templar(known), sources)
        if spec is not None:
            specs[name] = spec
    if not request.playbooks:
        # Playbooks may use the others; what reads them checks that.
        check_used(dict(sources.extra), variable_references(sources.inventory, files), problems)
    problems.raise_if_any()
    system.warn(problems.warnings)
    return Fleet(specs, request.forks, system.awaiting)


def _named(hosts: tuple[str, ...], sources: Sources, problems: Problems) -> tuple[str, ...]:
    for host in hosts:
        if sources.inventory.find(host) is None:
            hint = did_you_mean(host, sources.inventory.hosts) or "deployer inventory graph shows all hosts"
            problems.add(Origin("HOST"), f"the inventory has no host '{host}'", hint=hint, missing=Missing.HOST)
    return tuple(dict.fromkeys(host for host in hosts if sources.inventory.find(host) is not None))


def _names(request: Request, sources: Sources, problems: Problems) -> tuple[str, ...]:
    if request.pattern:
        return select_limit(request.pattern, sources.inventory, problems, origin=Origin("PATTERN"))
    if request.limit:
        return select_limit(request.limit, sources.inventory, problems)
    names = tuple(sources.inventory.hosts)
    if not names:
        problems.add(
            Origin("--inventory"), "the inventory has no hosts", hint="name an inventory with -i", missing=Missing.HOST
        )
    return names
