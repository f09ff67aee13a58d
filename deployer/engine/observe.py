"""Reads one host with few requests, in parallel, and only GETs: first the lists of containers, networks and volumes,
and the declared images; then the declared and owned containers with their images; then, through the engine, the
registries of images that are missing or must be current."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from pathlib import PurePosixPath
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from deployer.engine import answers
from deployer.engine.answers import (
    ContainerConfig,
    ContainerState,
    Endpoint,
    InspectedContainer,
    ListedContainer,
    MountPoint,
)
from deployer.engine.needed_images import needed_images
from deployer.fields.container import CONTAINER
from deployer.fields.field import View, expects_default
from deployer.fields.network import NETWORK
from deployer.fields.options import PullPolicy
from deployer.fields.table import Table
from deployer.fields.volume import VOLUME
from deployer.interfaces import Engine, Json, RegistryAuth
from deployer.model import build, ownership, volume_names
from deployer.model.container_names import NEW, OLD, VALIDATES, is_kept
from deployer.model.desired import Desired
from deployer.model.files import manifests
from deployer.model.observed import (
    Observed,
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    ObservedVolume,
    Ownership,
    PulledImage,
    RecordedRun,
    Replaced,
    Stub,
)
from deployer.model.plan import OwedEndpoint
from deployer.model.registry import RegistryAnswer
from deployer.model.secrets import Sealing
from deployer.values import address, image, mount, paths

WIDTH = 4
"""Parallel requests on one host; more do not make a busy engine faster."""

_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
_LISTED = tuple[ListedContainer, ...]
_TOLD = tuple(row for row in CONTAINER.fields if row.told)


class Needs(Struct, frozen=True):
    """What a run reads of one host. `images` maps complete references to their pull policy; `auth` finds credentials
    for a reference. `prune`: whether undeclared resources may be removed; `history`: the last replacements of each
    project; `adopt`: whether containers of no project may be adopted; `declared`: the values of containers by name;
    `asked`: references that a registry is asked for in any case; `sealing`: the key of this controller."""

    containers: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    images: Mapping[str, PullPolicy] = field(default_factory=dict)
    auth: Callable[[str], RegistryAuth | None] = lambda _reference: None
    prune: bool = False
    history: bool = False
    adopt: bool = False
    declared: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    asked: frozenset[str] = frozenset()
    sealing: Sealing = Sealing()


def needs_of(
    plays: Iterable[Desired],
    auth: Callable[[str], RegistryAuth | None],
    suffixes: Iterable[str] = ("", NEW, OLD),
) -> Needs:
    """Of all plays of one host together, which is read once. `suffixes`: of the names under which a declared container
    may exist."""
    plays = tuple(plays)
    declared = [resource for play in plays for resource in play.resources]
    names = {resource.name for resource in declared if resource.kind.is_container}
    images, asked = needed_images(plays)
    with_suffixes = {name + suffix for name in names for suffix in suffixes}
    projects, prune = frozenset(play.project for play in plays), any(play.prune for play in plays)
    values = {resource.name: resource.values for resource in declared if resource.kind.is_container}
    every, key = frozenset(with_suffixes), next((play.sealing for play in plays), Sealing())
    return Needs(every, projects, images, auth, prune, declared=values, asked=asked, sealing=key)


def observe(engine: Engine, host: str, needs: Needs, *, width: int = WIDTH) -> Observed:
    """Raises `UnreachableError` if the connection is lost, `EngineError` if the engine refuses a read."""
    with ThreadPoolExecutor(max_workers=width, thread_name_prefix=f"read-{host}") as pool:
        listed = pool.submit(engine.list_containers)
        networks = pool.submit(engine.list_networks)
        volumes = pool.submit(engine.list_volumes)
        wanted = list(pool.map(engine.inspect_image, needs.images))
        found_networks = tuple(map(read_network, networks.result()))
        names = {found.id: found.name for found in found_networks}
        notes, data = _volumes(volumes.result())
        later = ownership.later_records(notes)
        chosen, kept, stubs = _choose(answers.read(listed.result(), _LISTED, "/containers/json"), names, needs, later)
        details = (found for found in pool.map(engine.inspect_container, chosen) if found is not None)
        inspected = [_opened(engine, read_container(_by_name(found, names), later), needs) for found in details]
        tagged = {ref: read_image(found) for ref, found in zip(needs.images, wanted, strict=True) if found is not None}
        further = {found.image_id for found in inspected} - {found.id for found in tagged.values()}
        own = (read_image(found) for found in pool.map(engine.inspect_image, sorted(further)) if found is not None)
        asked = _asked(needs, tagged)
        registry = _ask_registries(engine, needs, asked, pool) if asked else {}
        pulled, claimed = _pulled(engine, notes) if needs.prune else ((), frozenset())
        runs = _runs(needs.projects, notes) if needs.history else {}
        return Observed(
            host=host,
            engine=engine.describe(),
            containers=tuple(_with_records(inspected, notes)),
            others=stubs,
            images={found.id: found for found in (*tagged.values(), *own)},
            tags={ref: found.id for ref, found in tagged.items()},
            networks=found_networks,
            volumes=data,
            registry=registry,
            records={project: volume_names.newest(notes, project) for project in needs.projects},
            locked=frozenset(project for project in needs.projects if volume_names.is_locked(notes, project)),
            owed=_owed(needs.projects, notes),
            replaced={project: found[0] for project, found in runs.items()},
            runs={project: found[1] for project, found in runs.items()},
            kept=kept,
            manifests=manifests(notes),
            pulled=pulled,
            claimed=claimed,
            info=engine.info() if any(_asks_info(found, needs) for found in inspected) else {},
        )


def _asked(needs: Needs, present: Container[str]) -> list[str]:
    """The references that a registry is asked for."""
    images = needs.images.items()
    return [ref for ref, policy in images if ref in needs.asked or _ask_registry(ref, policy, present=ref in present)]


def _with_records(found: Iterable[ObservedContainer], volumes: Iterable[Json]) -> list[ObservedContainer]:
    """Sorted by name; containers that may not work get what the records say of them. Imported here: most runs have
    none."""
    containers = sorted(found, key=attrgetter("name"))
    if not any(container.doubtful for container in containers):
        return containers
    from deployer.model.history import is_proven, read_records

    return [
        replace(each, proven=is_proven(read_records(volumes, each.owner.project), each.name))
        if each.doubtful and each.owner.managed
        else each
        for each in containers
    ]


def _opened(engine: Engine, found: ObservedContainer, needs: Needs) -> ObservedContainer:
    """With what digests do not tell of its files. Imported here: few runs need it."""
    if not (found.values.get("configs") or found.values.get("secrets")) or not found.owner.managed:
        return found
    from deployer.engine.container_files import is_sealed_elsewhere, resealed, with_changed

    found = with_changed(engine, found, needs.declared.get(found.name) or {})
    return resealed(engine, found, needs.sealing) if is_sealed_elsewhere(found, needs.sealing) else found


def _asks_info(found: ObservedContainer, needs: Needs) -> bool:
    """Whether comparing a container requires the engine's defaults: it may be adopted or was, a default is expected of
    it, or its swap is unlimited, by hand or because the kernel cannot limit it."""
    if not (found.owner.managed and found.owner.labelled):
        return found.owner.managed or needs.adopt
    limits, recorded, declared = found.values, found.owner.recorded, needs.declared.get(found.name)
    if declared is not None:
        view = View(declared, limits, found.name, recorded)
        if any(expects_default(row, view) for row in _TOLD):
            return True
    return bool(limits["mem_limit"]) and limits["memswap_limit"] == -1 and "memswap_limit" not in recorded


def _pulled(engine: Engine, volumes: Iterable[Json]) -> tuple[tuple[PulledImage, ...], frozenset[tuple[str, str]]]:
    """Imported here: only pruning needs it."""
    from deployer.engine.pulled_images import claims, list_images, still_there
    from deployer.model.history import last_records

    records = last_records(volumes)
    return still_there(records, list_images(engine)), claims(records)


def _owed(projects: Iterable[str], volumes: Iterable[Json]) -> dict[str, tuple[OwedEndpoint, ...]]:
    if not any(volume_names.ENDPOINTS in volume_names.labels_of(volume) for volume in volumes):
        return {}
    from deployer.model.history import last_records

    found = last_records(volumes)
    return {project: found[project].endpoints for project in projects if project in found}


def _runs(projects: Iterable[str], volumes: Iterable[Json]) -> dict[str, tuple[Replaced, tuple[RecordedRun, ...]]]:
    """What was replaced last, and all runs on record. Imported here: only rollback needs it."""
    from deployer.model.history import read_records, replaced_last

    records = {project: read_records(volumes, project) for project in projects}
    return {
        project: (replaced_last(found), tuple(RecordedRun(each.number, each.before) for each in found))
        for project, found in records.items()
    }


def _volumes(listed: Sequence[Json]) -> tuple[list[Json], tuple[ObservedVolume, ...]]:
    """Volumes that are locks and records of deployer, and volumes with data."""
    own = {id(found): volume_names.is_own(answers.read(found, answers.Volume, "/volumes").name) for found in listed}
    data = tuple(read_volume(found) for found in listed if not own[id(found)])
    return [found for found in listed if own[id(found)]], data


def _ask_registries(
    engine: Engine, needs: Needs, references: list[str], pool: ThreadPoolExecutor
) -> dict[str, RegistryAnswer]:
    from deployer.engine.registries import ask

    answers = pool.map(lambda reference: ask(engine, reference, needs.auth(reference)), references)
    return dict(zip(references, answers, strict=True))


def _ask_registry(reference: str, policy: PullPolicy, *, present: bool) -> bool:
    if not image.parse(reference).path:
        return False
    return policy is PullPolicy.ALWAYS or (policy is PullPolicy.MISSING and not present)


def _choose(
    listed: Iterable[ListedContainer], names: Mapping[str, str], needs: Needs, later: Mapping[str, ownership.Later]
) -> tuple[list[str], tuple[Stub, ...], tuple[Stub, ...]]:
    """Ids to inspect, then stubs of kept containers and of all others. `names`: of networks, by id; `later`: records,
    by container."""
    chosen: list[str] = []
    kept: list[Stub] = []
    stubs: list[Stub] = []
    for entry in listed:
        owner = ownership.read_latest(entry.labels, entry.name, later.get(entry.id))
        ours = owner.managed and owner.project in needs.projects
        if ours and is_kept(entry.name, owner.resource) and entry.name not in needs.containers:
            kept.append(_stub(entry, names, owner))
        elif ours or entry.name in needs.containers:
            chosen.append(entry.id)
        else:
            stubs.append(_stub(entry, names, owner))
    by_name = attrgetter("name")
    return chosen, tuple(sorted(kept, key=by_name)), tuple(sorted(stubs, key=by_name))


def _by_name(answer: Json, names: Mapping[str, str]) -> Json:
    """An inspected container with networks by name. Before its first start, networks that were requested by id are
    keyed by id. `names`: of all networks, by id."""
    settings = answers.a_map(answer.get("NetworkSettings"))
    attached = answers.a_map(settings.get("Networks"))
    if not attached.keys() & names.keys():
        return answer
    named = {names.get(key, key): endpoint for key, endpoint in attached.items()}
    return {**answer, "NetworkSettings": {**settings, "Networks": named}}


def _stub(entry: ListedContainer, names: Mapping[str, str], owner: Ownership) -> Stub:
    return Stub(
        id=entry.id,
        name=entry.name,
        image_id=entry.image_id,
        state=entry.state,
        owner=owner,
        networks=frozenset(names.get(key, key) for key in _endpoints(entry)),
        volumes=_mounted(entry),
        ports=held_ports(entry),
        holds=_addresses({names.get(key, key): found for key, found in _endpoints(entry).items()}),
        shares=entry.shares,
        filling=volume_names.is_filling(entry.name, entry.labels),
        validates=(entry.labels or {}).get(ownership.PROJECT, "") if entry.name.startswith(VALIDATES) else "",
    )


def read_container(inspect: Json, later: Mapping[str, ownership.Later] | None = None) -> ObservedContainer:
    """Raises `EngineError` for an answer of another type, like all readers. `later`: records, by container."""
    found = answers.read(inspect, InspectedContainer, "/containers/{id}/json")
    values = read_values(CONTAINER, inspect)
    state, config = found.state or ContainerState(), found.config or ContainerConfig()
    probe = config.healthcheck.test if config.healthcheck is not None else None
    name = found.name.lstrip("/")
    observed = ObservedContainer(
        id=found.id,
        name=name,
        image=image.canonical(config.image),
        image_id=found.image,
        state=state.status,
        health=state.judged,
        exit_code=state.exit_code or 0,
        values=values,
        attached={key: endpoint.network_id if endpoint else "" for key, endpoint in _endpoints(found).items()},
        anonymous=_anonymous(found, answers.a_map(values.get("volumes"))),
        volumes=_mounted(found),
        owner=ownership.read_latest(config.labels, name, (later or {}).get(found.id)),
        has_healthcheck=(probe or ["NONE"]) != ["NONE"],
        holds=_addresses(_endpoints(found)),
        restarts=found.restart_count,
        created=found.created,
        keeps_name=any(name in (endpoint.aliases or ()) for endpoint in _endpoints(found).values() if endpoint),
    )
    if not (values.get("configs") or values.get("secrets")):
        return observed
    from deployer.engine.container_files import with_versions

    return with_versions(observed, inspect)


def _endpoints(found: ListedContainer | InspectedContainer) -> Mapping[str, Endpoint | None]:
    return (found.network_settings.networks if found.network_settings is not None else None) or {}


def held_ports(entry: ListedContainer) -> frozenset[str]:
    """The host ports of a listed container, as declarations write them."""
    return frozenset(item.text for item in entry.ports or () if item.public_port)


def _addresses(endpoints: Mapping[str, Endpoint | None]) -> frozenset[tuple[str, str, str]]:
    """(network, key of the endpoint, address) of all current addresses."""
    return frozenset(
        (name, key, address.read_ip(text).lower())
        for name, endpoint in endpoints.items()
        if endpoint is not None
        for key, text in endpoint.in_use.items()
        if text
    )


def _mounted(found: ListedContainer | InspectedContainer) -> frozenset[str]:
    """Names of the mounted volumes, including inherited ones."""
    return frozenset(filter(None, map(_volume_name, found.mounts or ())))


def _volume_name(entry: MountPoint) -> str:
    """The volume of a mount. Engines from 28 on (measured on 28.5) omit it for a bind of an anonymous volume (`/data`);
    the volume's directory contains it."""
    if entry.type != "volume":
        return ""
    directory = PurePosixPath(entry.source).parent.name
    return entry.name or (directory if _ANONYMOUS.fullmatch(directory) else "")


def _anonymous(inspect: InspectedContainer, mounts: Mapping[str, mount.Mount]) -> dict[str, str]:
    found = {}
    for entry in inspect.mounts or ():
        target, name = paths.clean(entry.destination), _volume_name(entry)
        if _ANONYMOUS.fullmatch(name) and mount.is_anonymous(mounts.get(target, {})):
            found[target] = name
    return found


def read_image(inspect: Json) -> ObservedImage:
    """The image's config has the form of a container's config."""
    found = answers.read(inspect, answers.InspectedImage, "/images/{name}/json")
    config = {"Config": {key: value for key, value in (found.config or {}).items() if key != "Hostname"}}
    return ObservedImage(
        id=found.id,
        references=frozenset(map(image.canonical, found.repo_tags or ())),
        digests=frozenset(entry.partition("@")[2] for entry in found.repo_digests or ()),
        os=found.os or "linux",
        arch=found.architecture,
        values=read_values(CONTAINER, config),
        build=str(answers.a_map(config["Config"].get("Labels")).get(build.LABEL) or ""),
        described=bool(found.os),
    )


def read_network(inspect: Json) -> ObservedNetwork:
    """A network with ConfigFrom has the labels of the other network, and belongs to no project."""
    found = answers.read(inspect, answers.Network, "/networks")
    values = read_values(NETWORK, inspect)
    owner = Ownership() if values.get("config_from") else ownership.read(found.labels, found.name)
    return ObservedNetwork(found.id, found.name, values, owner)


def read_volume(inspect: Json) -> ObservedVolume:
    found = answers.read(inspect, answers.Volume, "/volumes")
    return ObservedVolume(found.name, read_values(VOLUME, inspect), ownership.read(found.labels, found.name))


def read_values(table: Table, inspect: Json) -> dict[str, Any]:
    """Canonical values of every field. A value in an unknown form is shown unchanged and equals no declaration."""
    found = {}
    for row in table.fields:
        try:
            found[row.name] = row.access.read(inspect)
        except (ValueError, TypeError, KeyError, AttributeError):
            found[row.name] = f"unreadable {row.name}"
    return found
