"""Subnets of networks that are made: others must not have them yet.

The engine refuses a pool that overlaps with another of the same address space, where a bridge is one of the two
(measured on 20.10 and 26.1); what is no Docker network it does not look at when the subnet is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployer.model.desired import Address
from deployer.model.observed import ObservedNetwork
from deployer.model.operations import CreateNetwork, RemoveNetwork
from deployer.model.plan import Phase
from deployer.planning.preflight.checked import CheckedHost, Finding
from deployer.values.address import overlap

_LOCAL = ("bridge", "macvlan", "ipvlan")


def findings(checked: CheckedHost) -> Iterator[Finding]:
    for step in checked.plan.steps:
        if isinstance(step.operation, CreateNetwork):
            driver = str(step.operation.body.get("Driver") or "bridge")
            for subnet in _subnets(step.operation.body, driver):
                yield from _finding(checked, step.address, subnet, driver)


def _finding(checked: CheckedHost, address: Address, subnet: str, driver: str) -> Iterator[Finding]:
    """Networks that are recreated are left out: what they have then is not what they have now."""
    removed = {
        step.operation.network: step.phase for step in checked.plan.steps if isinstance(step.operation, RemoveNetwork)
    }
    others = (found for found in checked.observed.networks if removed.get(found.id) is not Phase.CHANGE)
    taken = next((found for found in others if _meets(found, subnet, driver)), None)
    if taken is not None:
        summary = f"subnet {subnet} overlaps with network {taken.name} ({', '.join(_pools(taken))})"
        later = f"{taken.name} is removed only at the end of a run: remove it in an earlier run, or "
        hint = f"{later if taken.id in removed else ''}choose another subnet"
        yield checked.refuse(address, summary, hint, "ipam", "config")
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
