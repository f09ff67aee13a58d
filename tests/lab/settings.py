"""The names, addresses and folders of the lab; nothing here touches the system.

Bridge, namespaces and addresses are global, so the state folder is too: checkouts share the running lab, the cache and
the keys. `DEPLOYER_LAB=1` to `255` names another lab, with its own network 10.77.N.0/24, that runs beside lab 0.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
NUMBER = int(os.environ.get("DEPLOYER_LAB", "0"))
_SUFFIX = str(NUMBER or "")
CACHE = Path(os.environ.get("DEPLOYER_LAB_CACHE", "/var/cache/deployer-lab"))
# What builds in the cache takes a lock that all labs share, everything else one of its own lab.
CACHE_LOCKS = CACHE / "locks"
LOCKS = CACHE / f"locks{_SUFFIX}"
STATE = Path(os.environ.get("DEPLOYER_LAB_STATE", f"/var/lib/deployer-lab{_SUFFIX}"))
INVENTORY = CHECKOUT / "inventory" / f"lab{_SUFFIX}"
NETNS_FOLDER = Path("/run/netns")

BRIDGE = f"deployer{NUMBER}"
NETWORK = f"10.77.{NUMBER}"
GATEWAY = f"{NETWORK}.1"
REGISTRY_ADDRESS = f"{NETWORK}.2"
REGISTRY_PORT = 5000
SECURE_REGISTRY_PORT = 5443
CGROUP = f"deployer-lab{_SUFFIX}"
FIRST_HOST_ADDRESS = 11
MAX_HOSTS = 240
DEFAULT_HOSTS = 3


@dataclass(frozen=True, slots=True)
class Kind:
    """What hosts differ in: the Debian release, which decides the engine's version, and the engine's own options."""

    group: str
    """The inventory group, and how tests name it."""
    suite: str
    options: Mapping[str, Any] = field(default_factory=dict)


DOCKER_20 = Kind("docker_20", "bookworm")
DOCKER_26 = Kind("docker_26", "trixie")
DOCKER_28 = Kind("docker_28", "forky")
DOCKER_28_CONTAINERD = Kind("docker_28_containerd", "forky", {"features": {"containerd-snapshotter": True}})
# Hosts take these in turn.
KINDS = (DOCKER_20, DOCKER_26, DOCKER_28, DOCKER_28_CONTAINERD)


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What a host is before it runs: everything follows from its number."""

    number: int

    @property
    def name(self) -> str:
        """The name in the inventory and the host's own hostname."""
        return f"lab{self.number}"

    @property
    def address(self) -> str:
        """The host's address on the bridge."""
        return f"{NETWORK}.{FIRST_HOST_ADDRESS + self.number - 1}"

    @property
    def kind(self) -> Kind:
        """Its engine."""
        return KINDS[(self.number - 1) % len(KINDS)]

    @property
    def folder(self) -> Path:
        """Where its overlay, its Docker data, its logs and its pid file lie."""
        return STATE / "hosts" / self.name


def netns(name: str) -> str:
    """The name of the network namespace of a host or of the registry."""
    return f"deployer{_SUFFIX}-{name}"


def veth(name: str) -> str:
    """The root namespace's end of a host's cable; an interface name has 15 characters at most."""
    return f"dl{_SUFFIX}-{name}"
