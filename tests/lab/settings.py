"""The names, addresses and folders of the lab; nothing here touches the system.

There is one lab a machine: bridge, namespaces and addresses are global, so the state folder is too. Two checkouts
share the running lab, the cache and the keys.
"""

import os
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("DEPLOYER_LAB_CACHE", "/var/cache/deployer-lab"))
STATE = Path(os.environ.get("DEPLOYER_LAB_STATE", "/var/lib/deployer-lab"))
INVENTORY = CHECKOUT / "inventory" / "lab"
NETNS_FOLDER = Path("/run/netns")

BRIDGE = "deployer0"
GATEWAY = "10.77.0.1"
REGISTRY_ADDRESS = "10.77.0.2"
REGISTRY_PORT = 5000
SECURE_REGISTRY_PORT = 5443
CGROUP = "deployer-lab"
FIRST_HOST_ADDRESS = 11
MAX_HOSTS = 240
DEFAULT_HOSTS = 3
# Hosts take these in turn, so that any lab of two or more has both engines.
SUITES = ("bookworm", "trixie")
ENGINE_GROUPS = {"bookworm": "docker_20", "trixie": "docker_26"}


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
        return f"10.77.0.{FIRST_HOST_ADDRESS + self.number - 1}"

    @property
    def suite(self) -> str:
        """The Debian release of its root file system, which decides the engine's version."""
        return SUITES[(self.number - 1) % len(SUITES)]

    @property
    def folder(self) -> Path:
        """Where its overlay, its Docker data, its logs and its pid file lie."""
        return STATE / "hosts" / self.name


def netns(name: str) -> str:
    """The name of the network namespace of a host or of the registry."""
    return f"deployer-{name}"


def veth(name: str) -> str:
    """The root namespace's end of a host's cable; an interface name has 15 characters at most."""
    return f"dl-{name}"
