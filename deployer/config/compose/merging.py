"""How Compose puts one document over another: of several files, and of a service over the one it extends. Facts from
Compose 2.40; `tests/integration/test_compose.py` compares with its program."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from deployer import nodes
from deployer.diagnostics import Origin
from deployer.nodes import Node
from deployer.values import mount

Marks = Mapping[Origin, str]
"""`!reset` and `!override`, by the origin of the value."""

_REPLACED: Final = frozenset({"command", "entrypoint", "healthcheck.test"})
NAMES: Final = frozenset({"networks", "depends_on"})
"""Keys of a service that are a list of names, or a map."""
PAIRS: Final = frozenset(
    {"environment", "labels", "annotations", "sysctls", "storage_opt", "driver_opts", "logging.options"}
    | {"build.args", "build.labels", "deploy.labels"}
)
"""Keys that are a list of KEY=value, or a map."""
LISTS: Final = frozenset({"dns", "dns_search", "dns_opt", "tmpfs", "env_file", "label_file"})
"""Keys that are a list, or a text for a list of one."""
_TARGETS: Final = {"volumes": "", "secrets": "/run/secrets/", "configs": "/"}
"""Lists whose items replace each other if they have one target, and where a target begins that is not written."""


def merged(base: Node | None, over: Node, marks: Marks, path: tuple[str, ...] = ()) -> Node:
    """`over` put over `base`; `path` is that of both in a Compose file. Nothing that is tagged `!reset` is left."""
    key = ".".join(path[2:])
    base, over = _as_one_form(base, key) if base is not None else None, _as_one_form(over, key)
    if marks.get(over.origin) == "!override" or base is None or key in _REPLACED or _other_driver(key, base, over):
        return _without_resets(over, marks, path)
    match base, over:
        case _, nodes.Scalar(value=None):
            return base
        case nodes.Mapping(), nodes.Mapping():
            return _merged_maps(base, over, marks, path)
        case nodes.Sequence(), nodes.Sequence():
            return _joined(base, over, key)
        case _:
            return over


def _without_resets(node: Node, marks: Marks, path: tuple[str, ...]) -> Node:
    return _merged_maps(None, node, marks, path) if isinstance(node, nodes.Mapping) else node


def _merged_maps(base: nodes.Mapping | None, over: nodes.Mapping, marks: Marks, path: tuple[str, ...]) -> Node:
    found = {str(key.value): (key, value) for key, value in base.entries} if base is not None else {}
    for key, value in over.entries:
        name = str(key.value)
        if marks.get(value.origin) == "!reset":
            if name in found and not found[name][0].verbatim:  # of a list, Compose removes nothing
                del found[name]
        else:
            found[name] = (key, merged(found[name][1] if name in found else None, value, marks, (*path, name)))
    return replace(over, entries=tuple(found.values()))


def _other_driver(key: str, base: Node, over: Node) -> bool:
    """Whether options are those of another logging driver."""
    if key != "logging" or not isinstance(base, nodes.Mapping) or not isinstance(over, nodes.Mapping):
        return False
    one, other = base.get("driver"), over.get("driver")
    return one is not None and other is not None and nodes.to_plain(one) != nodes.to_plain(other)


def _as_one_form(node: Node, key: str) -> Node:
    if key in NAMES or key in PAIRS:
        return as_map(node, key) if isinstance(node, nodes.Sequence) else _without_extensions(node)
    if key in LISTS and isinstance(node, nodes.Scalar) and node.value is not None:
        return nodes.Sequence((node,), node.origin)
    if key == "extra_hosts" and isinstance(node, nodes.Mapping):
        return nodes.Sequence(tuple(_hosts(node)), node.origin)
    if key == "build" and isinstance(node, nodes.Scalar) and node.value is not None:
        return nodes.Mapping(((nodes.Scalar("context", node.origin), node),), node.origin)
    return node


def _without_extensions(node: Node) -> Node:
    """A map without `x-` keys, which Compose takes for extensions. Keys that were written in a list are verbatim: there
    they are names like others."""
    if not isinstance(node, nodes.Mapping):
        return node
    kept = (entry for entry in node.entries if entry[0].verbatim or not str(entry[0].value).startswith("x-"))
    return replace(node, entries=tuple(kept))


def _hosts(node: nodes.Mapping) -> Iterator[Node]:
    for key, value in node.entries:
        for part in value.items if isinstance(value, nodes.Sequence) else (value,):
            if isinstance(part, nodes.Scalar):
                yield replace(part, value=f"{key.value}={part.value}")


def as_map(node: nodes.Sequence, key: str) -> nodes.Mapping:
    """A list of names, or of `KEY=value`, as a map; of a key that is written twice the last one counts."""
    found = {str(name.value): (name, value) for name, value in _entries(node, key)}
    return nodes.Mapping(tuple(found.values()), node.origin)


def _entries(node: nodes.Sequence, key: str) -> Iterator[tuple[nodes.Scalar, Node]]:
    for item in node:
        if not isinstance(item, nodes.Scalar):
            continue
        name, equals, value = str(item.value).partition("=")
        if key in NAMES or not equals:
            yield nodes.Scalar(str(item.value), item.origin, verbatim=True), nodes.Scalar(None, item.origin)
        else:
            yield nodes.Scalar(name, item.origin, verbatim=True), replace(item, value=value)


def _joined(base: nodes.Sequence, over: nodes.Sequence, key: str) -> nodes.Sequence:
    """An item replaces an earlier one with the same identity, at its place."""
    found: dict[object, Node] = {}
    for item in (*base.items, *over.items):
        found[_identity(item, key)] = item
    return replace(over, items=tuple(found.values()))


def _identity(item: Node, key: str) -> object:
    if key in _TARGETS:
        return _target(item, key)
    if key == "ipam.config" and isinstance(item, nodes.Mapping) and (subnet := item.get("subnet")) is not None:
        return str(nodes.to_plain(subnet))
    return str(item.value) if isinstance(item, nodes.Scalar) else id(item)


def _target(item: Node, key: str) -> object:
    if isinstance(item, nodes.Mapping):
        written = item.get("target") or item.get("source")
        text = str(written.value) if isinstance(written, nodes.Scalar) else ""
    else:
        text = str(item.value) if isinstance(item, nodes.Scalar) else ""
        if key == "volumes":
            try:
                return mount.parse_short(text)[0]
            except ValueError:
                return text
    return text if text.startswith("/") else f"{_TARGETS[key]}{text}"
