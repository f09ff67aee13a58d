"""The mounts of a container, as inspect shows them. Short binds create missing host directories; long ones require
them. A path of the image's VOLUME without a mount gets an anonymous volume. Missing volumes are created."""

from __future__ import annotations

from msgspec import Struct, field

from deployer.errors import EngineError
from deployer.simulated.lookup import find_container
from deployer.simulated.refusals import failed, invalid
from deployer.simulated.state import Record, SimulatedHost
from deployer.simulated.volumes import check_volume_name, create_volume, mountpoint
from deployer.values.paths import clean

_MODES = (
    {"ro", "rw"},
    {"z", "Z"},
    {"shared", "slave", "private", "rshared", "rslave", "rprivate"},
    {"nocopy"},
    {"consistent", "cached", "delegated", "default"},
)
_PROPAGATIONS = _MODES[2]
_DATA_ROOT = "/var/lib/docker"


class MountPlan(Struct):
    """The mounts of a new container. `implicit`: for a path of `Config.Volumes`, its own or another container's.
    `anonymous`: removed with the container on request. `inherited`: of another container; they count as used from the
    first start on."""

    mounts: list[Record] = field(default_factory=list)
    implicit: list[str] = field(default_factory=list)
    anonymous: list[str] = field(default_factory=list)
    inherited: list[str] = field(default_factory=list)


def plan_mounts(host: SimulatedHost, config: Record, host_config: Record) -> MountPlan:
    """Validates and lists the mounts, without creating anything. A volume without a name is anonymous."""
    plan = MountPlan()
    points = _inherited(host, host_config["VolumesFrom"] or [], plan)
    given: dict[str, Record] = {}
    for text in host_config["Binds"] or []:
        _add(given, _short_mount(text))
    tmpfs = {clean(path) for path in host_config.get("Tmpfs") or {}}
    for path in sorted(tmpfs & given.keys()):
        raise invalid(f"Duplicate mount point: {path}")
    for mount in host_config.get("Mounts") or []:
        _add(given, _long_mount(host, mount))
    points |= given
    for path in config.get("Volumes") or {}:
        if clean(path) not in points.keys() | tmpfs:
            points[clean(path)] = _volume_point("", clean(path), mode="", read_only=False)
    plan.mounts = list(points.values())
    return plan


def make_volumes(host: SimulatedHost, plan: MountPlan, host_config: Record) -> None:
    """Creates the volumes and directories of the mounts. Of the unnamed volumes, engines before 28 label only one for
    `Config.Volumes` (the only one without a mode) as anonymous."""
    all_labelled = host.profile.is_at_least("28")
    settings = {
        mount.get("Source"): mount.get("VolumeOptions") or {}
        for mount in host_config.get("Mounts") or []
        if mount["Type"] == "volume"
    }
    for mount in plan.mounts:
        if mount["Type"] != "volume":
            continue
        name = mount["Name"] or (host.state.new_id("volume") if mount["Mode"] and not all_labelled else "")
        options = settings.get(mount["Name"], {})
        volume = create_volume(host, _volume_body(name, options, host_config["VolumeDriver"]))
        if not mount["Name"]:
            plan.anonymous.append(volume["Name"])
            plan.implicit += [volume["Name"]] if not mount["Mode"] else []
            mount |= {"Name": volume["Name"], "Source": mountpoint(volume["Name"])}


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
        raise _bad_specification(text)
    source, destination = ("", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    kind = "bind" if source.startswith("/") else "volume"
    words = _split_options(parts[2] if len(parts) == 3 else "")
    problem = _target_problem(destination) or _option_problem(kind, words)
    if problem:
        raise _bad_specification(text, f'invalid mount config for type "{kind}": {problem}')
    cleaned, read_only, mode = clean(destination), "ro" in words, ",".join(words)
    if not source:
        return _volume_point("", cleaned, mode="z", read_only=False) | {"nameless": True}
    if kind == "bind":
        propagation = next((word for word in words if word in _PROPAGATIONS), "")
        return _bind_point(source, cleaned, mode=mode, read_only=read_only, propagation=propagation)
    check_volume_name(source)
    return _volume_point(source, cleaned, mode=mode or "z", read_only=read_only)


def _bad_specification(text: str, reason: str = "") -> EngineError:
    """The engine answers 500 to an invalid short mount."""
    return failed(f"invalid volume specification: '{text}'" + (f": {reason}" if reason else ""))


def _split_options(options: str) -> list[str]:
    """At most one known word of each class, in any order."""
    words = options.split(",") if options else []
    known = all(any(word in group for group in _MODES) for word in words)
    if not known or any(len([word for word in words if word in group]) > 1 for group in _MODES):
        raise failed(f"invalid mode: {options}")
    return words


def _option_problem(kind: str, words: list[str]) -> str:
    if kind == "bind" and "nocopy" in words:
        return "field VolumeOptions must not be specified"
    if kind == "volume" and _PROPAGATIONS & set(words):
        return "field BindOptions must not be specified"
    return ""


def _target_problem(target: str) -> str:
    if not target:
        return "field Target must not be empty"
    if not target.startswith("/"):
        return f"invalid mount path: '{target}' mount path must be absolute"
    return "invalid specification: destination can't be '/'" if clean(target) == "/" else ""


def _long_mount(host: SimulatedHost, mount: Record) -> Record:
    kind, source = mount.get("Type", ""), mount.get("Source", "")
    _check_kind(kind, mount)
    problem = _target_problem(mount.get("Target", "")) or _source_problem(host, kind, source, mount)
    if problem:
        raise invalid(f'invalid mount config for type "{kind}": {problem}')
    read_only, cleaned = bool(mount.get("ReadOnly")), clean(mount["Target"])
    if kind == "tmpfs":
        return _point("tmpfs", "", cleaned, mode="", read_only=read_only)
    if kind == "volume":
        if source:
            check_volume_name(source)
        return _volume_point(source, cleaned, mode="z", read_only=read_only)
    propagation = (mount.get("BindOptions") or {}).get("Propagation", "")
    return _bind_point(source, cleaned, mode="", read_only=read_only, propagation=propagation)


def _check_kind(kind: str, mount: Record) -> None:
    """Only options of the mount's own type are accepted."""
    if kind not in {"bind", "volume", "tmpfs"}:
        raise invalid(f'invalid mount config for type "{kind}": mount type unknown')
    for other in ("Bind", "Volume", "Tmpfs"):
        if other.lower() != kind and mount.get(f"{other}Options"):
            raise invalid(f'{other}Options must not be specified on mount type "{kind}"')


def _source_problem(host: SimulatedHost, kind: str, source: str, mount: Record) -> str:
    if kind == "tmpfs":
        return "field Source must not be specified" if source else ""
    if kind == "volume":
        return ""
    if not source:
        return "field Source must not be empty"
    if not source.startswith("/"):
        return f"invalid mount path: '{source}' mount path must be absolute"
    made = (mount.get("BindOptions") or {}).get("CreateMountpoint")
    return "" if made or host.facts.has_path(source) else f"bind source path does not exist: {source}"


def _inherited(host: SimulatedHost, sources: list[str], plan: MountPlan) -> dict[str, Record]:
    """`container[:ro|rw]`: copies the mounts of another container."""
    points: dict[str, Record] = {}
    for text in sources:
        name, _, mode = text.partition(":")
        if mode not in {"", "ro", "rw", "z", "Z"}:
            raise invalid(f"invalid mode: {mode}")
        source = find_container(host, name)
        if source is None:
            raise invalid(f"No such container: {name}")
        for mount in source["Mounts"]:
            points[mount["Destination"]] = {**mount, "nameless": False, "Mode": "", "RW": mount["RW"] and mode != "ro"}
        names = [mount["Name"] for mount in source["Mounts"] if mount["Type"] == "volume"]
        own = [name for name in names if name in source["implicit"]]
        plan.implicit += own
        plan.anonymous += own
        plan.inherited += [name for name in names if name not in own]
    return points


def _bind_point(source: str, target: str, *, mode: str, read_only: bool, propagation: str) -> Record:
    """A bind is private by default; one that contains the engine's data is a slave."""
    cleaned = clean(source)
    holds_data = f"{_DATA_ROOT}/".startswith(cleaned.rstrip("/") + "/")
    default = "rslave" if holds_data else "rprivate"
    point = _point("bind", cleaned, target, mode=mode, read_only=read_only)
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
