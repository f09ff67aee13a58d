"""Rules for several container fields together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deployer.fields.container import devices
from deployer.fields.container.network import ATTACHED, DEFAULT_NETWORK
from deployer.fields.table import Violation
from deployer.values import address, port, size

_NOT_SHARED: Final = ("hostname", "ports", "publish_all_ports", "expose", "dns", "extra_hosts", "mac_address", "links")
"""Fields that the network of another container excludes."""


def network_of_mode(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """A mode that names a network is that network. A mode that shares another network allows no network options. The
    networks `host` and `none` are modes."""
    mode, networks = values.get("network_mode"), values.get("networks") or {}
    if mode is not None and networks:
        yield "network_mode", "write network_mode or networks, not both"
        return
    if "default" in networks:
        yield "networks", f"'default' is a network of Compose: omit it for '{DEFAULT_NETWORK}', or declare a network"
        return
    for name in {"host", "none"} & set(networks):
        if len(networks) > 1 or networks[name]:
            yield (
                "networks",
                f"network {name} cannot be combined with other networks or options; write network_mode: {name}",
            )
            return
        mode = values["network_mode"] = name
        values["networks"] = {}
    if mode is None:
        return
    if mode not in ("host", "none") and not mode.startswith("container:"):
        values["network_mode"] = ATTACHED
        values["networks"] = {mode: {}}
        return
    for name in _NOT_SHARED if mode.startswith("container:") else ("links",):
        if values.get(name):
            yield name, f"cannot be combined with network_mode: {mode}"


def has_command(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """An entrypoint that is cleared leaves out the image's command too (the engine's `Entrypoint: [""]`)."""
    if values.get("entrypoint") == [""] and not values.get("command"):
        yield "entrypoint", "is cleared, which leaves out the image's command too: write a command, or entrypoint: []"


def links(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """The engine keeps `links` of a container only on its default network. On other networks they are options of each
    endpoint, as in Compose. Endpoints of the default network have no links of their own."""
    networks, wanted = values.get("networks") or {}, values.get("links") or []
    if "links" in networks.get(DEFAULT_NETWORK, {}):
        yield (
            "networks",
            f"the default network '{DEFAULT_NETWORK}' does not support links; write links of the container",
        )
        return
    own = [name for name in networks if name != DEFAULT_NETWORK]
    if wanted and own:
        linked = {
            name: {**networks[name], "links": sorted({*networks[name].get("links", ()), *wanted})} for name in own
        }
        values["networks"] = {**networks, **linked}
        values["links"] = wanted if next(iter(networks)) == DEFAULT_NETWORK else []


def hostname(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    if values.get("hostname") and values.get("uts") == "host":
        yield "hostname", "cannot be combined with uts: host"


def ports(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """A host port can be bound only once; without an address it is bound on every address."""
    taken: dict[tuple[str, str], set[str]] = {}
    for entry in values.get("ports") or ():
        ip, host = port.host_ports(entry)
        if not host or "-" in host:
            continue
        key = host, port.container_port(entry).partition("/")[2]
        others = taken.setdefault(key, set())
        if any(_overlap(ip, other) for other in others):
            yield "ports", f"host port {host}/{key[1]} is published twice"
        others.add(ip)


def _overlap(one: str, other: str) -> bool:
    """Whether the two addresses overlap."""
    if one == other or not one or not other:
        return True
    return address.family(one) == address.family(other) and bool({"0.0.0.0", "::"} & {one, other})


def default_bridge(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """The default bridge supports no aliases and no fixed addresses."""
    endpoint = (values.get("networks") or {}).get(DEFAULT_NETWORK) or {}
    for key in ("aliases", "ipv4_address", "ipv6_address"):
        if key in endpoint:
            yield "networks", f"the default network 'bridge' does not support {key}; declare a network"


def memory(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """What the engine refuses."""
    limit, swap, reserved = (values.get(name, 0) for name in ("mem_limit", "memswap_limit", "mem_reservation"))
    minimum = 6 * 1024**2
    for name in ("mem_limit", "mem_reservation"):
        if 0 < values.get(name, 0) < minimum:
            yield name, f"{size.show(values[name])} is less than the engine's minimum of 6 MiB"
    if swap > 0 and not limit:
        yield "memswap_limit", "requires mem_limit"
    elif 0 < swap < limit:
        yield "memswap_limit", "includes memory and swap, so it cannot be less than mem_limit"
    if limit and reserved > limit:
        yield "mem_reservation", "cannot be more than mem_limit"


def cpu(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    if values.get("cpus"):
        for name in ("cpu_quota", "cpu_period"):
            if values.get(name):
                yield name, "cannot be combined with cpus"


def restart(values: dict[str, Any], settings: Mapping[str, Any]) -> Iterator[Violation]:
    policy = values.get("restart", "no")
    retries = settings.get("restart_retries")
    if retries and policy != "on-failure":
        yield "restart_retries", "requires restart: on-failure"
    elif retries:
        values["restart"] = f"on-failure:{retries}"
    if values.get("auto_remove") and policy != "no":
        yield "auto_remove", "cannot be combined with a restart policy"


def mounts(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    for target in values.get("tmpfs") or ():
        if target in (values.get("volumes") or {}):
            yield "tmpfs", f"'{target}' is also under volumes"


def named_devices(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """Requests for the driver `cdi` are devices by name."""
    requests = [request for request in values.get("gpus") or () if request["driver"] == "cdi"]
    if not requests:
        return
    if not all(map(devices.is_cdi, requests)):
        yield "gpus", "driver cdi requires device_ids such as vendor.com/class=name, without count and options"
        return
    named = {name for request in requests for name in request["device_ids"]}
    values["devices"] = sorted({*(values.get("devices") or ()), *named})
    values["gpus"] = [request for request in values["gpus"] if request not in requests]


def unpublished(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """Compose accepts such ports, and the engine ignores them."""
    mode = values.get("network_mode")
    meaning = {"host": "; the container listens on the addresses of the host", "none": ""}
    for name, nothing in (("ports", []), ("publish_all_ports", False)):
        if mode in meaning and values.get(name):
            yield name, f"has no effect with network_mode: {mode}{meaning[mode]}"
            values[name] = nothing


NOTICES = (unpublished,)
"""Values that are accepted with a warning."""
RULES = (
    has_command,
    network_of_mode,
    default_bridge,
    links,
    hostname,
    ports,
    memory,
    cpu,
    restart,
    mounts,
    named_devices,
)
