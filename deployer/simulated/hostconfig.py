"""The container's host config: the request over the engine's defaults, with what follows from some values."""

from __future__ import annotations

from typing import Any

from deployer.simulated.profile import READONLY_PATHS, HostFacts, Profile
from deployer.simulated.state import Record

DEFAULT_SHM_SIZE = 64 * 1024**2
DEFAULT_RUNTIME = "runc"
DEFAULT_LOG_DRIVER = "json-file"


def blank_host_config(profile: Profile) -> dict[str, Any]:
    """All keys of a host config, with the values of an empty request."""
    blank = dict.fromkeys(_NULL_KEYS) | dict.fromkeys(_TEXT_KEYS, "") | dict.fromkeys(_NUMBER_KEYS, 0)
    blank |= dict.fromkeys(_FLAG_KEYS, False)
    blank["LogConfig"] = {"Type": "", "Config": {}}
    blank["RestartPolicy"] = {"Name": "", "MaximumRetryCount": 0}
    blank["ConsoleSize"] = [0, 0]
    if not profile.speaks("1.42"):
        blank |= {"KernelMemory": 0, "KernelMemoryTCP": 0}
    return blank


_TEXT_KEYS = (
    *("ContainerIDFile", "NetworkMode", "VolumeDriver", "CgroupnsMode", "IpcMode", "Cgroup", "PidMode", "UTSMode"),
    *("UsernsMode", "Isolation", "CgroupParent", "CpusetCpus", "CpusetMems"),
)
_NUMBER_KEYS = (
    *("OomScoreAdj", "ShmSize", "CpuShares", "Memory", "NanoCpus", "BlkioWeight", "CpuPeriod", "CpuQuota"),
    *("CpuRealtimePeriod", "CpuRealtimeRuntime", "MemoryReservation", "MemorySwap", "CpuCount", "CpuPercent"),
    *("IOMaximumIOps", "IOMaximumBandwidth"),
)
_FLAG_KEYS = ("AutoRemove", "Privileged", "PublishAllPorts", "ReadonlyRootfs")
_NULL_KEYS = (
    *("Binds", "PortBindings", "VolumesFrom", "CapAdd", "CapDrop", "Dns", "DnsOptions", "DnsSearch", "ExtraHosts"),
    *("GroupAdd", "Links", "SecurityOpt", "BlkioWeightDevice", "BlkioDeviceReadBps", "BlkioDeviceWriteBps"),
    *("BlkioDeviceReadIOps", "BlkioDeviceWriteIOps", "Devices", "DeviceCgroupRules", "DeviceRequests"),
    *("MemorySwappiness", "OomKillDisable", "PidsLimit", "Ulimits", "MaskedPaths", "ReadonlyPaths"),
)


def completed_host_config(profile: Profile, facts: HostFacts, given: Record | None) -> Record:
    """What inspect shows for a request's host config; `given` is validated and decoded."""
    stored = blank_host_config(profile) | (given or {})
    _complete_records(stored)
    stored["Links"] = stored["Links"] or None
    _complete_resources(stored)
    _complete_isolation(profile, facts, stored)
    if (given is not None or profile.is_at_least("25")) and not stored.get("Runtime"):
        stored["Runtime"] = DEFAULT_RUNTIME
    if not stored["RestartPolicy"]["Name"]:
        stored["RestartPolicy"]["Name"] = profile.unset_restart_policy
    if stored["NetworkMode"] in {"", "default"}:
        stored["NetworkMode"] = profile.unset_network_mode
    for key in ("StorageOpt", "Tmpfs", "Sysctls", "Mounts", "Annotations", "Runtime"):
        if not stored.get(key, True):
            del stored[key]
    return stored


def _complete_records(stored: Record) -> None:
    """Nested objects show all their fields."""
    log = stored["LogConfig"]
    stored["LogConfig"] = {"Type": log.get("Type") or DEFAULT_LOG_DRIVER, "Config": log.get("Config") or {}}
    policy = stored["RestartPolicy"]
    stored["RestartPolicy"] = {
        "Name": policy.get("Name", ""),
        "MaximumRetryCount": policy.get("MaximumRetryCount", 0),
    }
    if stored["PortBindings"]:
        stored["PortBindings"] = {
            port: bindings and [_filled(binding, HostIp="", HostPort="") for binding in bindings]
            for port, bindings in stored["PortBindings"].items()
        }
    if stored["Devices"]:
        empty = {"PathOnHost": "", "PathInContainer": "", "CgroupPermissions": ""}
        stored["Devices"] = [_filled(device, **empty) for device in stored["Devices"]]
    if stored["DeviceRequests"]:
        blank = {"Driver": "", "Count": 0, "DeviceIDs": None, "Capabilities": None, "Options": None}
        stored["DeviceRequests"] = [_filled(request, **blank) for request in stored["DeviceRequests"]]
    if stored["Ulimits"]:
        stored["Ulimits"] = [_filled(limit, Name="", Hard=0, Soft=0) for limit in stored["Ulimits"]]


def _filled(given: Record, **blank: Any) -> Record:
    return {key: given.get(key, value) for key, value in blank.items()}


def _complete_resources(stored: Record) -> None:
    """A memory limit alone allows the same amount of swap; limits that mean "none" are stored as null."""
    if stored["Memory"] > 0 and stored["MemorySwap"] == 0:
        stored["MemorySwap"] = 2 * stored["Memory"]
    if not stored["ShmSize"]:
        stored["ShmSize"] = DEFAULT_SHM_SIZE
    if stored["PidsLimit"] is not None and stored["PidsLimit"] <= 0:
        stored["PidsLimit"] = None
    if stored["MemorySwappiness"] == -1:
        stored["MemorySwappiness"] = None
    if stored["OomKillDisable"] is None:
        stored["OomKillDisable"] = False


def _complete_isolation(profile: Profile, facts: HostFacts, stored: Record) -> None:
    """Privileged containers and those in the host's process or IPC space run without SELinux labels."""
    if not stored["IpcMode"]:
        stored["IpcMode"] = "private"
    if not stored["CgroupnsMode"]:
        stored["CgroupnsMode"] = "private" if facts.cgroup == 2 else "host"
    if not stored["Privileged"]:
        if stored["MaskedPaths"] is None:
            stored["MaskedPaths"] = profile.masked_paths
        if stored["ReadonlyPaths"] is None:
            stored["ReadonlyPaths"] = list(READONLY_PATHS)
    if stored["Privileged"] or stored["PidMode"] == "host" or stored["IpcMode"] == "host":
        stored["SecurityOpt"] = [*(stored["SecurityOpt"] or []), "label=disable"]
