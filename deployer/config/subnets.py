"""Networks of one host whose subnets overlap: the engine would make only the first of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from deployer.diagnostics import Problems
from deployer.model.desired import Desired, Network
from deployer.model.settings import NetworkSettings
from deployer.values.address import overlap


def check_subnets(plays: Iterable[Desired], problems: Problems) -> None:
    """`plays`: those of one host. The engine is certain to refuse where one of the two is a bridge (§4)."""
    declared = [found for play in plays for resource in play.of(NetworkSettings) for found in _subnets(resource)]
    for (first, one), (second, other) in combinations(declared, 2):
        if "bridge" in (_driver(first), _driver(second)) and first is not second and overlap(one, other):
            problems.add(
                second.place(("ipam", "config")),
                f"subnet {other} overlaps with {one} of network {first.name} at {first.place(('ipam', 'config'))}",
                address=f"networks.{second.name}",
                hint="use different subnets",
            )


def _subnets(resource: Network) -> Iterator[tuple[Network, str]]:
    ipam = resource.values.get("ipam") or {}
    if not resource.absent and _driver(resource) in ("bridge", "macvlan", "ipvlan"):
        yield from ((resource, subnet) for subnet in ipam.get("config") or () if "driver" not in ipam)


def _driver(resource: Network) -> str:
    return str(resource.values.get("driver") or "bridge")
