"""What the engine refuses about a container's own settings (400), with its explanation.

Checks that need other objects (images, volumes, networks, containers) are made where those are looked up.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from deployer.engine.simulated.profile import HostFacts, Profile
from deployer.engine.simulated.refusals import invalid
from deployer.engine.simulated.state import Record
from deployer.engine.simulated.vocabulary import CAPABILITIES, LOG_OPTIONS, RUNTIMES, is_signal

MIN_MEMORY = 6 * 1024**2
MILLISECOND = 1_000_000


def check_config(config: Record) -> None:
    """Process settings: working directory, environment, stop signal, health check, hostname."""
    directory = config.get("WorkingDir", "")
    if directory and not directory.startswith("/"):
        raise invalid(f"the working directory '{directory}' is invalid, it needs to be an absolute path")
    for entry in config.get("Env") or []:
        if not entry or entry.startswith("="):
            raise invalid(f"invalid environment variable: {entry}")
    signal = config.get("StopSignal", "")
    if signal and not is_signal(signal):
        raise invalid(f"Invalid signal: {signal}")
    for port in config.get("ExposedPorts") or {}:
        check_port(port)
    _check_healthcheck(config.get("Healthcheck") or {})


def _check_healthcheck(check: Record) -> None:
    for key in ("Interval", "Timeout", "StartPeriod", "StartInterval"):
        if check.get(key, 0) != 0 and check[key] < MILLISECOND:
            raise invalid(f"{key} in Healthcheck cannot be less than 1ms")
    if check.get("Retries", 0) < 0:
        raise invalid("Retries in Healthcheck cannot be negative")


def check_port(port: str) -> None:
    """`80`, `80/udp`, `100-102/tcp`."""
    number, _, protocol = port.partition("/")
    if protocol.lower() not in {"", "tcp", "udp", "sctp"}:
        raise invalid(f"invalid proto: {protocol}")
    low, dash, high = number.partition("-")
    numbers = (low, high) if dash else (low,)
    if not all(part.isdigit() and int(part) <= 65535 for part in numbers):
        raise invalid(f'invalid port specification: "{port}"')


def check_resources(facts: HostFacts, resources: Record, *, update: bool) -> None:
    """Limits; `update` relaxes what only a whole host config can be held to."""
    _check_memory(resources, update=update)
    _check_cpu(facts, resources)
    weight = resources.get("BlkioWeight", 0)
    if weight and not 10 <= weight <= 1000:
        raise invalid("Range of blkio weight is from 10 to 1000")


def _check_memory(resources: Record, *, update: bool) -> None:
    memory, swap = resources.get("Memory", 0), resources.get("MemorySwap", 0)
    reservation, swappiness = resources.get("MemoryReservation", 0), resources.get("MemorySwappiness")
    if memory != 0 and memory < MIN_MEMORY:
        raise invalid("Minimum memory limit allowed is 6MB")
    if memory > 0 and 0 < swap < memory:
        raise invalid("Minimum memoryswap limit should be larger than memory limit, see usage")
    if memory == 0 and swap > 0 and not update:
        raise invalid("You should always set the Memory limit when using Memoryswap limit, see usage")
    if swappiness is not None and not -1 <= swappiness <= 100:
        raise invalid(f"Invalid value: {swappiness}, valid memory swappiness range is 0-100")
    if reservation > 0 and reservation < MIN_MEMORY:
        raise invalid("Minimum memory reservation allowed is 6MB")
    if 0 < memory < reservation:
        raise invalid("Minimum memory limit can not be less than memory reservation limit, see usage")


def _check_cpu(facts: HostFacts, resources: Record) -> None:
    nano, period, quota = (resources.get(key, 0) for key in ("NanoCpus", "CpuPeriod", "CpuQuota"))
    for given, name in ((period, "Period"), (quota, "Quota")):
        if nano > 0 and given > 0:
            raise invalid(f"Conflicting options: Nano CPUs and CPU {name} cannot both be set.")
    if nano < 0 or nano > facts.cpus * 1_000_000_000:
        raise invalid(f"Range of CPUs is from 0.01 to {facts.cpus}.00, as there are only {facts.cpus} CPUs available")
    if period and not 1000 <= period <= 1_000_000:
        raise invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
    if 0 < quota < 1000:
        raise invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)")
    _check_cpuset(resources.get("CpusetCpus", ""), facts.cpus, "CPUs")
    _check_cpuset(resources.get("CpusetMems", ""), 1, "memory nodes")


def _check_cpuset(text: str, available: int, kind: str) -> None:
    if not text:
        return
    if not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", text):
        raise invalid(f"Invalid value {text} for cpuset {kind}")
    if max(int(number) for number in re.findall(r"\d+", text)) >= available:
        raise invalid(f"Requested {kind} are not available - requested {text}, available: 0-{available - 1}")


def check_host_config(profile: Profile, facts: HostFacts, config: Record, host: Record) -> list[str]:
    """Everything else in the host config. Returns the warnings about values the engine discards."""
    check_resources(facts, host, update=False)
    check_restart_policy(profile, host.get("RestartPolicy") or {}, auto_remove=bool(host.get("AutoRemove")))
    score = host.get("OomScoreAdj", 0)
    if not -1000 <= score <= 1000:
        raise invalid(f"Invalid value {score}, range for oom score adj is [-1000, 1000]")
    for key in ("CapAdd", "CapDrop"):
        _check_capabilities(key, host.get(key) or [])
    if host.get("Runtime") and host["Runtime"] not in RUNTIMES:
        raise invalid(f"Unknown runtime specified {host['Runtime']}")
    _check_log_config(host.get("LogConfig") or {})
    _check_extra_hosts(host.get("ExtraHosts") or [])
    _check_bindings(host.get("PortBindings") or {})
    _check_modes(config, host)
    return _discard(facts, host)


def check_restart_policy(profile: Profile, policy: Record, *, auto_remove: bool) -> None:
    """A retry count belongs to on-failure alone; a container that removes itself has no policy."""
    name, count = policy.get("Name", ""), policy.get("MaximumRetryCount", 0)
    modern = profile.is_at_least("25")
    if name not in {"", "no", "always", "unless-stopped", "on-failure"}:
        raise invalid(
            f"invalid restart policy: unknown policy '{name}'" if modern else f"invalid restart policy '{name}'"
        )
    if count < 0:
        raise invalid("maximum retry count cannot be negative")
    if count != 0 and name != "on-failure" and (name or modern):
        raise invalid(f"maximum retry count cannot be used with restart policy '{name}'")
    if auto_remove and name not in {"", "no"}:
        raise invalid("can't create 'AutoRemove' container with restart policy")


def _check_capabilities(field: str, names: Sequence[str]) -> None:
    for name in names:
        plain = name.upper().removeprefix("CAP_")
        if plain != "ALL" and plain not in CAPABILITIES:
            raise invalid(f'invalid {field}: unknown capability: "CAP_{plain}"')


def _check_log_config(log: Record) -> None:
    driver = log.get("Type") or "json-file"
    if driver not in LOG_OPTIONS:
        raise invalid(f"logger: no log driver named '{driver}' is registered")
    for option in log.get("Config") or {}:
        if option not in LOG_OPTIONS[driver] and option not in {"mode", "max-buffer-size"}:
            raise invalid(f"unknown log opt '{option}' for {driver} log driver")


def _check_extra_hosts(entries: Sequence[str]) -> None:
    for entry in entries:
        name, colon, address = entry.partition(":")
        if not name or not colon:
            raise invalid(f'bad format for add-host: "{entry}"')
        if address != "host-gateway" and not _is_address(address):
            raise invalid(f'invalid IP address in add-host: "{address}"')


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _check_bindings(bindings: Record) -> None:
    for port, entries in bindings.items():
        check_port(port)
        for entry in entries or []:
            host_port = entry.get("HostPort", "")
            if host_port and not re.fullmatch(r"\d{1,5}(-\d{1,5})?", host_port):
                raise invalid(f'invalid port specification: "{host_port}"')


def _check_modes(config: Record, host: Record) -> None:
    """Another container's network stack brings its own names, addresses and ports."""
    if host.get("UTSMode") == "host" and config.get("Hostname"):
        raise invalid("conflicting options: hostname and the UTS mode")
    mode = host.get("NetworkMode", "")
    if mode == "host" and host.get("Links"):
        raise invalid("conflicting options: host type networking can't be used with links")
    if not mode.startswith("container"):
        return
    if not mode.removeprefix("container").removeprefix(":"):
        raise invalid("invalid container format container:<name|id>")
    conflicts = {
        "hostname and the network mode": config.get("Hostname"),
        "container type network can't be used with links": host.get("Links"),
        "dns and the network mode": host.get("Dns"),
        "custom host-to-IP mapping and the network mode": host.get("ExtraHosts"),
        "mac-address and the network mode": config.get("MacAddress"),
        "port publishing and the container type network mode": host.get("PortBindings") or host.get("PublishAllPorts"),
        "port exposing and the container type network mode": config.get("ExposedPorts"),
    }
    for text, given in conflicts.items():
        if given:
            raise invalid(f"conflicting options: {text}")


def _discard(facts: HostFacts, host: Record) -> list[str]:
    """Resets what this machine cannot do, and says so."""
    warnings = []
    if facts.cgroup == 2 and (host.get("MemorySwappiness") or -1) != -1:
        warnings.append("Your kernel does not support memory swappiness capabilities, memory swappiness discarded.")
        host["MemorySwappiness"] = None
    if host.get("NetworkMode") == "host" and host.get("PortBindings"):
        warnings.append("Published ports are discarded when using host network mode")
    return warnings
