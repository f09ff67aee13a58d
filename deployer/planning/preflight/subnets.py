"""Subnets and interfaces of networks that are made: others must not have them yet.

The engine refuses a pool that overlaps with another of the same address space, where a bridge is one of the two
(measured on 20.10 and 26.1); what is no Docker network it does not look at when the subnet is given.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from deployer.model.desired import Address
from deployer.model.exclusive import interface
from deployer.model.observed import ObservedNetwork
from deployer.model.operations import CreateNetwork, RemoveNetwork
from deployer.model.plan import Phase
from deployer.planning.context import version
from deployer.planning.preflight.checked import CheckedHost, Finding
from deployer.values.address import overlap

_LOCAL = ("bridge", "macvlan", "ipvlan")
_POOLS: Final = (*((f"172.{second}.0.0/16", 16) for second in range(17, 32)), ("192.168.0.0/16", 20))
"""The ranges, and the size of a part, from which an engine takes subnets, unless its configuration names others (the
same on 20.10, 26.1 and 28.5)."""
_NO_POOL: Final = (
    "remove networks that nothing uses (docker network prune), give it a subnet (ipam.config), or add "
    "default-address-pools to the engine's configuration"
)
_SHARED_MACVLAN = (1, 48)
"""The API version of engine 28, from which on macvlan networks share a parent."""


def findings(checked: CheckedHost) -> Iterator[Finding]:
    for step in checked.plan.steps:
        if isinstance(step.operation, CreateNetwork):
            driver = str(step.operation.body.get("Driver") or "bridge")
            yield from _interface(checked, step.address, driver, step.operation.body.get("Options") or {})
            for subnet in _subnets(step.operation.body, driver):
                yield from _finding(checked, step.address, subnet, driver)
    yield from _without_pool(checked)


def _without_pool(checked: CheckedHost) -> Iterator[Finding]:
    """Networks for which the engine has no subnet left. It may skip further ones that overlap with the host's
    routes."""
    made = [
        (step.address, step.operation.body) for step in checked.plan.steps if isinstance(step.operation, CreateNetwork)
    ]
    needing = [address for address, body in made if _needs_pool(body)]
    given = (subnet for _, body in made for subnet in _subnets(body, str(body.get("Driver") or "bridge")))
    taken = [*given, *(pool for found in _others(checked) for pool in _pools(found))]
    left = len([*islice(_free(checked.facts.pools or _POOLS, taken), len(needing))])
    for address in needing[left:]:
        yield checked.refuse(address, "no default subnet is left: other networks have all of the engine's", _NO_POOL)


def _needs_pool(body: Mapping[str, Any]) -> bool:
    """Whether the engine chooses its IPv4 subnet."""
    driver = str(body.get("Driver") or "bridge")
    other = body.get("ConfigOnly") or body.get("ConfigFrom") or body.get("EnableIPv4") is False
    chosen = ((body.get("IPAM") or {}).get("Driver") or "default") == "default" and driver in _LOCAL
    return chosen and not other and all(":" in subnet for subnet in _subnets(body, driver))


def _free(pools: Iterable[tuple[str, int]], taken: Sequence[str]) -> Iterator[str]:
    for base, length in pools:
        parts = map(str, ipaddress.ip_network(base, strict=False).subnets(new_prefix=length))
        yield from (part for part in parts if not any(overlap(part, other) for other in taken))


def _removed(checked: CheckedHost) -> dict[str, Phase]:
    steps = checked.plan.steps
    return {step.operation.network: step.phase for step in steps if isinstance(step.operation, RemoveNetwork)}


def _others(checked: CheckedHost) -> Iterator[ObservedNetwork]:
    """Networks that are recreated are left out: what they have then is not what they have now."""
    removed = _removed(checked)
    return (found for found in checked.observed.networks if removed.get(found.id) is not Phase.CHANGE)


def _hint(checked: CheckedHost, taken: ObservedNetwork, what: str) -> str:
    later = f"{taken.name} is removed only at the end of a run: remove it in an earlier run, or "
    return f"{later if taken.id in _removed(checked) else ''}choose another {what}"


def _interface(checked: CheckedHost, address: Address, driver: str, options: Mapping[str, str]) -> Iterator[Finding]:
    """On engine 20.10 a network can even be made on `docker0`, and its removal takes that away."""
    words = interface(driver, options)
    if not words or (driver == "macvlan" and version(checked.observed.engine.api) >= _SHARED_MACVLAN):
        return
    for taken in _others(checked):
        theirs = interface(str(taken.values.get("driver") or "bridge"), taken.values.get("driver_opts") or {})
        if theirs == words:
            summary = f"{words} is used by network {taken.name}"
            yield checked.refuse(address, summary, _hint(checked, taken, "interface"), "driver_opts")


def _finding(checked: CheckedHost, address: Address, subnet: str, driver: str) -> Iterator[Finding]:
    taken = next((found for found in _others(checked) if _meets(found, subnet, driver)), None)
    if taken is not None:
        summary = f"subnet {subnet} overlaps with network {taken.name} ({', '.join(_pools(taken))})"
        yield checked.refuse(address, summary, _hint(checked, taken, "subnet"), "ipam", "config")
    elif route := next((found for found in checked.facts.routes if overlap(found.subnet, subnet)), None):
        yield (
            f"{address.label}: subnet {subnet} overlaps with the host's route to {route.subnet} ({route.interface}); "
            "these addresses may become unreachable"
        )


def _subnets(body: Mapping[str, Any], driver: str) -> Iterator[str]:
    """Those given, of the engine's own address management."""
    ipam = body.get("IPAM") or {}
    if (ipam.get("Driver") or "default") == "default" and driver in _LOCAL:
        yield from (str(pool["Subnet"]) for pool in ipam.get("Config") or () if pool.get("Subnet"))


def _pools(found: ObservedNetwork) -> tuple[str, ...]:
    ipam = found.values.get("ipam")
    pools = ipam.get("config") if isinstance(ipam, Mapping) else None
    return tuple(pools or ())


def _meets(found: ObservedNetwork, subnet: str, driver: str) -> bool:
    theirs = str(found.values.get("driver") or "bridge")
    is_sure = theirs in _LOCAL and "bridge" in (theirs, driver)
    return is_sure and any(overlap(pool, subnet) for pool in _pools(found))
