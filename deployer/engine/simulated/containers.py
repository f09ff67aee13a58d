"""Containers of a simulated host: create, rename, update, remove."""

from __future__ import annotations

import re

from deployer.engine.simulated.decode import decode_create, decode_host_config
from deployer.engine.simulated.endpoints import network_of_mode, planned_endpoints
from deployer.engine.simulated.hostconfig import completed_host_config
from deployer.engine.simulated.images import need_image
from deployer.engine.simulated.lifecycle import created_state, discard, finish
from deployer.engine.simulated.lookup import find_container, find_network, need_container
from deployer.engine.simulated.merge import merged_config
from deployer.engine.simulated.mounts import make_volumes, plan_mounts
from deployer.engine.simulated.refusals import conflict, invalid, missing
from deployer.engine.simulated.state import Record, SimulatedHost
from deployer.engine.simulated.validation import (
    check_config,
    check_host_config,
    check_resources,
    check_restart_policy,
)
from deployer.interfaces import Json

_NAME = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_UPDATABLE = (
    *("BlkioWeight", "CpuShares", "NanoCpus", "CpuPeriod", "CpuQuota", "CpusetCpus", "CpusetMems", "Memory"),
    *("MemorySwap", "MemoryReservation", "CpuRealtimePeriod", "CpuRealtimeRuntime"),
)


# Create


def create(host: SimulatedHost, name: str, body: Json, platform: str) -> tuple[str, list[str]]:
    """Everything is checked before anything is made, so a refused request leaves no trace."""
    config, host_config, requests = decode_create(host.profile, body)
    check_config(config)
    warnings = check_host_config(host.profile, host.facts, config, host_config or {})
    image = need_image(host, config.get("Image", ""))
    _check_platform(config["Image"], image, platform)
    config = merged_config(config, image["Config"])
    stored = completed_host_config(host.profile, host.facts, host_config)
    _resolve_modes(host, stored)
    if name:
        _check_name(host, name)
    endpoints = planned_endpoints(host, config, stored["NetworkMode"], requests)
    mac = _place_mac(host, config, stored, endpoints)
    mounts = plan_mounts(host, config, stored)
    container = _container(host, config, stored, image)
    container["name"] = name.removeprefix("/") or f"simulated_{container['Id'][:12]}"
    container |= {"networks": endpoints, "Mounts": mounts, "anonymous": make_volumes(host, mounts, stored)}
    _link(host, container)
    host.state.containers[container["Id"]] = container
    return container["Id"], [*warnings, *mac]


def _check_platform(ref: str, image: Record, platform: str) -> None:
    wanted = platform.split("/")
    actual = [image["Os"], image["Architecture"], image.get("Variant", "")]
    if platform and wanted[:2] != actual[:2]:
        raise missing(
            f"image with reference {ref} was found but does not match the specified platform: "
            f"wanted {platform}, actual: {'/'.join(part for part in actual if part)}"
        )


def _check_name(host: SimulatedHost, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise invalid(f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed")
    plain = name.removeprefix("/")
    for container in host.state.containers.values():
        if container["name"] == plain:
            raise conflict(
                f'Conflict. The container name "/{plain}" is already in use by container "{container["Id"]}". '
                "You have to remove (or rename) that container to be able to reuse that name."
            )


def _resolve_modes(host: SimulatedHost, stored: Record) -> None:
    """`container:NAME` is stored with the id; a target that does not exist (yet) is kept as written."""
    for key in ("NetworkMode", "IpcMode", "PidMode"):
        if stored[key].startswith("container:"):
            target = find_container(host, stored[key].removeprefix("container:"))
            if target is not None:
                stored[key] = f"container:{target['Id']}"


def _place_mac(host: SimulatedHost, config: Record, stored: Record, endpoints: dict[str, Record]) -> list[str]:
    """The container's hardware address belongs to the network of its mode, where engine 25 and later store it."""
    mac = config.get("MacAddress")
    if not mac:
        return []
    mode = network_of_mode(stored["NetworkMode"])
    network = find_network(host, mode)
    endpoint = endpoints.get(network["Name"] if network else mode)
    modern = host.profile.speaks("1.44")
    if endpoint is None and modern:
        raise invalid(
            "unable to migrate container-wide MAC address to a specific network: HostConfig.NetworkMode must match "
            "the identity of a network in NetworkSettings.Networks"
        )
    if endpoint is not None:
        if endpoint["mac"] not in {"", mac}:
            raise invalid(
                "the container-wide MAC address must match the endpoint-specific MAC address for the main network, "
                "or be left empty"
            )
        endpoint["mac"] = mac
    if not modern:
        return []
    del config["MacAddress"]
    return ["The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead."]


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
    }


def _link(host: SimulatedHost, container: Record) -> None:
    """`target:alias` is stored as the two names in full."""
    links = container["HostConfig"]["Links"]
    if not links:
        return
    resolved = []
    for link in links:
        target, _, alias = link.partition(":")
        other = need_container(host, target)
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
    host.state.tick()


def update(host: SimulatedHost, ref: str, body: Json) -> list[str]:
    """Resources and restart policy only; zero and the empty text mean "not given", the rest of the body is ignored."""
    container = need_container(host, ref)
    stored = container["HostConfig"]
    given = decode_host_config(host.profile, dict(body))
    check_resources(host.facts, given, update=True)
    policy = given.get("RestartPolicy") or {}
    check_restart_policy(host.profile, policy, auto_remove=False)
    _check_update(container, given, policy)
    for key in _UPDATABLE:
        if given.get(key):
            stored[key] = given[key]
    if given.get("PidsLimit") is not None:
        stored["PidsLimit"] = max(given["PidsLimit"], 0)
    if policy.get("Name"):
        stored["RestartPolicy"] = {
            "Name": policy["Name"],
            "MaximumRetryCount": policy.get("MaximumRetryCount", 0),
        }
    host.state.tick()
    return []


def _check_update(container: Record, given: Record, policy: Record) -> None:
    """What the container already has can stand against the change."""
    stored = container["HostConfig"]
    prefix = f"Cannot update container {container['Id']}: "
    families = {"NanoCpus": ("CpuPeriod", "CpuQuota"), "CpuPeriod": ("NanoCpus",), "CpuQuota": ("NanoCpus",)}
    for key, others in families.items():
        for other in others:
            if given.get(key, 0) > 0 and stored[other] > 0:
                raise conflict(f"{prefix}Conflicting options: {key} cannot be updated as {other} has already been set")
    if given.get("Memory", 0) > stored["MemorySwap"] and not given.get("MemorySwap"):
        raise conflict(
            f"{prefix}Memory limit should be smaller than already set memoryswap limit, "
            "update the memoryswap at the same time"
        )
    if stored["AutoRemove"] and policy.get("Name") not in {None, "", "no"}:
        raise conflict(f"{prefix}Restart policy cannot be updated because AutoRemove is enabled for the container")


def remove(host: SimulatedHost, ref: str, *, force: bool, anonymous_volumes: bool) -> None:
    container = need_container(host, ref)
    if container["State"]["Running"]:
        if not force:
            raise conflict(_running_refusal(host, container))
        finish(host, container, 137)
    if container["Id"] in host.state.containers:
        discard(host, container, anonymous_volumes=anonymous_volumes)
    host.state.tick()


def _running_refusal(host: SimulatedHost, container: Record) -> str:
    if host.profile.is_at_least("25"):
        return (
            f'cannot remove container "/{container["name"]}": container is running: '
            "stop the container before removing or force remove"
        )
    return (
        f"You cannot remove a running container {container['Id']}. "
        "Stop the container before attempting removal or force remove"
    )
