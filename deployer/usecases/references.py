"""Where a run may name variables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from deployer import nodes
from deployer.config.inventory.types import Inventory
from deployer.config.playbook import Play
from deployer.config.variables.vars_files import VariableReader
from deployer.diagnostics import Origin


def variable_references(
    inventory: Inventory, files: VariableReader, plays: Iterable[Play] = ()
) -> Iterator[nodes.Node]:
    """All texts that may name a variable: plays, the inventory's variables, files read for hosts."""
    variables: list[Mapping[str, nodes.Node]] = [play.keys for play in plays]
    variables += [group.variables for group in inventory.groups.values()]
    variables += [host.variables for host in inventory.hosts.values()]
    for found in variables:
        entries = tuple((nodes.Scalar(name, node.origin), node) for name, node in found.items())
        yield nodes.Mapping(entries, Origin("variables"))
    yield from files.values
