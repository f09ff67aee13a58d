"""Networks of one host that the engine would refuse: overlapping subnets, a bridge or parent interface used twice, and
fixed addresses outside of their network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any, Final

from deployer.diagnostics import Problems
from deployer.model import exclusive
from deployer.model.desired import Desired, Network
from deployer.model.settings import ContainerSettings, NetworkSettings
from deployer.values.address import misfit, overlap

LOCAL: Final = ("bridge", "macvlan", "ipvlan")
"""Drivers whose subnets the engine manages itself."""


def check_networks(plays: Iterable[Desired], problems: Problems) -> None:
    """`plays`: those of one host."""
    plays = tuple(plays)
    declared = [found for play in plays for found in play.of(NetworkSettings) if not found.absent]
    _check_subnets(declared, problems)
    _check_interfaces(declared, problems)
    _check_addresses(plays, {found.name: found for found in declared}, problems)


def _check_subnets(declared: Iterable[Network], problems: Problems) -> None:
    """The engine refuses only if one of the two is a bridge."""
    subnets = [found for resource in declared for found in _subnets(resource)]
    for (first, one), (second, other) in combinations(subnets, 2):
        if "bridge" in (_driver(first), _driver(second)) and first is not second and overlap(one, other):
            problems.add(
                second.place(("ipam", "config")),
                f"subnet {other} overlaps with {one} of network {first.name} at {first.place(('ipam', 'config'))}",
                address=f"networks.{second.name}",
                hint="use different subnets",
            )


def _subnets(resource: Network) -> Iterator[tuple[Network, str]]:
    ipam = resource.values.get("ipam") or {}
    if _driver(resource) in LOCAL:
        yield from ((resource, subnet) for subnet in ipam.get("config") or () if "driver" not in ipam)


def _driver(resource: Network) -> str:
    return str(resource.values.get("driver") or "bridge")


def _check_interfaces(declared: Iterable[Network], problems: Problems) -> None:
    users: dict[str, Network] = {}
    for found in declared:
        words = exclusive.interface(_driver(found), found.values.get("driver_opts") or {})
        first = users.setdefault(words, found) if words else found
        if first is not found and _driver(found) != "macvlan":
            summary = f"{words} is also of network {first.name}, at {first.origin}"
            address = f"networks.{found.name}"
            problems.add(found.place(("driver_opts",)), summary, address=address, hint="use different interfaces")


def _check_addresses(plays: Iterable[Desired], networks: Mapping[str, Network], problems: Problems) -> None:
    containers = (found for play in plays for found in play.of(ContainerSettings) if found.selected)
    for found in containers:
        for held in () if found.absent else exclusive.addresses(found.values):
            name, key, ip = held
            network = networks.get(name)
            if key == "mac_address" or network is None or not _is_managed(network):
                continue
            if why := _misfit(network, ip):
                address = f"containers.{found.name}.networks.{name}.{key}"
                problems.add(exclusive.place(found, held), f"{ip} {why[0]}", address=address, hint=why[1])


def _is_managed(network: Network) -> bool:
    values, ipam = network.values, network.values.get("ipam") or {}
    own = not network.settings.external and not values.get("config_from")
    return own and _driver(network) in LOCAL and "driver" not in ipam


def _misfit(network: Network, ip: str) -> tuple[str, str] | None:
    """Why the network cannot have the address, and what to do."""
    at = network.origin
    if ":" in ip and not network.values.get("enable_ipv6"):
        return f"requires IPv6, which network {network.name} at {at} does not enable", "write enable_ipv6: true there"
    pools: Mapping[str, Any] = (network.values.get("ipam") or {}).get("config") or {}
    if not any((":" in subnet) == (":" in ip) for subnet in pools):
        family = 6 if ":" in ip else 4
        summary = f"requires an IPv{family} subnet, which network {network.name} at {at} does not declare"
        return summary, "write ipam: {config: [{subnet: …}]} there, or external: true if it has one"
    why = misfit(ip, pools)
    return (f"{why} of network {network.name}, at {at}", "choose another address") if why else None
