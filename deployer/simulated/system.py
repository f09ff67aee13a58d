"""A simulated engine's information about itself, and the output of containers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from deployer.interfaces import LogLine, LogQuery
from deployer.simulated.hostconfig import DEFAULT_LOG_DRIVER, DEFAULT_RUNTIME
from deployer.simulated.profile import HostFacts
from deployer.simulated.state import Record, SimulatedHost, sha256, unix_seconds
from deployer.simulated.vocabulary import LOG_OPTIONS, RUNTIMES

_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "386": "i686", "arm": "armv7l"}


def info(host: SimulatedHost) -> dict[str, Any]:
    """`GET /info`. No engine includes log options, default limits or the default IPC mode."""
    containers = [container["State"]["Status"] for container in host.state.containers.values()]
    return {
        "ID": sha256(host.facts.name),
        "Name": host.facts.name,
        "ServerVersion": host.profile.version,
        "Containers": len(containers),
        "ContainersRunning": containers.count("running"),
        "ContainersPaused": 0,
        "ContainersStopped": len(containers) - containers.count("running"),
        "Images": len(host.state.images),
        "Driver": "overlay2",
        "DriverStatus": [["Backing Filesystem", "extfs"]],
        "DockerRootDir": "/var/lib/docker",
        "OSType": "linux",
        "OperatingSystem": "Simulated Linux",
        "KernelVersion": "6.1.0",
        **_kernel(host.facts),
        "Architecture": _MACHINES.get(host.facts.arch, host.facts.arch),
        "NCPU": host.facts.cpus,
        "MemTotal": host.facts.memory,
        "LoggingDriver": DEFAULT_LOG_DRIVER,
        "DefaultRuntime": DEFAULT_RUNTIME,
        "Runtimes": {name: {"path": "runc"} for name in RUNTIMES},
        "SecurityOptions": _security_options(host),
        "Plugins": {
            "Volume": ["local"],
            "Network": ["bridge", "host", "ipvlan", "macvlan", "null", "overlay"],
            "Log": sorted(LOG_OPTIONS.keys() - {"none"}),
        },
        "IndexServerAddress": "https://index.docker.io/v1/",
        "RegistryConfig": {"Mirrors": [], "InsecureRegistryCIDRs": ["127.0.0.0/8"], "IndexConfigs": {}},
        "Swarm": {"LocalNodeState": "inactive", "ControlAvailable": False},
        "LiveRestoreEnabled": False,
        "Warnings": None,
    }


def _kernel(facts: HostFacts) -> dict[str, Any]:
    """What the kernel can limit. cgroup v2 has no out-of-memory switch."""
    version_two = facts.cgroup == 2
    return {
        "CgroupDriver": "systemd" if version_two else "cgroupfs",
        "CgroupVersion": str(facts.cgroup),
        "MemoryLimit": True,
        "SwapLimit": True,
        "PidsLimit": True,
        "OomKillDisable": not version_two,
    }


def _security_options(host: SimulatedHost) -> list[str]:
    profile = "builtin" if host.profile.is_at_least("25") else "default"
    return [f"name=seccomp,profile={profile}", *(["name=cgroupns"] if host.facts.cgroup == 2 else [])]


def logs(container: Record, tail: int) -> str:
    lines = log_lines(container, LogQuery(tail=tail))
    return "".join(f"{line.text}\n" for line in lines)


def log_lines(container: Record, query: LogQuery) -> list[LogLine]:
    """Two lines for a container that ran, a third one after it ended."""
    state = container["State"]
    if state["Status"] == "created":
        return []
    started, ended = state["StartedAt"][:19], state["FinishedAt"][:19]
    lines = [
        LogLine(f"{started}.000000000Z", 1, f"simulated: {container['name']} started"),
        LogLine(f"{started}.000000001Z", 1, f"simulated: running {container['Path']}"),
    ]
    if not state["Running"]:
        text = f"simulated: {container['name']} ended with exit code {state['ExitCode']}"
        lines.append(LogLine(f"{ended}.000000000Z", 1, text))
    since, until = (Decimal(bound) if bound else None for bound in (query.since, query.until))
    within = [
        line
        for line in lines
        for moment in [unix_seconds(line.time) + Decimal(f"0{line.time[19:29]}")]
        if (since is None or moment >= since) and (until is None or moment <= until)
    ]
    return within if query.tail is None else within[len(within) - min(query.tail, len(within)) :]
