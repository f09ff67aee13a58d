"""Subnets and interfaces of networks that are made: others must not have them yet.

The engine refuses a pool that overlaps with another of the same address space, where a bridge is one of the two
(measured on 20.10 and 26.1); what is no Docker network it does not look at when the subnet is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployer.model.desired import Address
from deployer.model.exclusive import interface
from deployer.model.observed import ObservedNetwork
from deployer.model.operations import CreateNetwork, RemoveNetwork
from deployer.model.plan import Phase
from deployer.planning.context import version
from deployer.planning.preflight.checked import CheckedHost, Finding
from deployer.values.address import overlap

_LOCAL = ("bridge", "macvlan", "ipvlan")
_SHARED_MACVLAN = (1, 48)
"""The API version of engine 28, from which on macvlan networks share a parent."""


def findings(checked: CheckedHost) -> Iterator[Finding]:
    for step in checked.plan.steps:
        if isinstance(step.operation, CreateNetwork):
            driver = str(step.operation.body.get("Driver") or "bridge")
            yield from _interface(checked, step.address, driver, step.operation.body.get("Options") or {})
            for subnet in _subnets(step.operation.body, driver):
                yield from _finding(checked, step.address, subnet, driver)


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
