"""The mounts of a container: every way to ask for one, as the entries of `Mounts` that inspect shows.

Short binds make missing host directories, long ones need them; a path of the image's VOLUME without a mount of its own
gets an anonymous volume; a volume that does not exist is made on the way.
"""

from __future__ import annotations

import posixpath

from deployer.engine.simulated.lookup import need_container
from deployer.engine.simulated.refusals import invalid
from deployer.engine.simulated.state import Record, SimulatedHost
from deployer.engine.simulated.volumes import check_volume_name, create_volume, mountpoint

_MODES = (
    {"ro", "rw"},
    {"z", "Z"},
    {"shared", "slave", "private", "rshared", "rslave", "rprivate"},
    {"nocopy"},
    {"consistent", "cached", "delegated", "default"},
)
_PROPAGATIONS = _MODES[2]
_DATA_ROOT = "/var/lib/docker"


def plan_mounts(host: SimulatedHost, config: Record, host_config: Record) -> list[Record]:
    """Validates and lists the mounts of a new container; makes nothing. A volume without a name is anonymous."""
    points: dict[str, Record] = {}
    for mount in _inherited(host, host_config["VolumesFrom"] or []):
        points[mount["Destination"]] = mount
    given: dict[str, Record] = {}
    for text in host_config["Binds"] or []:
        _add(given, _short_mount(text))
    for mount in host_config.get("Mounts") or []:
        _add(given, _long_mount(host, mount))
    tmpfs = {_clean(path) for path in host_config.get("Tmpfs") or {}}
    binds = {_short_mount(text)["Destination"] for text in host_config["Binds"] or []}
    for path in sorted(tmpfs & binds):
        raise invalid(f"Duplicate mount point: {path}")
    points |= given
    for path in config.get("Volumes") or {}:
        clean = _clean(path)
        if clean not in points and clean not in tmpfs:
            points[clean] = _volume_point("", clean, mode="", read_only=False)
    return list(points.values())


def make_volumes(host: SimulatedHost, mounts: list[Record], host_config: Record) -> list[str]:
    """Creates what the planned mounts need and returns the names of the anonymous volumes."""
    anonymous = []
    settings = {
        mount.get("Source"): mount.get("VolumeOptions") or {}
        for mount in host_config.get("Mounts") or []
        if mount["Type"] == "volume"
    }
    for mount in mounts:
        if mount["Type"] != "volume":
            continue
        body = _volume_body(mount["Name"], settings.get(mount["Name"], {}), host_config["VolumeDriver"])
        volume = create_volume(host, body)
        if not mount["Name"]:
            anonymous.append(volume["Name"])
            mount |= {"Name": volume["Name"], "Source": mountpoint(volume["Name"])}
    return anonymous


def _volume_body(name: str, options: Record, driver: str) -> Record:
    config = options.get("DriverConfig") or {}
    body = {"Name": name, "Driver": config.get("Name") or driver}
    if config.get("Options"):
        body["DriverOpts"] = config["Options"]
    if options.get("Labels"):
        body["Labels"] = options["Labels"]
    return body


def _add(points: dict[str, Record], mount: Record) -> None:
    destination = mount["Destination"]
    if destination in points:
        raise invalid(f"Duplicate mount point: {destination}")
    points[destination] = mount


def _short_mount(text: str) -> Record:
    """`/dst`, `source:/dst` or `source:/dst:options`."""
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not all(parts):
        raise invalid(f"invalid volume specification: '{text}'")
    source, destination = ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    options = parts[2] if len(parts) == 3 else ""
    _check_target(text, destination)
    words = _check_options(options)
    read_only = "ro" in words
    clean = _clean(destination)
    if source.startswith("/"):
        propagation = next((word for word in words if word in _PROPAGATIONS), "")
        return _bind_point(source, clean, mode=options, read_only=read_only, propagation=propagation)
    if source:
        check_volume_name(source)
    return _volume_point(source, clean, mode=options or ("z" if source else ""), read_only=read_only)


def _check_target(text: str, destination: str) -> None:
    if not destination.startswith("/"):
        raise invalid(f"invalid volume specification: '{text}': invalid mount config: mount path must be absolute")
    if _clean(destination) == "/":
        raise invalid(f"invalid volume specification: '{text}': destination can't be '/'")


def _check_options(options: str) -> list[str]:
    """At most one word of each class, in any order."""
    words = options.split(",") if options else []
    for word in words:
        if not any(word in group for group in _MODES):
            raise invalid(f"invalid mode: {options}")
    for group in _MODES:
        if len([word for word in words if word in group]) > 1:
            raise invalid(f"invalid mode: {options}")
    return words


def _long_mount(host: SimulatedHost, mount: Record) -> Record:
    kind, source, target = mount.get("Type", ""), mount.get("Source", ""), mount.get("Target", "")
    prefix = f'invalid mount config for type "{kind}"'
    if kind not in {"bind", "volume", "tmpfs"}:
        raise invalid(f'invalid mount config for type "{kind}": mount type unknown')
    if not target:
        raise invalid(f"{prefix}: field Target must not be empty")
    if not target.startswith("/") or _clean(target) == "/":
        raise invalid(f"{prefix}: invalid mount path: '{target}' mount path must be absolute")
    read_only, clean = bool(mount.get("ReadOnly")), _clean(target)
    if kind == "tmpfs":
        if source:
            raise invalid(f"{prefix}: field Source must not be specified")
        return _point("tmpfs", "", clean, mode="", read_only=read_only)
    if kind == "volume":
        if source:
            check_volume_name(source)
        return _volume_point(source, clean, mode="z" if source else "", read_only=read_only)
    options = mount.get("BindOptions") or {}
    if not source.startswith("/"):
        raise invalid(f"{prefix}: invalid mount path: '{source}' mount path must be absolute")
    if not host.facts.has_path(source) and not options.get("CreateMountpoint"):
        raise invalid(f"{prefix}: bind source path does not exist: {source}")
    return _bind_point(source, clean, mode="", read_only=read_only, propagation=options.get("Propagation", ""))


def _inherited(host: SimulatedHost, sources: list[str]) -> list[Record]:
    """`container[:ro|rw]`: the mounts of another container, copied."""
    mounts = []
    for text in sources:
        name, _, mode = text.partition(":")
        for mount in need_container(host, name)["Mounts"]:
            mounts.append({**mount, "RW": mount["RW"] and mode != "ro"})
    return mounts


def _bind_point(source: str, target: str, *, mode: str, read_only: bool, propagation: str) -> Record:
    """Unless told otherwise a bind is private; one that contains the engine's own data is a slave."""
    clean = _clean(source)
    holds_data = f"{_DATA_ROOT}/".startswith(clean.rstrip("/") + "/")
    default = "rslave" if holds_data else "rprivate"
    point = _point("bind", clean, target, mode=mode, read_only=read_only)
    return point | {"Propagation": propagation or default}


def _volume_point(name: str, target: str, *, mode: str, read_only: bool) -> Record:
    point = _point("volume", mountpoint(name), target, mode=mode, read_only=read_only)
    return {"Type": "volume", "Name": name} | point | {"Driver": "local"}


def _point(kind: str, source: str, target: str, *, mode: str, read_only: bool) -> Record:
    return {
        "Type": kind,
        "Source": source,
        "Destination": target,
        "Mode": mode,
        "RW": not read_only,
        "Propagation": "",
    }


def _clean(path: str) -> str:
    clean = posixpath.normpath(path)
    return clean[1:] if clean.startswith("//") else clean
