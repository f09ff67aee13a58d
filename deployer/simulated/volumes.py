"""Volumes of a simulated host. Creating an existing volume returns it unchanged. A volume cannot be changed, and cannot
be removed while a container uses it, running or not."""

from __future__ import annotations

import re

from deployer.interfaces import Json
from deployer.simulated import trees
from deployer.simulated.refusals import conflict, failed, invalid, missing
from deployer.simulated.state import Record, SimulatedHost

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_LOCAL_OPTIONS = ("type", "o", "device", "size")
ANONYMOUS_LABEL = "com.docker.volume.anonymous"


def create_volume(host: SimulatedHost, body: Json) -> Record:
    name = body.get("Name") or host.state.new_id("volume")
    driver = body.get("Driver") or "local"
    existing = host.state.volumes.get(name)
    if existing is not None:
        if body.get("Driver") and driver != existing["Driver"]:
            raise conflict(f"create {name}: conflict: volume name must be unique")
        return existing
    if driver != "local":
        raise missing(f'create {name}: error looking up volume plugin {driver}: plugin "{driver}" not found')
    check_volume_name(name)
    if len(name) > 255:
        raise failed(f"create {name}: mkdir {mountpoint(name)}: file name too long")
    options, labels = body.get("DriverOpts"), body.get("Labels")
    _check_local_options(name, dict(options or {}))
    record: Record = {
        "Name": name,
        "Driver": driver,
        "Mountpoint": mountpoint(name),
        "CreatedAt": host.state.tick()[:19] + "Z",
        "Scope": "local",
        "Labels": dict(labels) if labels is not None else None,
        "Options": dict(options) if options is not None else None,
    }
    if not body.get("Name") and host.profile.is_at_least("23"):
        record["Labels"] = {**(record["Labels"] or {}), ANONYMOUS_LABEL: ""}
    host.state.volumes[name] = record
    return record


def mountpoint(name: str) -> str:
    return f"/var/lib/docker/volumes/{name}/_data"


def check_volume_name(name: str) -> None:
    if len(name) == 1:
        raise invalid(f"create {name}: volume name is too short")
    if not _NAME.fullmatch(name):
        raise invalid(f'create {name}: "{name}" includes invalid characters for a local volume name')


def _check_local_options(name: str, options: Record) -> None:
    """`device` requires `type`, and `o` requires both."""
    for option in options:
        if option not in _LOCAL_OPTIONS:
            raise invalid(f'create {name}: invalid option: "{option}"')
    if options.get("device") and not options.get("type"):
        raise invalid(f'create {name}: missing required option: "type"')
    if (options.get("type") or options.get("o")) and not options.get("device"):
        raise invalid(f'create {name}: missing required option: "device"')
    if options.get("size"):
        raise invalid(f"create {name}: quota size requested but no quota support")


def size(volume: Record) -> int:
    """Bytes in its files."""
    return sum(len(trees.data_of(entry)) for entry in volume.get("files", {}).values())


def remove_volume(host: SimulatedHost, name: str) -> None:
    if name not in host.state.volumes:
        raise missing(f"get {name}: no such volume")
    users = volume_users(host, name)
    if users:
        raise conflict(f"remove {name}: volume is in use - [{', '.join(users)}]")
    del host.state.volumes[name]


def volume_users(host: SimulatedHost, name: str) -> list[str]:
    """The ids of the containers that mount a volume, stopped ones too. A container that never ran does not count for
    volumes from `volumes_from`."""
    return [
        key
        for key, container in host.state.containers.items()
        if name not in container["inherited"] and any(mount.get("Name") == name for mount in container["Mounts"])
    ]
