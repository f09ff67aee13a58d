"""Where a run may name variables, and what it was read from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from deployer import nodes
from deployer.config.inventory.types import Inventory
from deployer.config.playbook import Play
from deployer.config.variables.vars_files import VariableReader
from deployer.diagnostics import Origin

if TYPE_CHECKING:
    from deployer.usecases.load import Loaded, Request


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


def files_of(request: Request, loaded: Loaded) -> set[str]:
    """The files that the input was read from, by name."""
    named = {
        *loaded.files,
        *request.playbooks,
        *request.inventory,
        *(text[1:] for text in request.extra_vars if text[:1] == "@"),
    }
    for resource in (found for wish in loaded.desired for found in wish.resources):
        named |= {place.file for place in (resource.origin, *resource.origins.values()) if place.line}
    return named
