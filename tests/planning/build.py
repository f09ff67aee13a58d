"""A play and a host to plan with, in few words.

`play` reads YAML as a playbook gives it. `applied` is the host as it is after such a play was applied: containers run,
the container `web` has the id `web-1`, its network `front` the id `front-1`, its image `web:1` the id `image web:1`.
`changed` and `without` then make it a host where something else happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from textwrap import dedent
from typing import Any

from msgspec.structs import replace

from deployer.config import yaml
from deployer.config.playbook import Play
from deployer.config.resolve import Inputs, resolve
from deployer.config.tag_filter import TagFilter
from deployer.config.templates.templar import Templar
from deployer.diagnostics import Origin, Problems
from deployer.fields.container import CONTAINER
from deployer.fields.network import NETWORK
from deployer.fields.table import Table
from deployer.fields.volume import VOLUME
from deployer.interfaces import EngineInfo
from deployer.model import ownership
from deployer.model.desired import AnyResource, Desired, Workload
from deployer.model.exclusive import addresses
from deployer.model.observed import (
    Observed,
    ObservedContainer,
    ObservedImage,
    ObservedNetwork,
    ObservedVolume,
    Ownership,
    Stub,
)
from deployer.model.plan import HostPlan, ResourceChange
from deployer.model.registry import Availability, RegistryAnswer
from deployer.model.settings import NetworkSettings, VolumeSettings
from deployer.nodes import Mapping as MappingNode
from deployer.nodes import Node, Scalar
from deployer.planning import bodies
from deployer.planning.context import Context
from deployer.planning.policy import Policy
from deployer.planning.reconcile import reconcile
from deployer.values import image, mount
from tests.fields.engine_answers import body_of, inspect_of

HOST = "web1"
PREDEFINED = ("bridge", "host", "none")
Images = Mapping[str, Mapping[str, Any]]
"""Configs of images by reference; an image that is not named has an empty one."""


def play(
    text: str,
    *,
    project: str = "shop",
    tags: tuple[str, ...] = (),
    secrets: Mapping[str, str] | None = None,
    sealing_key: bytes = b"k" * 32,
) -> Desired:
    """`secrets` are variables from a vault."""
    problems = Problems()
    tree = yaml.load(dedent(text).strip() or "{}", "shop.yml", problems)
    assert isinstance(tree, MappingNode)
    keys: dict[str, Node] = dict(tree.items())
    variables = {
        name: Scalar(value, Origin("secrets.yml", 1, 1), secret=True) for name, value in (secrets or {}).items()
    }
    inputs = Inputs(problems, tags=TagFilter(tags), project=project, sealing_key=sealing_key)
    desired = resolve(Play("shop.yml", Origin("shop.yml", 1, 1), keys), HOST, Templar(variables), inputs)
    problems.raise_if_any()
    return desired


EMPTY = play("")


def answer(digest: str) -> RegistryAnswer:
    """Of a registry that has the image, or of one that does not answer."""
    return RegistryAnswer(Availability.FOUND if digest else Availability.UNKNOWN, digest)


def engine(api: str = "1.45") -> EngineInfo:
    return EngineInfo("26.1.5", api, api, "linux", "amd64")


def applied(text: str | Desired, images: Images | None = None, *, api: str = "1.45") -> Observed:
    """The host after the play."""
    desired = text if isinstance(text, Desired) else play(text)
    known = images or {}
    references = {found.image for found in desired.resources if found.image and not found.absent}
    made = {reference: _image(reference, known) for reference in sorted(references)}
    present = Observed(
        HOST,
        engine(api),
        images={found.id: found for found in made.values()},
        tags={reference: found.id for reference, found in made.items()},
        networks=(
            *(ObservedNetwork(f"{name}-1", name, _values(NETWORK, {})) for name in PREDEFINED),
            *(_network(desired, found) for found in desired.of(NetworkSettings) if not found.absent),
        ),
        volumes=tuple(_volume(desired, found) for found in desired.of(VolumeSettings) if not found.absent),
    )
    ids = {found.name: f"{found.name}-1" for found in desired.containers}
    containers = [_container(desired, found, made, ids, known) for found in desired.containers]
    return replace(present, containers=tuple(found for found in containers if found is not None))


def _image(reference: str, known: Images) -> ObservedImage:
    short = image.parse(reference).familiar
    config = {"Config": dict(known.get(short, {}))}
    digest = f"sha256:{short}"
    values = {row.name: row.access.read(config) for row in CONTAINER.fields}
    return ObservedImage(f"image {short}", frozenset({reference}), frozenset({digest}), arch="amd64", values=values)


def _values(table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
    inspect = inspect_of(table, body)
    return {row.name: row.access.read(inspect) for row in table.fields}


def _owner(desired: Desired, resource: AnyResource) -> Ownership:
    return ownership.read(ownership.labels(resource, desired.project, desired.sealing, "1.0"), resource.name)


def _network(desired: Desired, resource: AnyResource) -> ObservedNetwork:
    values = _values(NETWORK, body_of(NETWORK, resource.values))
    return ObservedNetwork(f"{resource.name}-1", resource.name, values, _owner(desired, resource))


def _volume(desired: Desired, resource: AnyResource) -> ObservedVolume:
    return ObservedVolume(resource.name, _values(VOLUME, body_of(VOLUME, resource.values)), _owner(desired, resource))


def _container(
    desired: Desired,
    resource: Workload,
    made: Mapping[str, ObservedImage],
    ids: Mapping[str, str],
    known: Images,
) -> ObservedContainer | None:
    if resource.absent:
        return None
    own = made[resource.settings.image]
    body = bodies.container_body(Context(desired, Observed(HOST, engine()), Policy()), resource, {})
    config = known.get(image.parse(resource.settings.image).familiar, {})
    inspect = inspect_of(CONTAINER, _merged(body, config))
    mode = inspect["HostConfig"]["NetworkMode"]
    if mode.startswith("container:"):
        inspect["HostConfig"]["NetworkMode"] = f"container:{ids[mode.partition(':')[2]]}"
    values = {row.name: row.access.read(inspect) for row in CONTAINER.fields}
    mounts: Mapping[str, mount.Mount] = values["volumes"]
    anonymous = {target: f"anonymous {target}" for target, found in mounts.items() if mount.is_anonymous(found)}
    started = resource.settings.state == "started"
    probed = values["healthcheck"].get("test") not in (None, ["NONE"])
    return ObservedContainer(
        id=ids[resource.name],
        name=resource.name,
        image=resource.settings.image,
        image_id=own.id,
        state="running" if started else "created",
        health="healthy" if started and probed else "",
        values=values,
        attached={name: f"{name}-1" for name in values["networks"]},
        holds=frozenset(addresses(values) if started else ()),
        anonymous=anonymous,
        volumes=frozenset({found["source"] for found in mounts.values() if found["type"] == "volume"} - {""}),
        owner=ownership.read(body["Labels"], resource.name),
        has_healthcheck=probed,
    )


def _merged(body: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """What an engine makes of a body and an image's config."""
    given = {entry.partition("=")[0] for entry in body.get("Env") or ()}
    inherited = [entry for entry in config.get("Env") or () if entry.partition("=")[0] not in given]
    merged = {**config, **body, "Env": [*(body.get("Env") or ()), *inherited]}
    for key in ("Labels", "ExposedPorts", "Volumes"):
        merged[key] = {**(config.get(key) or {}), **(body.get(key) or {})}
    if body.get("Entrypoint") and not body.get("Cmd"):
        merged["Cmd"] = None
    return merged


def stub(name: str, **facts: Any) -> Stub:
    """A container of somebody else."""
    return Stub(f"{name}-1", name, facts.pop("image_id", "image other"), facts.pop("state", "running"), **facts)


def changed(host: Observed, name: str, **facts: Any) -> Observed:
    """The same host, with one container in another state. `values` go over those it has; `rename` is its new name."""
    return replace(host, containers=tuple(_changed(found, name, facts) for found in host.containers))


def _changed(found: ObservedContainer, name: str, facts: Mapping[str, Any]) -> ObservedContainer:
    if found.name != name:
        return found
    values = {**found.values, **facts.get("values", {})}
    others = {key: value for key, value in facts.items() if key not in ("values", "rename")}
    return replace(found, values=values, name=facts.get("rename", name), **others)


def joined(*hosts: Observed) -> Observed:
    """One host with the containers of all; everything else as on the first."""
    first, *rest = hosts
    more = [found for host in rest for found in host.containers]
    images = {key: value for host in hosts for key, value in host.images.items()}
    tags = {key: value for host in hosts for key, value in host.tags.items()}
    return replace(first, containers=(*first.containers, *more), images=images, tags=tags)


def without(host: Observed, *names: str) -> Observed:
    """The same host, with containers, networks, volumes or images of these names removed."""
    return replace(
        host,
        containers=tuple(found for found in host.containers if found.name not in names),
        networks=tuple(found for found in host.networks if found.name not in names),
        volumes=tuple(found for found in host.volumes if found.name not in names),
        tags={ref: key for ref, key in host.tags.items() if image.parse(ref).familiar not in names},
    )


def plan(wish: str | Desired, host: Observed, **policy: Any) -> HostPlan:
    desired = wish if isinstance(wish, Desired) else play(wish)
    return reconcile(desired, host, Policy(**policy))


def steps(found: HostPlan) -> list[str]:
    return str(found).splitlines()


def changes(found: HostPlan) -> list[str]:
    """`~ container.web (in place): mem_limit 64 MiB → 128 MiB`."""
    return [_change(each) for each in found.changes]


def _change(found: ResourceChange) -> str:
    reason = f" ({found.reason})" if found.reason else ""
    diffs = ", ".join(f"{each.name} {each.old or '-'} → {each.new or '-'}" for each in found.diffs)
    return f"{found.action} {found.address.label}{reason}" + (f": {diffs}" if diffs else "")


def refusals(found: HostPlan) -> list[str]:
    return [f"{each.address.label}: {each.summary}" for each in found.refusals]


def nothing(found: HostPlan) -> bool:
    return not (found.changes or found.steps or found.refusals)


def numbers(found: HostPlan) -> Iterable[int]:
    return (step.number for step in found.steps)
