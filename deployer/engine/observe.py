"""Reads one host with few requests, in parallel, and only GETs.

The lists of containers, networks and volumes and the declared images are asked for together; then the containers that
are declared or owned are inspected, with the images they were made from; at last, where an image is missing or must be
current, the registry is asked through the engine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from operator import attrgetter
from pathlib import PurePosixPath
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from deployer.fields.container import CONTAINER
from deployer.fields.network import NETWORK
from deployer.fields.options import PullPolicy, strongest_pull_policy
from deployer.fields.table import Table
from deployer.fields.volume import VOLUME
from deployer.interfaces import Engine, Json, RegistryAuth
from deployer.model import ownership as record
from deployer.model import volume_names
from deployer.model.container_names import NEW, OLD, is_kept
from deployer.model.desired import Desired, has_settings
from deployer.model.observed import (
    Observed,
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    ObservedVolume,
    Ownership,
    PulledImage,
    Stub,
)
from deployer.model.registry import RegistryAnswer
from deployer.model.settings import FromImage
from deployer.values import image, mount, paths, port

WIDTH = 4
"""Parallel requests on one host; more gain nothing once the engine is busy."""

_ANONYMOUS = re.compile(r"[0-9a-f]{64}")


class Needs(Struct, frozen=True):
    """What a run reads of one host. `images` maps complete references to their pull policy; `auth` finds
    credentials for a reference. `prune`: whether undeclared resources may be removed; `history`: the last
    replacements of each project."""

    containers: frozenset[str] = frozenset()
    projects: frozenset[str] = frozenset()
    images: Mapping[str, PullPolicy] = field(default_factory=dict)
    auth: Callable[[str], RegistryAuth | None] = lambda _reference: None
    prune: bool = False
    history: bool = False


def needs_of(
    plays: Iterable[Desired],
    auth: Callable[[str], RegistryAuth | None],
    suffixes: Iterable[str] = ("", NEW, OLD),
) -> Needs:
    """Of all plays of one host together: the host is read once for a run. `suffixes`: of names that a declared
    container may have, and is looked at under."""
    plays = tuple(plays)
    declared = [resource for play in plays for resource in play.resources]
    names = {resource.name for resource in declared if resource.kind.is_container}
    images: dict[str, PullPolicy] = {}
    for resource in declared:
        if has_settings(resource, FromImage) and (reference := resource.image):
            wanted = PullPolicy.NEVER if resource.absent else resource.settings.pull
            images[reference] = strongest_pull_policy((wanted, images.get(reference, PullPolicy.NEVER)))
    with_suffixes = {name + suffix for name in names for suffix in suffixes}
    projects, prune = frozenset(play.project for play in plays), any(play.prune for play in plays)
    return Needs(frozenset(with_suffixes), projects, images, auth, prune)


def observe(engine: Engine, host: str, needs: Needs, *, width: int = WIDTH) -> Observed:
    """Raises `UnreachableError` when the connection is lost, `EngineError` when the engine refuses a read."""
    with ThreadPoolExecutor(max_workers=width, thread_name_prefix=f"read-{host}") as pool:
        listed = pool.submit(engine.list_containers)
        networks = pool.submit(engine.list_networks)
        volumes = pool.submit(engine.list_volumes)
        wanted = list(pool.map(engine.inspect_image, needs.images))
        names = {str(found.get("Id")): str(found.get("Name")) for found in networks.result()}
        chosen, kept, stubs = _choose([_by_name(found, names) for found in listed.result()], needs)
        answers = pool.map(engine.inspect_container, chosen)
        inspected = [_by_name(found, names) for found in answers if found is not None]
        known = {answer["Id"] for answer in wanted if answer is not None}
        further = {str(found["Image"]) for found in inspected} - known
        own = list(pool.map(engine.inspect_image, sorted(further)))
        images = {answer["Id"]: read_image(answer) for answer in (*wanted, *own) if answer is not None}
        tags = {ref: answer["Id"] for ref, answer in zip(needs.images, wanted, strict=True) if answer is not None}
        asked = [ref for ref, policy in needs.images.items() if _ask_registry(ref, policy, present=ref in tags)]
        registry = _ask_registries(engine, needs, asked, pool) if asked else {}
        pulled, claimed = _pulled(engine, volumes.result()) if needs.prune else ((), frozenset())
        replaced = _replaced(needs.projects, volumes.result()) if needs.history else {}
        return Observed(
            host=host,
            engine=engine.describe(),
            containers=tuple(_with_records(map(read_container, inspected), volumes.result())),
            others=stubs,
            images=images,
            tags=tags,
            networks=tuple(map(read_network, networks.result())),
            volumes=tuple(read_volume(found) for found in volumes.result() if not _is_note(found)),
            registry=registry,
            records={project: volume_names.newest(volumes.result(), project) for project in needs.projects},
            replaced=replaced,
            kept=kept,
            pulled=pulled,
            claimed=claimed,
        )


def _with_records(found: Iterable[ObservedContainer], volumes: Iterable[Json]) -> list[ObservedContainer]:
    """By name, with what the records say of those that may not work. Imported here: most runs have none."""
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


def _pulled(engine: Engine, volumes: Iterable[Json]) -> tuple[tuple[PulledImage, ...], frozenset[tuple[str, str]]]:
    """Imported here: only pruning needs it."""
    from deployer.engine.pulled_images import claims, still_there
    from deployer.model.history import last_records

    records = last_records(volumes)
    return still_there(records, engine.list_images()), claims(records)


def _replaced(projects: Iterable[str], volumes: Iterable[Json]) -> dict[str, frozenset[str]]:
    """Imported here: only rollback needs it."""
    from deployer.model.history import read_records, replaced_last

    return {project: replaced_last(read_records(volumes, project)) for project in projects}


def _is_note(volume: Json) -> bool:
    """Whether a volume is a lock or a record of deployer, without data."""
    return volume_names.is_own(str(volume["Name"]))


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


def _choose(listed: Iterable[Json], needs: Needs) -> tuple[list[str], tuple[Stub, ...], tuple[Stub, ...]]:
    """Ids to inspect; what is known of those that are kept, which need no closer look; and of the rest."""
    chosen: list[str] = []
    kept: list[Stub] = []
    stubs: list[Stub] = []
    for entry in listed:
        name = _own_name(entry.get("Names") or ())
        owner = record.read(_map(entry.get("Labels")), name)
        ours = owner.managed and owner.project in needs.projects
        if ours and is_kept(name, owner.resource) and name not in needs.containers:
            kept.append(_stub(entry, name, owner))
        elif ours or name in needs.containers:
            chosen.append(str(entry["Id"]))
        else:
            stubs.append(_stub(entry, name, owner))
    by_name = attrgetter("name")
    return chosen, tuple(sorted(kept, key=by_name)), tuple(sorted(stubs, key=by_name))


def _by_name(answer: Json, names: Mapping[str, str]) -> Json:
    """A container, listed or inspected, with networks by their names. Until its first start it has those that it was
    created with by their ids so. `names` are those of all networks, by id."""
    settings = _map(answer.get("NetworkSettings"))
    attached = _map(settings.get("Networks"))
    if not attached.keys() & names.keys():
        return answer
    named = {names.get(key, key): endpoint for key, endpoint in attached.items()}
    return {**answer, "NetworkSettings": {**settings, "Networks": named}}


def _stub(entry: Json, name: str, owner: Ownership) -> Stub:
    return Stub(
        id=entry["Id"],
        name=name,
        image_id=entry.get("ImageID", ""),
        state=str(entry.get("State", "")),
        owner=owner,
        networks=frozenset(_map(_map(entry.get("NetworkSettings")).get("Networks"))),
        volumes=_mounted(entry),
        ports=read_held_ports(entry),
    )


def _own_name(names: Iterable[str]) -> str:
    """A linked container has additional names, `/other/alias`."""
    return next((name.lstrip("/") for name in names if name.count("/") == 1), "")


def read_container(inspect: Json) -> ObservedContainer:
    state, config = _map(inspect.get("State")), _map(inspect.get("Config"))
    values = read_values(CONTAINER, inspect)
    attached = _map(_map(inspect.get("NetworkSettings")).get("Networks"))
    probe = _map(config.get("Healthcheck")).get("Test") or ["NONE"]
    name = str(inspect["Name"]).lstrip("/")
    return ObservedContainer(
        id=inspect["Id"],
        name=name,
        image=image.canonical(str(config.get("Image", ""))),
        image_id=inspect["Image"],
        state=str(state.get("Status", "")),
        health=_health(state),
        exit_code=int(state.get("ExitCode") or 0),
        values=values,
        attached={name: str(_map(endpoint).get("NetworkID") or "") for name, endpoint in attached.items()},
        anonymous=_anonymous(inspect, _map(values.get("volumes"))),
        volumes=_mounted(inspect),
        owner=record.read(_map(config.get("Labels")), name),
        has_healthcheck=probe != ["NONE"],
        restarts=int(inspect.get("RestartCount") or 0),
    )


def _map(value: Any) -> Mapping[str, Any]:
    """The map in an engine's answer; any other value counts as empty."""
    return value if isinstance(value, Mapping) else {}


def _maps(value: Any) -> Iterable[Mapping[str, Any]]:
    """The same for a list of maps."""
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else ()


def _health(state: Json) -> str:
    status = str(_map(state.get("Health")).get("Status") or "")
    return "" if status == "none" else status


def read_held_ports(entry: Json) -> frozenset[str]:
    ports = [item for item in _maps(entry.get("Ports")) if item.get("PublicPort")]
    return frozenset(
        port.join(str(item["PrivatePort"]), str(item["PublicPort"]), str(item.get("IP") or ""), str(item.get("Type")))
        for item in ports
    )


def _mounted(inspect: Json) -> frozenset[str]:
    """Names of the volumes among the mounts, inherited ones too."""
    return frozenset(filter(None, map(_volume_name, _maps(inspect.get("Mounts")))))


def _volume_name(entry: Json) -> str:
    """Of a mount. Engines from 28 on (measured on 28.5) leave it out for a bind of an anonymous volume (`/data`); the
    volume's directory has it."""
    if entry.get("Type") != "volume":
        return ""
    directory = PurePosixPath(str(entry.get("Source") or "")).parent.name
    return str(entry.get("Name") or "") or (directory if _ANONYMOUS.fullmatch(directory) else "")


def _anonymous(inspect: Json, mounts: Mapping[str, mount.Mount]) -> dict[str, str]:
    found = {}
    for entry in _maps(inspect.get("Mounts")):
        target, name = paths.clean(str(entry.get("Destination"))), _volume_name(entry)
        if _ANONYMOUS.fullmatch(name) and mount.is_anonymous(mounts.get(target, {})):
            found[target] = name
    return found


def read_image(inspect: Json) -> ObservedImage:
    """The image's config has the form of a container's config."""
    config = {"Config": {key: value for key, value in _map(inspect.get("Config")).items() if key != "Hostname"}}
    return ObservedImage(
        id=inspect["Id"],
        references=frozenset(image.canonical(tag) for tag in inspect.get("RepoTags") or ()),
        digests=frozenset(entry.partition("@")[2] for entry in inspect.get("RepoDigests") or ()),
        os=str(inspect.get("Os") or "linux"),
        arch=str(inspect.get("Architecture") or ""),
        values=read_values(CONTAINER, config),
    )


def read_network(inspect: Json) -> ObservedNetwork:
    """A network with ConfigFrom has the labels of the other network, and belongs to no project (engine facts §4.1)."""
    values = read_values(NETWORK, inspect)
    name = inspect["Name"]
    owner = Ownership() if values.get("config_from") else record.read(_map(inspect.get("Labels")), name)
    return ObservedNetwork(inspect["Id"], name, values, owner)


def read_volume(inspect: Json) -> ObservedVolume:
    name = inspect["Name"]
    return ObservedVolume(name, read_values(VOLUME, inspect), record.read(_map(inspect.get("Labels")), name))


def read_values(table: Table, inspect: Json) -> dict[str, Any]:
    """Canonical values of every field. A value in an unknown form equals no declaration and is shown unchanged."""
    found = {}
    for row in table.fields:
        try:
            found[row.name] = row.access.read(inspect)
        except (ValueError, TypeError, KeyError, AttributeError):
            found[row.name] = f"unreadable {row.name}"
    return found
