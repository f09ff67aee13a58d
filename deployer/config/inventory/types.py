"""An inventory: hosts, groups and their variables, immutable and in a fixed order."""

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
    """`variables`: those of the host in inventory sources, not templated. `groups`: all its groups including `all`;
    variables of later ones win. `file`: the first source that names it, None for a host list. `port`: the one in its
    name, as in `web1:2222`."""

    name: str
    variables: Mapping[str, Node] = field(default_factory=dict)
    groups: tuple[str, ...] = (ALL,)
    origin: Origin = _BUILT_IN
    file: Path | None = None
    port: Node | None = None


class Group(Struct, frozen=True):
    """`hosts`: all members, including those of child groups. `children`: its direct child groups."""

    name: str
    hosts: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    variables: Mapping[str, Node] = field(default_factory=dict)
    depth: int = 0
    origin: Origin = _BUILT_IN


class Inventory(Struct, frozen=True):
    """All sources merged. `folders`: where their group_vars and host_vars are, in order."""

    hosts: Mapping[str, Host] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()

    def find(self, name: str) -> Host | None:
        """The host of that name. A local name that no source mentions is an implicit host, outside of `all`."""
        known = self.hosts.get(name)
        if known is None and name in LOCAL_NAMES:
            return Host(name, {"ansible_connection": Scalar("local", _BUILT_IN)})
        return known
