"""Addresses of simulated networks: the subnet of a network, the address of an endpoint."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import islice
from typing import TypeAlias

from deployer.errors import EngineError
from deployer.simulated.refusals import failed, forbidden, invalid, missing
from deployer.simulated.state import Record, SimulatedHost

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def network_of(subnet: str) -> Network:
    try:
        return ipaddress.ip_network(subnet, strict=False)
    except ValueError as exc:
        raise invalid(f"invalid subnet {subnet}: invalid CIDR address") from exc


def subnets_in_use(host: SimulatedHost) -> list[Network]:
    return [
        network_of(config["Subnet"])
        for network in host.state.networks.values()
        for config in network["IPAM"]["Config"] or []
        if config.get("Subnet")
    ]


def free_subnet(host: SimulatedHost) -> Network:
    """The first of the engine's default pools without an overlap: 172.17–31/16, then 192.168/20."""
    taken = subnets_in_use(host)
    for candidate in _pools():
        if not any(_overlap(candidate, other) for other in taken):
            return candidate
    raise missing_pool("IPv4")


def free_unique_local_subnet(host: SimulatedHost) -> Network:
    """The first of the engine's unique local IPv6 subnets without an overlap."""
    taken = subnets_in_use(host)
    pool = ipaddress.IPv6Network("fd3a:a7b2:9a64::/48").subnets(new_prefix=64)
    return next(candidate for candidate in pool if not any(_overlap(candidate, other) for other in taken))


def missing_pool(family: str) -> EngineError:
    return missing(
        f"could not find an available, non-overlapping {family} address pool among the defaults "
        "to assign to the network"
    )


def _pools() -> Iterator[Network]:
    for second in range(17, 32):
        yield ipaddress.ip_network(f"172.{second}.0.0/16")
    yield from ipaddress.ip_network("192.168.0.0/16").subnets(new_prefix=20)


def check_free(host: SimulatedHost, subnet: Network) -> None:
    if any(_overlap(subnet, other) for other in subnets_in_use(host)):
        raise forbidden("Pool overlaps with other one on this address space")


def _overlap(one: Network, other: Network) -> bool:
    return one.version == other.version and one.overlaps(other)


def first_address(subnet: Network) -> str:
    return str(subnet[1])


def pool_of(network: Record, version: int) -> Record | None:
    """The IPAM entry of one address family."""
    for config in network["IPAM"]["Config"] or []:
        if config.get("Subnet") and network_of(config["Subnet"]).version == version:
            return dict(config)
    return None


def gateway_of(pool: Record) -> str:
    """The gateway in use: declared, or the first address of the subnet."""
    subnet, part = network_of(pool["Subnet"]), network_of(pool.get("IPRange") or pool["Subnet"])
    chosen = part[1] if part[0] == subnet[0] and part.num_addresses > 1 else part[0]
    return str(pool.get("Gateway") or chosen).partition("/")[0]


def free_address(network: Record, pool: Record, taken: set[str]) -> str:
    """The lowest unused address of the pool's range."""
    subnet = network_of(pool["Subnet"])
    inside = network_of(pool["IPRange"]) if pool.get("IPRange") else subnet
    reserved = taken | {gateway_of(pool), *(pool.get("AuxiliaryAddresses") or {}).values()}
    first, last = str(subnet[0]), str(subnet[-1])
    for address in islice(inside, len(reserved) + 3):
        if str(address) not in reserved | {first, last}:
            return str(address)
    raise failed(f"no available IPv{subnet.version} addresses on this network's address pools: {network['Name']}")


def check_static(network: Record, address: str, taken: set[str]) -> str:
    """A fixed address must be in a subnet of the network and free."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError as exc:
        raise failed(f"Invalid IPv4 address: {address})") from exc
    pool = pool_of(network, parsed.version)
    if pool is None or parsed not in network_of(pool["Subnet"]):
        raise failed(f"Invalid address {address}: It does not belong to any of this network's subnets")
    subnet = network_of(pool["Subnet"])
    ends = {str(subnet[0])} | ({str(subnet[-1])} if subnet.version == 4 else set())
    if str(parsed) in taken | ends | {gateway_of(pool), *(pool.get("AuxiliaryAddresses") or {}).values()}:
        raise forbidden("Address already in use")
    return str(parsed)


def mac_for(address: str) -> str:
    """Engines before 28 derive the MAC address from the IPv4 address."""
    return "02:42:" + ":".join(f"{int(part):02x}" for part in address.split("."))


def mac_of(key: str) -> str:
    """A MAC address derived from an id: locally administered, not multicast."""
    octets = bytes.fromhex(key[:12])
    return bytes([octets[0] & 0xFC | 2, *octets[1:]]).hex(":")
