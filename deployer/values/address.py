"""IP addresses, subnets, MAC addresses and `extra_hosts` entries in one spelling each."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

_BRACKETED = re.compile(r"^\[(.*)\]$")


def parse_ip(value: str) -> str:
    """The compressed text of an IPv4 or IPv6 address; IPv4 also in IPv6 notation (`::ffff:192.0.2.1`). Raises
    ValueError, also for an address with a zone (`fe80::1%eth0`): no engine accepts one, and for a published port
    engines ignore it and bind every address (measured on 20.10, 26.1 and 28.5)."""
    text = _BRACKETED.sub(r"\1", value.strip())
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(f"'{value}' is not an IP address") from None
    if "%" in text:
        raise ValueError(f"'{value}' has a zone (%{text.partition('%')[2]}), which Docker does not support")
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)


def parse_server(value: str) -> str:
    """The address of a DNS server, which may have a zone. Raises ValueError."""
    plain, percent, zone = value.partition("%")
    return f"{parse_ip(plain)}{percent}{zone}"


def parse_ipv4(value: str) -> str:
    if ":" in value:
        raise ValueError(f"'{value}' is not an IPv4 address")
    return parse_ip(value)


def parse_ipv6(value: str) -> str:
    if ":" not in value:
        raise ValueError(f"'{value}' is not an IPv6 address")
    return parse_ip(value)


def read_ip(value: str) -> str:
    """An address as the engine reports it, compressed. Other text (old engines do not check) is returned unchanged."""
    try:
        return parse_ip(value.partition("/")[0])
    except ValueError:
        return value


def parse_subnet(value: str) -> str:
    """`10.0.0.7/24` becomes `10.0.0.0/24`: engine 20.10 keeps host bits, 25 refuses them. Raises ValueError."""
    if "/" not in value:
        raise ValueError(f"'{value}' is not a subnet such as 172.28.0.0/16")
    try:
        return str(ipaddress.ip_network(value.strip(), strict=False))
    except ValueError:
        raise ValueError(f"'{value}' is not a subnet such as 172.28.0.0/16") from None


def overlap(one: str, other: str) -> bool:
    """Whether two subnets overlap. Text that is not a subnet overlaps with nothing."""
    try:
        first, second = ipaddress.ip_network(one, strict=False), ipaddress.ip_network(other, strict=False)
    except ValueError:
        return False
    if isinstance(first, ipaddress.IPv4Network):
        return isinstance(second, ipaddress.IPv4Network) and first.overlaps(second)
    return isinstance(second, ipaddress.IPv6Network) and first.overlaps(second)


def misfit(ip: str, pools: Mapping[str, Mapping[str, Any]]) -> str:
    """Why no container can have the address in a network of these pools by subnet; "" if it can. Engines reserve the
    first and last address of a subnet, its gateway, and its auxiliary addresses (measured on 20.10, 26.1 and 28.5)."""
    address = ipaddress.ip_address(ip)
    subnet = next((each for each in pools if address in ipaddress.ip_network(each)), "")
    if not subnet:
        return f"is not in the subnet {' or '.join(pools)}"
    network, pool = ipaddress.ip_network(subnet), pools[subnet]
    if address == network.network_address or (network.version == 4 and address == network.broadcast_address):
        return f"is the {'first' if address == network.network_address else 'last'} address of subnet {subnet}"
    if ip == (pool.get("gateway") or _gateway(network, pool)):
        return f"is the address of the gateway of subnet {subnet}"
    reserved = next((name for name, other in (pool.get("aux_addresses") or {}).items() if other == ip), "")
    return f"is reserved for {reserved} in aux_addresses" if reserved else ""


def _gateway(network: ipaddress.IPv4Network | ipaddress.IPv6Network, pool: Mapping[str, Any]) -> str:
    """The engine's choice: the first address of the range that is not that of the subnet."""
    part = ipaddress.ip_network(pool.get("ip_range") or network)
    return str(part[1] if part[0] == network[0] and part.num_addresses > 1 else part[0])


def family(text: str) -> int:
    """The IP version, 4 or 6, of an address or subnet as text."""
    return 6 if ":" in text else 4


_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


def parse_mac(value: str) -> str:
    """Lower case with colons. Raises ValueError."""
    text = value.strip().lower().replace("-", ":")
    if not _MAC.fullmatch(text):
        raise ValueError(f"'{value}' is not a MAC address such as 02:42:ac:11:00:0a")
    return text


def parse_host(value: str) -> str:
    """An `extra_hosts` entry, `name:ip` or `name=ip`, as `name:ip`, the form the API takes. Raises ValueError."""
    separator = "=" if "=" in value else ":"
    name, found, target = value.strip().partition(separator)
    if not name or not found or not target:
        raise ValueError(f"'{value}' does not have the form name:address")
    return f"{name}:{target if target == 'host-gateway' else parse_ip(target)}"


def read_host(value: str) -> str:
    """An entry as the engine reports it, with a compressed address."""
    name, _, target = value.partition(":")
    return f"{name}:{read_ip(target)}"
