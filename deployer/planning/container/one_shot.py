"""A container that runs once, from the declaration of another one, beside it. Pure.

It has the image, the variables, the volumes, the files and the networks of the declaration, but nothing that only one
container can have: no published port, no address and no alias. It belongs to no project, so no plan ever sees it as a
container of the playbook.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from deployer.model import ownership
from deployer.model.desired import Workload, has_settings
from deployer.model.operations import CreateContainer, WriteFiles
from deployer.model.settings import ContainerSettings
from deployer.planning.bodies import container_body, split_endpoints
from deployer.planning.container.files import volumes_to_write
from deployer.planning.context import Context

LABEL: Final = "deployer.run"
"""Names the resource that the container was made from."""

_LEFT_OUT: Final = frozenset(
    ("ports", "publish_all_ports", "restart", "auto_remove", "healthcheck", "mac_address", "links", "tty", "stdin_open")
)
_OF_ENDPOINTS: Final = frozenset(("ipv4_address", "ipv6_address", "mac_address", "aliases", "link_local_ips"))


class Wanted(Struct, frozen=True):
    """What differs from the declaration. `command`: () for the declared one; `environment`: `NAME=VALUE`; `size`: rows
    and columns of its terminal, None without one."""

    command: tuple[str, ...] = ()
    user: str = ""
    workdir: str = ""
    environment: tuple[str, ...] = ()
    stdin: bool = False
    size: tuple[int, int] | None = None


class OneShot(Struct, frozen=True):
    """`volumes`: that have to exist; `files`: to be written before; `endpoints`: to be connected after the creation, by
    network."""

    create: CreateContainer
    volumes: tuple[str, ...]
    files: tuple[WriteFiles, ...]
    endpoints: Mapping[str, Any]


def one_shot(ctx: Context, resource: Workload, name: str, wanted: Wanted) -> OneShot:
    """Files that may change under the declared container are a copy here."""
    values = {key: value for key, value in resource.values.items() if key not in _LEFT_OUT}
    if "networks" in values:
        values["networks"] = {network: _plain(endpoint) for network, endpoint in values["networks"].items()}
    resource = replace(resource, values=values)
    if has_settings(resource, ContainerSettings):
        resource = replace(resource, settings=replace(resource.settings, on_change={}))
    body = container_body(ctx, resource, {})
    endpoints = split_endpoints(ctx, body)
    files = tuple(volumes_to_write(ctx, resource, body))
    _adapt(body, resource, wanted)
    mounts = (values.get("volumes") or {}).values()
    volumes = {str(mount["source"]) for mount in mounts if mount.get("type") == "volume" and mount.get("source")}
    create = CreateContainer(name, body, resource.settings.platform)
    return OneShot(create, tuple(sorted(volumes)), files, endpoints)


def _plain(endpoint: Mapping[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (endpoint or {}).items() if key not in _OF_ENDPOINTS}


def _adapt(body: dict[str, Any], resource: Workload, wanted: Wanted) -> None:
    own = (ownership.PROJECT, ownership.RESOURCE, ownership.SPEC, ownership.VERSION)
    labels = {key: value for key, value in (body.get("Labels") or {}).items() if key not in own}
    body["Labels"] = labels | {LABEL: resource.address.label}
    body["Healthcheck"] = {"Test": ["NONE"]}
    if wanted.size is not None:
        body["HostConfig"]["ConsoleSize"] = list(wanted.size)
    terminal = wanted.size is not None
    body |= {"Tty": terminal, "OpenStdin": wanted.stdin, "StdinOnce": wanted.stdin, "AttachStdin": wanted.stdin}
    if wanted.command:
        body["Cmd"] = list(wanted.command)
    if wanted.environment:
        body["Env"] = [*(body.get("Env") or ()), *wanted.environment]
    body |= {key: value for key, value in (("User", wanted.user), ("WorkingDir", wanted.workdir)) if value}
