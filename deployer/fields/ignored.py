"""`ignore_changes`: fields under any spelling, and parts of them, become paths in canonical names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from deployer import nodes
from deployer.diagnostics import did_you_mean
from deployer.fields.reading import Reading

KEY = "ignore_changes"


def read_ignored(
    patterns: Iterable[str],
    node: nodes.Node,
    at: Reading,
    spellings: Mapping[str, str],
    nested: Mapping[str, tuple[str, str]],
) -> list[str]:
    """`env.MODE` is `environment.MODE`, `log_options` is `logging.options`. An unknown field is an error."""
    found = []
    for pattern in patterns:
        first, dot, rest = pattern.partition(".")
        name = ".".join(nested[first]) if first in nested else spellings.get(first)
        if name is None:
            hint = did_you_mean(first, [*spellings, *nested])
            at.child(KEY).wrong(_written(node, pattern), f"no field '{first}'", hint=hint)
        else:
            found.append(f"{name}{dot}{rest}")
    return found


def _written(node: nodes.Node, pattern: str) -> nodes.Node:
    """The list item that names the field."""
    items = node.items if isinstance(node, nodes.Sequence) else ()
    return next((item for item in items if isinstance(item, nodes.Scalar) and item.value == pattern), node)
