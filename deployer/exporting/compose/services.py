"""The keys of a Compose service, and what each becomes in a playbook. A key without a row keeps its name."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from deployer import nodes
from deployer.config.compose.merging import PAIRS
from deployer.diagnostics import did_you_mean
from deployer.exporting.compose import files
from deployer.exporting.compose.deploy import deploy_entries
from deployer.exporting.compose.service import Entries, Service, items_of, map_of, text_of
from deployer.fields import advice
from deployer.fields.container import CONTAINER
from deployer.fields.leaves import text_value
from deployer.nodes import Node

_EMPTIED: Final = frozenset({"command", "entrypoint"})
"""Keys for which an empty text is not the same as none."""
_OPERATORS: Final = ";&|<>"


def container(service: Service) -> nodes.Mapping:
    """The service as one container of a playbook, before it is checked."""
    found: dict[str, Node] = {}
    body = {key: node for key, node in service.body.items() if key in _EMPTIED or nodes.to_plain(node) != ""}
    if "network_mode" not in body and not _has_items(body.get("networks")):
        body["networks"] = nodes.from_plain({"default": None}, service.body.origin)
    for key in sorted(body, key=_precedence):
        for name, value in _entries(service, key, body[key]):
            found[name] = joined(found[name], value) if name in found else value
    if "image" not in found:
        found["image"] = nodes.Scalar(service.image, service.body.origin)
        if "build" not in body:
            hint = "write image, the image to run"
            service.problems.add(service.body.origin, "has no image", address=f"services.{service.name}", hint=hint)
    keys = {str(key.value): key for key, _ in service.body.entries}
    entries = ((keys.get(key, nodes.Scalar(key, value.origin)), as_pairs(key, value)) for key, value in found.items())
    return nodes.Mapping(tuple(entries), service.body.origin)


def _precedence(key: str) -> int:
    """What files say is overridden by the service, and the service by its `deploy`. Mounts of files come last."""
    return {"env_file": -1, "label_file": -1, "deploy": 1, "configs": 1, "secrets": 2}.get(key, 0)


def as_pairs(key: str, node: Node) -> Node:
    """A list if a map would ignore some of its keys as extensions."""
    if (
        key not in PAIRS
        or not isinstance(node, nodes.Mapping)
        or not any(name.startswith("x-") for name, _ in node.items())
    ):
        return node
    pairs = ((name, value) for name, value in node.entries if isinstance(value, nodes.Scalar))
    items = (
        name if value.value is None else replace(value, value=f"{name.value}={text_value(value.value)}")
        for name, value in pairs
    )
    return nodes.Sequence(tuple(items), node.origin)


def _has_items(node: Node | None) -> bool:
    return isinstance(node, nodes.Sequence | nodes.Mapping) and bool(nodes.parts(node))


def _entries(service: Service, key: str, node: Node) -> Entries:
    row = ROWS.get(key)
    if isinstance(node, nodes.Scalar) and node.value is None:
        return
    if row is not None:
        yield from row.write(service, key, node)
    elif key in advice.CONTAINER and key not in CONTAINER.spellings:
        service.left_out(node, key, "deployer has no such key", advice.CONTAINER[key])
    else:
        yield key, node


def joined(one: Node, other: Node) -> Node:
    """Lists and maps from several keys, such as mounts from `volumes` and `secrets`."""
    if isinstance(one, nodes.Sequence) and isinstance(other, nodes.Sequence):
        return replace(one, items=(*one.items, *other.items))
    if isinstance(one, nodes.Mapping) and isinstance(other, nodes.Mapping):
        return replace(
            one, entries=tuple({str(key.value): (key, node) for key, node in (*one.entries, *other.entries)}.values())
        )
    return other


def _nothing(_service: Service, _key: str, _node: Node) -> Entries:
    return iter(())


def _environment(service: Service, key: str, node: Node) -> Entries:
    """A variable without a value has the caller's; without one, it unsets what the image sets."""
    yield key, service.given(map_of(node, key)) if isinstance(node, nodes.Sequence | nodes.Mapping) else node


def _command(service: Service, key: str, node: Node) -> Entries:
    """A text without what follows an operator of a shell, which Compose drops."""
    text = node.value if isinstance(node, nodes.Scalar) and isinstance(node.value, str) else ""
    end = _operator(text)
    if end < len(text):
        hint = f"write [sh, -c, …] in the Compose file if a shell should read it, and {key} here"
        service.left_out(node, key, f"what follows {text[end:].split()[0]}, which Compose ignores", hint)
        words = text[:end].rsplit(maxsplit=1)
        is_redirected = text[end] in "<>" and len(words) == 2 and words[1].isdecimal() and not text[end - 1].isspace()
        node = (
            replace(node, value=words[0] if is_redirected else text[:end]) if isinstance(node, nodes.Scalar) else node
        )
    yield key, node


def _operator(text: str) -> int:
    """The position of the first operator that is not quoted, or the end."""
    quote, escaped = "", False
    for position, char in enumerate(text):
        if escaped:
            escaped = False
        elif char == "\\" and quote != "'":
            escaped = True
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in _OPERATORS:
            return position
    return len(text)


def _depends_on(service: Service, key: str, node: Node) -> Entries:
    found = []
    for name, value in map_of(node, key).entries:
        word = str(name.value)
        required = value.get("required") if isinstance(value, nodes.Mapping) else None
        is_optional = required is not None and nodes.to_plain(required) is False
        if word in service.project.provided or (word in service.project.idle and is_optional):
            continue
        found += [(replace(name, value=each), value) for each in service.containers(name, key, word)]
    yield key, nodes.Mapping(tuple(found), node.origin)


def _links(service: Service, key: str, node: Node) -> Entries:
    """As Compose, with further aliases, which end with the number of this container, not with that of the other."""
    found: list[Node] = []
    for item in items_of(node):
        name, _, alias = text_of(item).partition(":")
        numbered = f"{name}-{service.number}"
        aliases = dict.fromkeys((alias or name, numbered, f"{service.project.name}-{numbered}"))
        for each in service.containers(item, key, name):
            found += [nodes.Scalar(f"{each}:{other}", item.origin) for other in aliases]
    yield key, nodes.Sequence(tuple(found), node.origin)


def _volumes_from(service: Service, key: str, node: Node) -> Entries:
    found: list[Node] = []
    for item in items_of(node):
        text = text_of(item)
        if text.startswith("container:"):
            found.append(nodes.Scalar(text.removeprefix("container:"), item.origin))
            continue
        name, _, mode = text.partition(":")
        if mode not in ("", "rw"):
            hint = f"write {name}:{mode} in the playbook to mount them read-only; the container is then replaced"
            service.left_out(item, key, f"'{mode}', which Compose ignores", hint)
        found += [nodes.Scalar(each, item.origin) for each in service.containers(item, key, name)[:1]]
    yield key, nodes.Sequence(tuple(found), node.origin)


def _mode(service: Service, key: str, node: Node) -> Entries:
    """`service:NAME` is `container:NAME`."""
    text = text_of(node)
    if not text.startswith("service:"):
        yield key, node
        return
    for each in service.containers(node, key, text.removeprefix("service:"))[:1]:
        yield key, nodes.Scalar(f"container:{each}", node.origin)


def _networks(service: Service, key: str, node: Node) -> Entries:
    found = []
    known = {"default", *service.project.sections["networks"]}
    is_keyed = service.names.is_keyed(service.name)
    for name, value in map_of(node, key).entries:
        if str(name.value) not in known:
            service.undefined(name, key, "network", str(name.value), known)
        named = replace(name, value=service.names.key_of(str(name.value)))
        found.append((named, value if is_keyed else _with_alias(value, service.name)))
    yield key, nodes.Mapping(tuple(found), node.origin)


def _with_alias(endpoint: Node, alias: str) -> nodes.Mapping:
    """Several containers of a service are reached by its name."""
    entries = endpoint.entries if isinstance(endpoint, nodes.Mapping) else ()
    own = endpoint.get("aliases") if isinstance(endpoint, nodes.Mapping) else None
    items = own.items if isinstance(own, nodes.Sequence) else ()
    added = nodes.Sequence((*items, nodes.Scalar(alias, endpoint.origin)), endpoint.origin)
    rest = tuple(entry for entry in entries if entry[0].value != "aliases")
    return nodes.Mapping((*rest, (nodes.Scalar("aliases", endpoint.origin), added)), endpoint.origin)


def _volumes(service: Service, key: str, node: Node) -> Entries:
    items = []
    for item in items_of(node):
        name, known = _volume(item), service.project.sections["volumes"]
        if name and name not in known:
            service.undefined(item, key, "volume", name, known)
        items.append(_mount(_with_source(item, name, service.names.key_of(name)) if name else item))
    yield key, nodes.Sequence(tuple(items), node.origin) if items else node


def _volume(item: Node) -> str:
    """The key of the volume that is mounted, "" for anything else."""
    if isinstance(item, nodes.Mapping):
        kind, source = item.get("type"), item.get("source")
        is_volume = kind is None or nodes.to_plain(kind) == "volume"
        return text_of(source) if is_volume and source is not None else ""
    source_text, colon, _ = text_of(item).partition(":")
    return source_text if colon and not source_text.startswith(("/", ".", "~")) else ""


def _with_source(item: Node, name: str, key: str) -> Node:
    """The mount with the volume's key in the playbook."""
    if name == key:
        return item
    if isinstance(item, nodes.Scalar):
        return replace(item, value=f"{key}{text_of(item).removeprefix(name)}")
    source = nodes.Scalar(key, item.origin)
    entries = item.entries if isinstance(item, nodes.Mapping) else ()
    return nodes.Mapping(
        tuple((word, source if word.value == "source" else part) for word, part in entries), item.origin
    )


def _mount(item: Node) -> Node:
    """Compose ignores options of a bind for other mounts, and the other way round."""
    kind = item.get("type") if isinstance(item, nodes.Mapping) else None
    if isinstance(item, nodes.Mapping) and kind is not None:
        others = {"bind", "volume", "tmpfs", "image"} - {text_of(kind)}
        item = replace(item, entries=tuple(entry for entry in item.entries if str(entry[0].value) not in others))
    return _with_octal_mode(item)


def _with_octal_mode(item: Node) -> Node:
    """Compose reads `mode: 01777` as a number."""
    if isinstance(item, nodes.Scalar) and isinstance(item.value, int) and not isinstance(item.value, bool):
        return item
    if not isinstance(item, nodes.Mapping):
        return item
    entries = tuple(
        (key, replace(value, value=f"{value.value:o}"))
        if key.value == "mode" and isinstance(value, nodes.Scalar) and isinstance(value.value, int)
        else (key, _with_octal_mode(value))
        for key, value in item.entries
    )
    return replace(item, entries=entries)


def _pull_policy(service: Service, key: str, node: Node) -> Entries:
    text = text_of(node)
    if text in ("daily", "weekly", "build") or text.startswith("every_"):
        service.left_out(node, key, f"'{text}' is not supported", "write always, and apply that often")
    else:
        yield key, node


def _deploy(service: Service, key: str, node: Node) -> Entries:
    if not isinstance(node, nodes.Mapping):
        service.problems.add(node.origin, "expected a map", address=service.address(key))
        return

    def unknown(at: Node, path: str, known: Collection[str]) -> None:
        hint = did_you_mean(path, known)
        service.problems.add(nodes.place(at), f"unknown key '{path}'", address=service.address(key), hint=hint)

    yield from deploy_entries(
        node, lambda at, path, why, hint: service.left_out(at, f"{key}.{path}", why, hint), unknown
    )


class Row(Struct, frozen=True):
    """`doc`: what becomes of the key, for people."""

    doc: str
    write: Callable[[Service, str, Node], Entries]


ROWS: Final[Mapping[str, Row]] = {
    "build": Row("`build`; the image is called as Compose calls it", files.build),
    "command": Row("`command`, as words", _command),
    "configs": Row("of a file: a read-only bind mount under `volumes`; with content: `configs`", files.mounted_files),
    "container_name": Row("`container_name`; without it, `PROJECT-SERVICE-1`", _nothing),
    "depends_on": Row("`depends_on`", _depends_on),
    "deploy": Row("the keys below", _deploy),
    "entrypoint": Row("`entrypoint`, as words", _command),
    "env_file": Row("`env_file`; its values under `environment` if they depend on a `.env` file", files.env_file),
    "environment": Row("`environment`; variables without a value have the caller's", _environment),
    "ipc": Row("`ipc`; `service:NAME` is `container:NAME`", _mode),
    "label_file": Row("`labels`", files.label_file),
    "links": Row("`links`", _links),
    "network_mode": Row("`network_mode`; `service:NAME` is `container:NAME`", _mode),
    "networks": Row("`networks`; `default` is `PROJECT_default`", _networks),
    "pid": Row("`pid`; `service:NAME` is `container:NAME`", _mode),
    "profiles": Row("`--profile` selects the services", _nothing),
    "pull_policy": Row("`pull_policy`: always, missing and never", _pull_policy),
    "scale": Row("numbered containers, by `loop`", _nothing),
    "secrets": Row("of a file: a read-only bind mount under `volumes`; with content: `secrets`", files.mounted_files),
    "volumes": Row("`volumes`; relative sources become absolute", _volumes),
    "volumes_from": Row("`volumes_from`", _volumes_from),
}
"""Keys that change; all others keep their name."""
