"""Containers of a simulated host: create, rename, remove."""

from __future__ import annotations

import re

from deployer.interfaces import Json
from deployer.simulated.behaviour import KILLED
from deployer.simulated.decode import decode_create
from deployer.simulated.endpoints import add_names, network_of_mode, planned_endpoints
from deployer.simulated.hostconfig import completed_host_config
from deployer.simulated.images import need_image
from deployer.simulated.lifecycle import created_state, discard, finish
from deployer.simulated.lookup import find_container, find_network, need_container
from deployer.simulated.merge import merged_config
from deployer.simulated.mounts import make_volumes, plan_mounts
from deployer.simulated.refusals import conflict, invalid, missing
from deployer.simulated.state import Record, SimulatedHost
from deployer.simulated.validation import check_config, check_host_config

_ARCHITECTURES = ("386", "amd64", "arm", "arm64", "ppc64le", "riscv64", "s390x")
_MAC = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}")
_NAME = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")


# Create


def create(host: SimulatedHost, name: str, body: Json, platform: str) -> tuple[str, list[str]]:
    """Everything is checked before anything is created: a refused request changes nothing."""
    config, host_config, requests = decode_create(host.profile, body)
    check_config(config)
    warnings = check_host_config(host.profile, host.facts, config, host_config or {})
    image = _image_of(host, config.get("Image", ""), platform)
    config = merged_config(config, image["Config"])
    stored = completed_host_config(host.profile, host.facts, host_config)
    _resolve_modes(host, stored)
    if name:
        _check_name(host, name)
    endpoints = planned_endpoints(host, config, stored["NetworkMode"], requests)
    mac = _place_mac(host, config, stored, endpoints)
    plan = plan_mounts(host, config, stored)
    container = _container(host, config, stored, image)
    container["name"] = name.removeprefix("/") or f"simulated_{container['Id'][:12]}"
    _link(host, container)
    make_volumes(host, plan, stored)
    container |= {"networks": endpoints, "Mounts": plan.mounts, "anonymous": plan.anonymous}
    container |= {"implicit": plan.implicit, "inherited": plan.inherited}
    if host.profile.speaks("1.44"):
        container["mac"] = (_main_endpoint(host, stored, endpoints) or {"mac": ""})["mac"]
    host.state.containers[container["Id"]] = container
    return container["Id"], [*warnings, *mac]


def _image_of(host: SimulatedHost, ref: str, platform: str) -> Record:
    """The local image for the requested platform; an empty one without a reference."""
    if not ref:
        return {"Id": "", "Config": {}}
    image = need_image(host, ref)
    actual = [image["Os"], image["Architecture"], image.get("Variant", "")]
    wanted = platform.split("/")
    if wanted[0] not in {"", "linux", "windows", *_ARCHITECTURES}:
        raise invalid(f'"{platform}": unknown operating system or architecture: invalid argument')
    if wanted[0] in _ARCHITECTURES:
        wanted = ["linux", *wanted]
    if platform and any(want != have for want, have in zip(wanted, actual, strict=False)):
        raise missing(f"image {ref} does not match the platform {platform}: {'/'.join(filter(None, actual))}")
    return image


def _check_name(host: SimulatedHost, name: str) -> None:
    plain = name.removeprefix("/")
    if not _NAME.fullmatch(name):
        raise invalid(f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    for container in host.state.containers.values():
        if container["name"] == plain:
            raise conflict(f'The container name "/{plain}" is already in use by container "{container["Id"]}"')


def _resolve_modes(host: SimulatedHost, stored: Record) -> None:
    """`container:NAME` is stored with the id. Only a network's target may be missing: it is kept as written."""
    for key in ("NetworkMode", "IpcMode", "PidMode"):
        if stored[key].startswith("container:"):
            target = find_container(host, stored[key].removeprefix("container:"))
            if target is not None:
                stored[key] = f"container:{target['Id']}"
            elif key != "NetworkMode":
                raise invalid(f"No such container: {stored[key].removeprefix('container:')}")


def _place_mac(host: SimulatedHost, config: Record, stored: Record, endpoints: dict[str, Record]) -> list[str]:
    """The container's MAC address belongs to the network of its mode, where engine 25 and later store it."""
    mac = config.get("MacAddress")
    if not mac:
        return []
    mode = network_of_mode(stored["NetworkMode"])
    endpoint = _main_endpoint(host, stored, endpoints)
    modern = host.profile.speaks("1.44")
    if modern and not _MAC.fullmatch(mac):
        raise invalid(f"invalid config for network {mode}: invalid MAC address {mac}")
    if endpoint is None and modern and mode:
        raise invalid("the container-wide MAC address requires an endpoint of the network mode's network")
    if endpoint is not None:
        if endpoint["mac"] not in {"", mac}:
            raise invalid("the container-wide MAC address must match the MAC address for the main network")
        endpoint["mac"] = mac
    if not modern:
        return []
    if endpoint is not None:
        endpoint["MacAddress"] = mac
    del config["MacAddress"]
    return ["The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead."]


def _main_endpoint(host: SimulatedHost, stored: Record, endpoints: dict[str, Record]) -> Record | None:
    """The endpoint of the mode's network; its MAC address stays the container's."""
    mode = network_of_mode(stored["NetworkMode"])
    network = find_network(host, mode) if mode else None
    return endpoints.get(network["Name"] if network else mode)


def _container(host: SimulatedHost, config: Record, stored: Record, image: Record) -> Record:
    key = host.state.new_id("container")
    if not config["Hostname"]:
        config["Hostname"] = host.facts.name if stored["NetworkMode"] == "host" else key[:12]
    command = [*(config["Entrypoint"] or []), *(config["Cmd"] or [])]
    return {
        "Id": key,
        "Created": host.state.tick(),
        "Path": command[0],
        "Args": command[1:],
        "State": created_state(),
        "Image": image["Id"],
        "RestartCount": 0,
        "HostConfig": stored,
        "Config": config,
        "ports": {},
        "reads": 0,
        "sandbox": False,
    }


def _link(host: SimulatedHost, container: Record) -> None:
    """`target:alias` is stored with both full names."""
    links = container["HostConfig"]["Links"]
    if not links:
        return
    resolved = []
    for link in links:
        target, _, alias = link.partition(":")
        other = find_container(host, target)
        if other is None:
            raise invalid(f"could not get container for {target}: No such container: {target}")
        resolved.append(f"/{other['name']}:/{container['name']}/{alias or other['name']}")
    container["HostConfig"]["Links"] = resolved


# Change


def rename(host: SimulatedHost, ref: str, name: str) -> None:
    container = need_container(host, ref)
    if not name:
        raise invalid("Neither old nor new names may be empty")
    if name.removeprefix("/") == container["name"]:
        raise invalid("Renaming a container with the same name as its current name")
    _check_name(host, name)
    container["name"] = name.removeprefix("/")
    for network, endpoint in container["networks"].items():
        if endpoint.get("DNSNames"):
            add_names(host.profile, container, network, endpoint)
    host.state.tick()


def remove(host: SimulatedHost, ref: str, *, force: bool, anonymous_volumes: bool) -> None:
    container = need_container(host, ref)
    if container["State"]["Running"]:
        if not force:
            raise conflict(f'cannot remove container "/{container["name"]}": container is running')
        finish(host, container, KILLED)
    if container["Id"] in host.state.containers:
        discard(host, container, anonymous_volumes=anonymous_volumes)
    host.state.tick()
