"""Inventories in YAML format: groups with `hosts`, `vars` and `children`."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.config.inventory.draft import Draft
from deployer.diagnostics import did_you_mean
from deployer.nodes import Mapping, Node, Scalar, Sequence

_KEYS = ("hosts", "vars", "children")
_SHAPE = "groups at the top, each with hosts, vars and children"


def read_yaml_tree(tree: Node, draft: Draft) -> None:
    """Adds the tree's declarations to the draft and reports errors."""
    if isinstance(tree, Scalar) and tree.value is None:
        return
    if not isinstance(tree, Mapping):
        draft.problems.add(tree.origin, f"an inventory in YAML has {_SHAPE}")
        return
    if tree.get("plugin") is not None:
        hint = "use an executable that supports --list, such as one that runs ansible-inventory"
        draft.problems.add(tree.origin, "inventory plugins are not supported", hint=hint)
        return
    for name, content in tree.entries:
        _read_group(name, content, draft)


def _read_group(name: Scalar, content: Node, draft: Draft) -> None:
    group = str(name.value)
    draft.add_group(group, name.origin)
    if isinstance(content, Scalar) and content.value is None:
        return
    if not isinstance(content, Mapping):
        draft.problems.add(content.origin, f"the group '{group}' is a mapping with hosts, vars and children")
        return
    for key, value in content.entries:
        if key.value == "hosts":
            _read_hosts(group, value, draft)
        elif key.value == "vars":
            if isinstance(value, Mapping):
                draft.set_group_variables(group, value.items())
            elif not _is_null(value):
                draft.problems.add(value.origin, f"the vars of the group '{group}' are a mapping")
        elif key.value == "children":
            for child, inner in _named(value, f"children of the group '{group}'", draft):
                _read_group(child, inner, draft)
                draft.add_child(group, str(child.value), child.origin)
        else:
            hint = did_you_mean(str(key.value), _KEYS) or "a group has hosts, vars and children"
            draft.problems.add(key.origin, f"the key '{key.value}' of the group '{group}' is not read", hint=hint)


def _read_hosts(group: str, content: Node, draft: Draft) -> None:
    for name, variables in _named(content, f"hosts of the group '{group}'", draft):
        names = draft.add_named(str(name.value), group, name.origin)
        if isinstance(variables, Mapping):
            draft.set_host_variables(names, variables.items())
        elif not _is_null(variables):
            draft.problems.add(variables.origin, f"the variables of the host '{name.value}' are a mapping")


def _named(content: Node, what: str, draft: Draft) -> Iterator[tuple[Scalar, Node]]:
    """Entries of a mapping; a plain text is one name without content."""
    if isinstance(content, Mapping):
        yield from content.entries
    elif isinstance(content, Scalar) and isinstance(content.value, str):
        yield content, Scalar(None, content.origin)
    elif isinstance(content, Sequence):
        draft.problems.add(
            content.origin, f"the {what} are a mapping, not a list", hint="write 'name:' instead of '- name'"
        )
    elif not _is_null(content):
        draft.problems.add(content.origin, f"the {what} are a mapping")


def _is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None
