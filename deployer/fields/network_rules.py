"""Rules for several network fields together, as the engine enforces them."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final

from deployer.diagnostics import did_you_mean
from deployer.fields.table import Violation
from deployer.values import address

_BRIDGE: Final = "com.docker.network.bridge."
_MTU: Final = "com.docker.network.driver.mtu"
_ENABLE_IPV6: Final = "com.docker.network.enable_ipv6"
_FLAGS: Final = tuple(
    f"{_BRIDGE}{name}" for name in ("default_bridge", "enable_icc", "enable_ip_masquerade", "inhibit_ipv4")
)
_OF_BRIDGE: Final = (
    *_FLAGS,
    *(f"{_BRIDGE}{name}" for name in ("name", "host_binding_ipv4", "host_binding_ipv6", "trusted_host_interfaces")),
    *(f"{_BRIDGE}gateway_mode_ipv{version}" for version in (4, 6)),
)
_WORDS: Final = ("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False")
"""Spellings of true and false for the engine."""
_INTERFACE: Final = re.compile(r"(?!\.\.?$)[^\s/:]{1,15}")


def addresses(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """Addresses of a pool must be in its subnet."""
    for subnet, pool in ((values.get("ipam") or {}).get("config") or {}).items():
        network = ipaddress.ip_network(subnet)
        reserved = {f"aux_addresses.{name}": ip for name, ip in (pool.get("aux_addresses") or {}).items()}
        for name, ip in ({"gateway": pool.get("gateway")} | reserved).items():
            if ip and ipaddress.ip_address(ip) not in network:
                yield "ipam", f"{name} {ip} is not an address of subnet {subnet}"
        part = pool.get("ip_range")
        if part and (address.family(part) != network.version or not _within(part, subnet)):
            yield "ipam", f"ip_range {part} is not a part of subnet {subnet}"


def _within(part: str, subnet: str) -> bool:
    inner, outer = ipaddress.ip_network(part), ipaddress.ip_network(subnet)
    return inner.network_address in outer and inner.broadcast_address in outer


def bridge(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """A bridge has one subnet per address family."""
    ipam = values.get("ipam") or {}
    if (values.get("driver") or "bridge") != "bridge" or values.get("config_only") or "driver" in ipam:
        return
    for family, count in sorted(Counter(address.family(subnet) for subnet in ipam.get("config") or {}).items()):
        if count > 1:
            yield "ipam", f"a bridge has one IPv{family} subnet, not {count}"


def interface(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """Names of interfaces that the kernel accepts."""
    name = (values.get("driver_opts") or {}).get("com.docker.network.bridge.name")
    if name is not None and not _INTERFACE.fullmatch(name):
        yield "driver_opts", f"'{name}' is not the name of a bridge: 1 to 15 characters without spaces, / and :"


def configuration(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """A configuration-only network has no options of use, and a network with config_from has no configuration of its
    own."""
    if values.get("config_only"):
        for name in ("driver", "internal", "attachable", "ingress", "scope", "config_from"):
            if values.get(name):
                yield name, "cannot be combined with config_only: true"
    elif values.get("config_from"):
        for name in ("ipam", "driver_opts", "enable_ipv6", "labels"):
            if values.get(name):
                yield name, "cannot be combined with config_from: the other network has it"


def options(values: dict[str, Any], _settings: Mapping[str, Any]) -> Iterator[Violation]:
    """Values that the bridge driver refuses when the network is created."""
    for name, text in _bridge_options(values):
        if name == _MTU and not re.fullmatch(r"[+-]?[0-9]+", text):
            yield "driver_opts", f"{name}: '{text}' is not a whole number"
        elif name in _FLAGS and text not in _WORDS:
            yield "driver_opts", f"{name}: '{text}' is not true or false"


def ignored(values: Mapping[str, Any]) -> Iterator[str]:
    """What engines accept without effect."""
    enabled = values.get("enable_ipv6") or _ENABLE_IPV6 in (values.get("driver_opts") or {})
    ipam = values.get("ipam") or {}
    for subnet in ipam.get("config") or {}:
        if address.family(subnet) == 6 and not enabled and not values.get("config_only") and "driver" not in ipam:
            yield f"the IPv6 subnet {subnet} has no effect; for IPv6, set enable_ipv6: true"
    for name, _ in _bridge_options(values):
        if name.startswith(_BRIDGE) and name not in _OF_BRIDGE:
            near = did_you_mean(name, _OF_BRIDGE)
            yield f"the option {name} has no effect: no engine has this option" + (f"; {near}" if near else "")


def _bridge_options(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    named = (values.get("driver") or "bridge") == "bridge" and not values.get("config_from")
    return sorted((values.get("driver_opts") or {}).items()) if named else []


RULES = (addresses, bridge, interface, options, configuration)
