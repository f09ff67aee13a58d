"""The inventory in the formats of `ansible-inventory`: `--list`, `--graph`, `--host`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deployer.config.inventory.types import ALL, UNGROUPED, Inventory
from deployer.model.credentials import holds_credentials, is_sensitive_name
from deployer.model.secrets import MASK
from deployer.nodes import Node, Scalar, Sequence
from deployer.reporting.lines import Line, Span, Style, line


def variables_document(variables: Mapping[str, Node]) -> dict[str, Any]:
    """Variables by name, with templates as written. Values from a vault, and literal credentials, are masked."""
    return {name: _masked(variables[name], sensitive=is_sensitive_name(name)) for name in sorted(variables)}


def list_document(
    inventory: Inventory, hosts: Iterable[str], variables: Mapping[str, Mapping[str, Node]]
) -> dict[str, Any]:
    """`variables` are those of each host, merged. Only `hosts` are listed, and their groups."""
    chosen = frozenset(hosts)
    hostvars = {name: variables_document(variables[name]) for name in sorted(chosen) if variables.get(name)}
    groups = (_group(inventory, name, chosen) for name in sorted(inventory.groups))
    listed = {name: group for name, group in groups if group or name == ALL}
    return {"_meta": {"hostvars": hostvars}} | listed


def graph_lines(inventory: Inventory, hosts: Iterable[str]) -> list[Line]:
    """Groups, the groups and hosts in each, indented."""
    return list(_graph(inventory, ALL, frozenset(hosts), 0))


def _group(inventory: Inventory, name: str, chosen: frozenset[str]) -> tuple[str, dict[str, Any]]:
    document: dict[str, Any] = {}
    children = [child for child in _children(inventory, name) if chosen.intersection(_members(inventory, child))]
    if children:
        document["children"] = sorted(children)
    own = [host for host in _own_hosts(inventory, name) if host in chosen]
    if own:
        document["hosts"] = own
    return name, document


def _children(inventory: Inventory, name: str) -> tuple[str, ...]:
    """`all` also contains the groups that are in no other group, including `ungrouped`."""
    if name != ALL:
        return inventory.groups[name].children
    inner = {child for group, found in inventory.groups.items() if group != ALL for child in found.children}
    return tuple(group for group in inventory.groups if group != ALL and group not in inner)


def _members(inventory: Inventory, name: str) -> tuple[str, ...]:
    return inventory.groups[name].hosts if name in inventory.groups else ()


def _own_hosts(inventory: Inventory, name: str) -> list[str]:
    """Members that are in no child group."""
    brought = {host for child in _children(inventory, name) for host in _members(inventory, child)}
    return [host for host in _members(inventory, name) if host not in brought]


def _graph(inventory: Inventory, name: str, chosen: frozenset[str], depth: int) -> Iterator[Line]:
    yield _branch(f"@{name}:", depth, Style.TITLE)
    for child in sorted(_children(inventory, name)):
        if child == UNGROUPED or chosen.intersection(_members(inventory, child)):
            yield from _graph(inventory, child, chosen, depth + 1)
    for host in _own_hosts(inventory, name):
        if host in chosen:
            yield _branch(host, depth + 1, Style.PLAIN)


def _branch(text: str, depth: int, style: Style) -> Line:
    return line("  |" * max(depth - 1, 0) + ("  |--" if depth else ""), Span(text, style))


def _masked(node: Node, *, sensitive: bool) -> Any:
    match node:
        case Scalar(value, secret=secret):
            plain = sensitive and isinstance(value, str | int) and not isinstance(value, bool)
            literal = "{{" not in str(value)
            telling = plain or (isinstance(value, str) and holds_credentials(value))
            return MASK if secret or (literal and telling) else value
        case Sequence():
            return [_masked(item, sensitive=sensitive) for item in node.items]
        case _:
            return {key: _masked(value, sensitive=sensitive or is_sensitive_name(key)) for key, value in node.items()}
