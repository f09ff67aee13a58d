"""What an inventory says once it is read: hosts, groups and their variables, immutable and in a fixed order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from deployer.diagnostics import Origin
from deployer.nodes import Node, Scalar

ALL = "all"
UNGROUPED = "ungrouped"
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")

_BUILT_IN = Origin("built in")


class Host(Struct, frozen=True):
    """`variables`: those written for the host in inventory sources, not templated. `groups`: every group it is in,
    `all` included, in the order their variables apply (later wins). `file`: the source that named it first, None for
    a list of hosts on the command line. `port`: behind its name, as in `web1:2222`."""

    name: str
    variables: Mapping[str, Node] = field(default_factory=dict)
    groups: tuple[str, ...] = (ALL,)
    origin: Origin = _BUILT_IN
    file: Path | None = None
    port: Node | None = None


class Group(Struct, frozen=True):
    """`hosts`: all members, those of child groups included. `children`: the groups directly in it."""

    name: str
    hosts: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    variables: Mapping[str, Node] = field(default_factory=dict)
    depth: int = 0
    priority: int = 1
    origin: Origin = _BUILT_IN


class Inventory(Struct, frozen=True):
    """All sources merged. `folders` are where group_vars and host_vars of the sources lie, in order."""

    hosts: Mapping[str, Host] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()

    def find(self, name: str) -> Host | None:
        """The host of that name; a local name that no source mentions is an implicit host, outside `all`'s members."""
        known = self.hosts.get(name)
        if known is None and name in LOCAL_NAMES:
            return Host(name, {"ansible_connection": Scalar("local", _BUILT_IN)})
        return known
