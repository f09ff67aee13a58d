"""Checks of a container's own settings: 400, or 500 for a few that the engine makes late. Checks that need other
objects are made where those are looked up."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from deployer.simulated.limits import check_limits, discarded_limits
from deployer.simulated.profile import HostFacts, Profile
from deployer.simulated.refusals import failed, invalid
from deployer.simulated.state import Record
from deployer.simulated.vocabulary import CAPABILITIES, LOG_OPTIONS, RUNTIMES
from deployer.values import signals

MILLISECOND = 1_000_000
_POLICIES = ("no", "always", "on-failure", "unless-stopped")
_LINKS = "can't be used with links. This would result in undefined behavior"


def check_config(config: Record) -> None:
    """Process settings: working directory, environment, stop signal, health check."""
    directory = config.get("WorkingDir", "")
    if directory and not directory.startswith("/"):
        raise invalid(f"the working directory '{directory}' is invalid, it needs to be an absolute path")
    for entry in config.get("Env") or []:
        if not entry or entry.startswith("="):
            raise invalid(f"invalid environment variable: {entry}")
    if config.get("StopSignal"):
        check_signal(config["StopSignal"])
    _check_healthcheck(config.get("Healthcheck") or {})


def check_signal(text: str) -> str:
    """The canonical name of the signal."""
    try:
        return signals.parse(text)
    except ValueError as exc:
        raise invalid(f"Invalid signal: {text}") from exc


def _check_healthcheck(check: Record) -> None:
    for key in ("Interval", "Timeout", "StartPeriod", "StartInterval"):
        if check.get(key, 0) != 0 and check[key] < MILLISECOND:
            raise invalid(f"{key} in Healthcheck cannot be less than 1ms")
    if check.get("Retries", 0) < 0:
        raise invalid("Retries in Healthcheck cannot be negative")


def check_host_config(profile: Profile, facts: HostFacts, config: Record, host: Record) -> list[str]:
    """Limits and everything else in the host config. Returns warnings about discarded values."""
    check_limits(facts, host, update=False)
    check_restart_policy(profile, host.get("RestartPolicy") or {}, auto_remove=bool(host.get("AutoRemove")))
    for key in ("CapAdd", "CapDrop"):
        _check_capabilities(key, host.get(key) or [])
    _check_log_config(host.get("LogConfig") or {})
    _check_extra_hosts(host.get("ExtraHosts") or [])
    _check_bindings(host.get("PortBindings") or {})
    _check_name_spaces(profile, config, host)
    _check_network_mode(profile, config, host)
    _check_security_options(host.get("SecurityOpt") or [])
    _check_rest(host)
    warnings = discarded_limits(facts, host)
    if host.get("NetworkMode") == "host" and host.get("PortBindings"):
        warnings.append("Published ports are discarded when using host network mode")
    return warnings


def check_restart_policy(profile: Profile, policy: Record, *, auto_remove: bool) -> None:
    """A retry count requires on-failure. A container with auto_remove has no policy."""
    name, count = policy.get("Name", ""), policy.get("MaximumRetryCount", 0)
    if name not in {"", *_POLICIES}:
        raise invalid(f"invalid restart policy '{name}'")
    counted = {"on-failure"} if profile.is_at_least("25") else {"", "on-failure"}
    if name not in counted and count != 0:
        raise invalid(f"maximum retry count cannot be used with restart policy '{name}'")
    if count < 0:
        raise invalid("maximum retry count cannot be negative")
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
        raise invalid(f'error looking up logging plugin {driver}: plugin "{driver}" not found')
    for option in log.get("Config") or {} if driver != "none" else ():
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
    """Only published ports are checked; exposed ports may be any text."""
    for port, entries in bindings.items():
        for number in (port.partition("/")[0], *(entry.get("HostPort", "") for entry in entries or [])):
            parts = number.split("-", 1) if number else []
            if not all(part.isdigit() and int(part) <= 65535 for part in parts):
                raise invalid(f'invalid port specification: "{number}"')


def _check_name_spaces(profile: Profile, config: Record, host: Record) -> None:
    """The accepted modes. Before engine 25 only the mode of control groups is checked."""
    modes = {"CgroupnsMode": ("cgroup namespace", "private host")}
    if profile.is_at_least("25"):
        modes["IpcMode"] = ("IPC", "private host shareable none")
        modes |= {"PidMode": ("PID", "host"), "UTSMode": ("UTS", "host")}
    for key, (name, words) in modes.items():
        mode = host.get(key) or ""
        if mode and mode not in words.split() and not mode.startswith("container:"):
            raise invalid(f"invalid {name} mode: {mode}")
    if host.get("UTSMode") == "host" and config.get("Hostname"):
        raise invalid("conflicting options: hostname and the UTS mode")


def _check_network_mode(profile: Profile, config: Record, host: Record) -> None:
    """With another container's network, names, addresses and ports are refused."""
    mode = host.get("NetworkMode", "")
    if mode == "host" and host.get("Links"):
        raise invalid(f"conflicting options: host type networking {_LINKS}")
    if not mode.startswith("container"):
        return
    if not mode.removeprefix("container").removeprefix(":"):
        raise invalid("Invalid network mode: invalid container format container:<name|id>")
    conflicts = {
        "hostname and the network mode": config.get("Hostname"),
        f"container type network {_LINKS}": host.get("Links"),
        "dns and the network mode": host.get("Dns"),
        "custom host-to-IP mapping and the network mode": host.get("ExtraHosts"),
        "mac-address and the network mode": config.get("MacAddress") and not profile.speaks("1.44"),
        "port publishing and the container type network mode": host.get("PortBindings") or host.get("PublishAllPorts"),
        "port exposing and the container type network mode": config.get("ExposedPorts"),
    }
    for text, given in conflicts.items():
        if given:
            raise invalid(f"conflicting options: {text}")


def _check_security_options(options: Sequence[str]) -> None:
    """`name=value`, or the older `name:value`; only `no-new-privileges` and `disable` stand alone."""
    for option in options:
        if option in {"no-new-privileges", "disable"}:
            continue
        parts = option.split("=", 1) if "=" in option else option.split(":", 1)
        if len(parts) != 2:
            raise failed(f'invalid --security-opt 1: "{option}"')
        if parts[0] not in {"label", "apparmor", "seccomp", "no-new-privileges"}:
            raise failed(f'invalid --security-opt 2: "{option}"')


def _check_rest(host: Record) -> None:
    score, runtime = host.get("OomScoreAdj", 0), host.get("Runtime")
    if not -1000 <= score <= 1000:
        raise invalid(f"Invalid value {score}, range for oom score adj is [-1000, 1000]")
    if runtime and runtime not in RUNTIMES:
        raise invalid(f"unknown or invalid runtime name: {runtime}")
    if host.get("ShmSize", 0) < 0:
        raise invalid("SHM size can not be less than 0")
    if host.get("Isolation", "") not in {"", "default"}:
        raise failed(f"Invalid isolation: \"{host['Isolation']}\" - linux only supports 'default'")
    if host.get("StorageOpt"):
        raise failed("--storage-opt is supported only for overlay over xfs with 'pquota' mount option")
    if "" in (host.get("Annotations") or {}):
        raise invalid("invalid Annotations: the empty string is not permitted as an annotation key")
