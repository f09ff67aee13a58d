"""How Compose puts one document over another: of several files, and of a service over the one it extends. Facts from
Compose 2.40; `tests/integration/test_compose.py` compares with its program."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec.structs import replace

from deployer import nodes
from deployer.diagnostics import Origin
from deployer.nodes import Node, Plain
from deployer.values import mount

Marks = Mapping[Origin, str]
"""`!reset` and `!override`, by the origin of the value."""

_RESOURCES: Final = ("services", "networks", "volumes", "configs", "secrets")
_REPLACED: Final = frozenset({"command", "entrypoint", "healthcheck.test"})
NAMES: Final = frozenset({"networks", "depends_on"})
"""Keys of a service that are a list of names, or a map."""
STARTED: Final[Mapping[str, Plain]] = {"condition": "service_started", "required": True}
"""What a name in a list of dependencies means."""
PAIRS: Final = frozenset(
    {"environment", "labels", "annotations", "sysctls", "storage_opt", "driver_opts", "logging.options"}
    | {"build.args", "build.labels", "deploy.labels"}
)
"""Keys that are a list of KEY=value, or a map."""
_VARIABLES: Final = frozenset({"environment", "build.args"})
LISTS: Final = frozenset({"dns", "dns_search", "dns_opt", "tmpfs", "env_file", "label_file"})
"""Keys that are a list, or a text for a list of one."""
_TARGETS: Final = {"volumes": "", "devices": "", "secrets": "/run/secrets/", "configs": "/"}
"""Lists whose items replace each other if they have one target, and where a target begins that is not written."""
_FILES: Final = frozenset({"env_file", "label_file"})
_PORT: Final = {"host_ip": "0.0.0.0", "published": "", "target": "", "protocol": "tcp"}
_UNIQUE: Final = frozenset({*LISTS, *_TARGETS, "cap_add", "cap_drop", "expose", "links", "ports", "profiles"})
"""Lists of one file in which an item replaces an earlier one, too."""
_NAMED: Final = frozenset({(), ("services", "*", "depends_on"), *((key,) for key in _RESOURCES)})
"""Where users choose the keys: `x-` is no extension there, except at the top."""


def merged(base: Node | None, over: Node, marks: Marks, path: tuple[str, ...] = ()) -> Node:
    """`over` put over `base`; `path` is that of both in a Compose file. Nothing that is tagged `!reset` is left."""
    key = ".".join(path[2:])
    base, over = _as_one_form(base, key) if base is not None else None, _as_one_form(over, key)
    if marks.get(over.origin) == "!override" or base is None or _is_replaced(key) or _other_driver(key, base, over):
        return _alone(over, marks, path)
    match base, over:
        case _, nodes.Scalar(value=None):
            return base
        case nodes.Mapping(), nodes.Mapping():
            found = _merged_maps(base, over, marks, path)
            return _as_written_in_a_list(found) if key in PAIRS else found
        case nodes.Sequence(), nodes.Sequence() if key == "ipam.config":
            return replace(over, items=tuple(_pools(base, over, marks, path)))
        case nodes.Sequence(), nodes.Sequence():
            return _joined((*base.items, *over.items), over, key)
        case _:
            return over


def _is_replaced(key: str) -> bool:
    return key in _REPLACED or (key.startswith("ulimits.") and key.count(".") == 1)


def _alone(node: Node, marks: Marks, path: tuple[str, ...]) -> Node:
    match node:
        case nodes.Mapping():
            return _merged_maps(None, node, marks, path)
        case nodes.Sequence() if (key := ".".join(path[2:])) in _UNIQUE:
            return _joined(node.items, node, key)
        case _:
            return node


def _pools(base: nodes.Sequence, over: nodes.Sequence, marks: Marks, path: tuple[str, ...]) -> Iterator[Node]:
    """The address pools of `over`, with what `base` says of the same subnet. Compose keeps no others."""
    known = {_subnet(pool): pool for pool in base}
    for pool in over:
        below = known.get(_subnet(pool))
        yield merged(below, pool, marks, (*path, "*")) if below is not None else pool


def _subnet(pool: Node) -> object:
    subnet = pool.get("subnet") if isinstance(pool, nodes.Mapping) else None
    return nodes.to_plain(subnet) if subnet is not None else None


def _merged_maps(base: nodes.Mapping | None, over: nodes.Mapping, marks: Marks, path: tuple[str, ...]) -> nodes.Mapping:
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
        return as_map(node, key) if isinstance(node, nodes.Sequence) else node
    if key in LISTS and isinstance(node, nodes.Scalar) and node.value is not None:
        return nodes.Sequence((node,), node.origin)
    if key == "extra_hosts" and isinstance(node, nodes.Mapping):
        return nodes.Sequence(tuple(_hosts(node)), node.origin)
    if key == "build" and isinstance(node, nodes.Scalar) and node.value is not None:
        return nodes.Mapping(((nodes.Scalar("context", node.origin), node),), node.origin)
    return node


def _as_written_in_a_list(node: nodes.Mapping) -> nodes.Mapping:
    """With verbatim keys, which are names even if they begin with `x-`."""
    return replace(node, entries=tuple((replace(key, verbatim=True), value) for key, value in node.entries))


def normalized(node: Node, path: tuple[str, ...] = ()) -> Node:
    """Without keys that begin with `x-`, except where users choose them, and where they were written in a list. Pairs
    without a value have an empty one, except variables, which have the caller's. Name servers that are empty are none.
    """
    match node:
        case nodes.Sequence() if path[2:] == ("dns",):
            return replace(node, items=tuple(item for item in node if nodes.to_plain(item) not in (None, "")))
        case nodes.Sequence():
            return replace(node, items=tuple(normalized(item, (*path, "*")) for item in node))
        case nodes.Mapping():
            entries = tuple(
                (key, normalized(value, (*path, "*" if len(path) == 1 else str(key.value))))
                for key, value in node.entries
                if key.verbatim or path in _NAMED or not str(key.value).startswith("x-")
            )
            return replace(node, entries=entries)
        case nodes.Scalar(value=None) if ".".join(path[2:-1]) in PAIRS - _VARIABLES:
            return replace(node, value="")
        case _:
            return node


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
        if key == "depends_on":
            yield nodes.Scalar(str(item.value), item.origin), nodes.from_plain(STARTED, item.origin)
        elif key in NAMES or not equals:
            yield nodes.Scalar(str(item.value), item.origin, verbatim=True), nodes.Scalar(None, item.origin)
        else:
            yield nodes.Scalar(name, item.origin, verbatim=True), replace(item, value=value)


def _joined(items: Iterable[Node], over: nodes.Sequence, key: str) -> nodes.Sequence:
    """An item replaces an earlier one with the same identity, at its place."""
    found: dict[object, Node] = {}
    for item in items:
        found[_identity(item, key)] = item
    return replace(over, items=tuple(found.values()))


def _identity(item: Node, key: str) -> object:
    if key in _TARGETS:
        return _target(item, key)
    if isinstance(item, nodes.Scalar):
        text = str(item.value)
        return text.partition("=")[0] if key in LISTS and key not in _FILES else text
    if key in _FILES and isinstance(item, nodes.Mapping):
        return _text(item, "path")
    if key == "ports" and isinstance(item, nodes.Mapping):
        return tuple(_text(item, part) or usual for part, usual in _PORT.items())
    return id(item)


def _text(item: nodes.Mapping, key: str) -> str:
    found = item.get(key)
    return str(found.value) if isinstance(found, nodes.Scalar) else ""


def _target(item: Node, key: str) -> object:
    if isinstance(item, nodes.Mapping):
        text = _text(item, "target") or _text(item, "source")
    else:
        text = str(item.value) if isinstance(item, nodes.Scalar) else ""
        if key == "volumes":
            try:
                text = mount.parse_short(text)[0]
            except ValueError:
                return text
        elif key == "devices":
            text = text.split(":")[1] if ":" in text else text
    return os.path.normpath(text) if text.startswith("/") else f"{_TARGETS[key]}{text}"
