"""Checks of an endpoint request. Before engine 25, a malformed address is refused at create, an address that is not
available at start, and aliases on the default bridge at first use. Engine 25 and later check everything at create and
at connect, and report all errors together."""

from __future__ import annotations

import ipaddress

from deployer.simulated.addresses import network_of, pool_of
from deployer.simulated.profile import Profile
from deployer.simulated.refusals import invalid
from deployer.simulated.state import Record

_ALIAS = "network-scoped alias is supported only for containers in user defined networks"
_PREDEFINED = "user specified IP address is supported on user defined networks only"
_UNDECLARED = "user specified IP address is supported only when connecting to networks with user configured subnets"


def is_user_defined(name: str) -> bool:
    return name not in {"bridge", "default", "host", "none"}


def pinned_addresses(endpoint: Record) -> dict[int, str]:
    """Address family → the requested address."""
    ipam = endpoint["IPAMConfig"] or {}
    return {version: ipam[f"IPv{version}Address"] for version in (4, 6) if ipam.get(f"IPv{version}Address")}


def is_address(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


def check_at_create(profile: Profile, network: Record | None, name: str, endpoint: Record) -> None:
    """`network` is None if it does not exist: the start reports that."""
    if profile.validates_endpoints_at_create:
        _refuse(_problems(network, name, endpoint), f"invalid config for network {name}: ")
        return
    for version, address in pinned_addresses(endpoint).items():
        if not is_address(address, version):
            raise invalid(f"invalid IPv{version} address: {address}")


def check_at_use(profile: Profile, network: Record, endpoint: Record) -> None:
    """Checks at connect and at start. Some errors that older engines find only at allocation are not reported here."""
    problems = _problems(network, network["Name"], endpoint)
    if profile.validates_endpoints_at_create:
        _refuse(problems, "")
    for problem in (_ALIAS, _PREDEFINED, _UNDECLARED):
        if problem in problems:
            raise invalid(problem)


def _refuse(problems: list[str], prefix: str) -> None:
    if problems:
        text = problems[0] if len(problems) == 1 else "\n".join(f"* {problem}" for problem in problems)
        raise invalid(f"{prefix}invalid endpoint settings:\n{text}")


def _problems(network: Record | None, name: str, endpoint: Record) -> list[str]:
    pinned = pinned_addresses(endpoint)
    problems = []
    if not is_user_defined(name):
        problems += [_PREDEFINED] * bool(pinned) + [_ALIAS] * bool(endpoint["Aliases"])
    for version, address in pinned.items():
        if not is_address(address, version):
            problems.append(f"invalid IPv{version} address: {address}")
    for address in (endpoint["IPAMConfig"] or {}).get("LinkLocalIPs") or []:
        if not is_address(address, 4) and not is_address(address, 6):
            problems.append(f"invalid link-local IP address: {address}")
    if network is not None and is_user_defined(name):
        problems += [problem for each in pinned.items() if (problem := _subnet_problem(network, *each))]
    return problems


def _subnet_problem(network: Record, version: int, address: str) -> str:
    if version not in network["declared_versions"]:
        return _UNDECLARED
    pool = pool_of(network, version)
    inside = pool is not None and is_address(address, version)
    if not (inside and pool and ipaddress.ip_address(address) in network_of(pool["Subnet"])):
        return f"no configured subnet or ip-range contain the IP address {address}"
    return ""
