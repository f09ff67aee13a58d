"""What Compose refuses of a project as a whole: keys, references and contradictions. Those who use a value check it.
Facts from Compose 2.40."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from deployer import nodes
from deployer.diagnostics import Problems, did_you_mean
from deployer.nodes import Node
from deployer.values import size

SERVICE_KEYS: Final = frozenset(
    re.findall(
        r"\w+",
        """
        annotations attach blkio_config build cap_add cap_drop cgroup cgroup_parent command configs container_name
        cpu_count cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares cpus cpuset
        credential_spec depends_on deploy develop device_cgroup_rules devices dns dns_opt dns_search domainname
        entrypoint env_file environment expose extends external_links extra_hosts gpus group_add healthcheck
        hostname image init ipc isolation label_file labels links logging mac_address mem_limit mem_reservation
        mem_swappiness memswap_limit models network_mode networks oom_kill_disable oom_score_adj pid pids_limit
        platform ports post_start pre_stop privileged profiles provider pull_policy pull_refresh_after read_only
        restart runtime scale secrets security_opt shm_size stdin_open stop_grace_period stop_signal storage_opt
        sysctls tmpfs tty ulimits use_api_socket user userns_mode uts volumes volumes_from working_dir
        """,
    )
)
_OBJECT: Final = frozenset({"name", "external", "driver", "driver_opts", "labels"})
_FILE: Final = _OBJECT | {"file", "environment", "template_driver"}
_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "services": SERVICE_KEYS,
    "networks": _OBJECT | {"attachable", "enable_ipv4", "enable_ipv6", "internal", "ipam"},
    "volumes": _OBJECT,
    "configs": _FILE | {"content"},
    "secrets": _FILE,
}
_BUILD: Final = frozenset(
    re.findall(
        r"\w+",
        """
        additional_contexts args cache_from cache_to context dockerfile dockerfile_inline entitlements extra_hosts
        isolation labels network no_cache platforms privileged provenance pull sbom secrets shm_size ssh tags target
        ulimits
        """,
    )
)
_REQUIRED: Final = {
    ("depends_on", "*"): ("condition",),
    ("deploy", "resources", "reservations", "devices", "*"): ("capabilities",),
    ("develop", "watch", "*"): ("path", "action"),
    ("provider",): ("type",),
    ("ulimits", "*"): ("soft", "hard"),
}
"""Keys that the maps at these places of a service have."""
_EITHER: Final = {
    ("build",): ("dockerfile", "dockerfile_inline"),
    ("deploy", "resources", "reservations", "devices", "*"): ("count", "device_ids"),
    ("gpus", "*"): ("count", "device_ids"),
}
"""Keys of which the maps at these places have one."""
_MAY_BE_EMPTY: Final = frozenset(
    re.findall(
        r"\w+",
        """
        cgroup_parent command cpuset dns dns_search domainname entrypoint hostname image ipc isolation mac_address
        network_mode pid platform restart runtime stop_signal tmpfs user userns_mode uts working_dir
        """,
    )
)
_AMOUNTS: Final = frozenset({"cpus", "memory", "pids"})
_NOT_EMPTY: Final = {
    (): SERVICE_KEYS - _MAY_BE_EMPTY,
    ("deploy", "resources", "limits"): _AMOUNTS,
    ("deploy", "resources", "reservations"): _AMOUNTS,
    ("healthcheck",): frozenset({"interval", "timeout", "start_period", "start_interval", "retries"}),
    ("ports", "*"): frozenset({"host_ip", "target"}),
}
"""Keys whose value is not an empty text, by place."""
_CONTENTS: Final = {"configs": ("file", "environment", "content"), "secrets": ("file", "environment")}
_TEXT: Final = "text"
_LIST: Final = "a list"
_MAP: Final = "a map"
_SHAPES: Final[Mapping[tuple[str, ...], tuple[str, ...]]] = {
    **dict.fromkeys((("build", "context"), ("container_name",), ("image",), ("env_file", "*", "path")), (_TEXT,)),
    **dict.fromkeys((("configs", "*", "source"), ("secrets", "*", "source")), (_TEXT,)),
    **dict.fromkeys(((section, key) for section in _CONTENTS for key in _CONTENTS[section]), (_TEXT,)),
    **dict.fromkeys(((section, "name") for section in _KEYS), (_TEXT,)),
    **dict.fromkeys(((key,) for key in ("depends_on", "models", "networks")), (_LIST, _MAP)),
    **dict.fromkeys(((key,) for key in ("configs", "external_links", "links", "profiles", "secrets")), (_LIST,)),
    **dict.fromkeys(((key,) for key in ("ports", "volumes", "volumes_from", "post_start", "pre_stop")), (_LIST,)),
    **dict.fromkeys(((key,) for key in ("credential_spec", "deploy", "develop", "healthcheck", "provider")), (_MAP,)),
    ("build",): (_TEXT, _MAP),
    ("extends",): (_TEXT, _MAP),
    ("env_file",): (_TEXT, _LIST),
    ("label_file",): (_TEXT, _LIST),
}
"""What is written at these places of a service, and at those below the name of another resource."""
_OF_OTHERS: Final = ("driver", "driver_opts", "labels")
_NAME: Final = re.compile(r"[a-zA-Z0-9._-]+")
_SAME: Final = {
    "scale": "replicas",
    "cpus": "resources.limits.cpus",
    "mem_limit": "resources.limits.memory",
    "mem_reservation": "resources.reservations.memory",
    "pids_limit": "resources.limits.pids",
}
"""Keys of a service, and the paths below `deploy` that say the same."""
_NAMESPACES: Final = ("network_mode", "ipc", "pid")

Sections = Mapping[str, Mapping[str, nodes.Mapping]]


def check_keys(sections: Sections, problems: Problems) -> None:
    """Names and keys, also of services that no profile enables."""
    for section, keys in _KEYS.items():
        for name, body in sections[section].items():
            if _NAME.fullmatch(name) is None:
                hint = "write letters, digits, ., - and _"
                problems.add(body.origin, f"'{name}' is not a name", address=f"{section}.{name}", hint=hint)
            _check_words(body, keys, problems, f"{section}.{name}")
            if section != "services":
                _check_shapes(body, (section,), problems, f"{section}.{name}")
    for name, body in sections["services"].items():
        build = body.get("build")
        if isinstance(build, nodes.Mapping):
            _check_words(build, _BUILD, problems, f"services.{name}.build")
        _check_maps(body, (), problems, f"services.{name}")


def _check_words(body: nodes.Mapping, known: frozenset[str], problems: Problems, address: str) -> None:
    for key, _ in body.entries:
        if key.value not in known:
            hint = did_you_mean(str(key.value), known)
            problems.add(key.origin, f"unknown key '{key.value}'", address=address, hint=hint)


def _check_shapes(body: nodes.Mapping, path: tuple[str, ...], problems: Problems, address: str) -> None:
    for key, value in body.entries:
        shapes = _SHAPES.get((*path, str(key.value)))
        found = _shape(value)
        if shapes is not None and found and found not in shapes:
            summary = f"expected {' or '.join(shapes)}, got {found}"
            problems.add(nodes.place(value), summary, address=f"{address}.{key.value}")


def _shape(node: Node) -> str:
    """ "" for nothing."""
    match node:
        case nodes.Sequence():
            return _LIST
        case nodes.Mapping():
            return _MAP
        case nodes.Scalar(value=None):
            return ""
        case nodes.Scalar(value=str()):
            return _TEXT
        case nodes.Scalar(value=bool()):
            return "true or false"
        case _:
            return "a number"


def _check_maps(node: Node, path: tuple[str, ...], problems: Problems, address: str) -> None:
    """What must be written, and what only one of can be."""
    if isinstance(node, nodes.Sequence):
        for number, item in enumerate(node):
            _check_maps(item, (*path, "*"), problems, f"{address}[{number}]")
    if not isinstance(node, nodes.Mapping):
        return
    _check_shapes(node, path, problems, address)
    for key in _REQUIRED.get(path, ()):
        if node.get(key) is None:
            problems.add(nodes.place(node), f"'{key}' is missing", address=address)
    for name, value in node.entries:
        if str(name.value) in _NOT_EMPTY.get(path, ()) and isinstance(value, nodes.Scalar) and value.value == "":
            where = f"{address}.{name.value}"
            problems.add(nodes.place(value), "is empty", address=where, hint="write a value, or leave out the key")
    given = [key for key in _EITHER.get(path, ()) if node.get(key) is not None]
    if len(given) > 1:
        hint = f"write {' or '.join(given)}"
        problems.add(nodes.place(node), f"{' and '.join(given)} exclude each other", address=address, hint=hint)
    for name, value in node.entries:
        keys = ("*",) if path in (("depends_on",), ("ulimits",)) else (str(name.value),)
        _check_maps(value, (*path, *keys), problems, f"{address}.{name.value}")


def check_project(sections: Sections, models: Mapping[str, Node], problems: Problems) -> None:
    """The enabled services, and what they refer to."""
    named: dict[str, str] = {}
    for name, body in sections["services"].items():
        address = f"services.{name}"
        _check_models(body, models, problems, address)
        _check_deploy(body, problems, address)
        _check_platforms(body, problems, address)
        own = _text(body, "container_name")
        if own and (first := named.setdefault(own, name)) != name:
            at = body.get("container_name") or body
            problems.add(at.origin, f"service {first} has this name too", address=f"{address}.container_name")
    for section in _CONTENTS:
        for name, body in sections[section].items():
            _check_content(section, name, body, problems)
    for section in ("networks", "volumes", *_CONTENTS):
        for name, body in sections[section].items():
            _check_external(section, name, body, problems)
    _check_cycles(sections["services"], problems)


def _check_models(body: nodes.Mapping, models: Mapping[str, Node], problems: Problems, address: str) -> None:
    for item in _names(body.get("models")):
        if item.value not in models:
            hint = did_you_mean(str(item.value), models)
            problems.add(item.origin, f"no model '{item.value}'", address=f"{address}.models", hint=hint)


def _check_platforms(body: nodes.Mapping, problems: Problems, address: str) -> None:
    built, own = _below(body.get("build"), "platforms"), _text(body, "platform")
    if own and isinstance(built, nodes.Sequence) and own not in {item.value for item in _names(built)}:
        problems.add(
            built.origin, f"is without {own}, the platform of the service", address=f"{address}.build.platforms"
        )


def _check_deploy(body: nodes.Mapping, problems: Problems, address: str) -> None:
    """What is written twice has one value."""
    for key, path in _SAME.items():
        own, other = body.get(key), _below(body.get("deploy"), path)
        if own is None or other is None or _amount(own) == _amount(other):
            continue
        hint = f"write {key} or deploy.{path}"
        problems.add(own.origin, f"differs from deploy.{path}", address=f"{address}.{key}", hint=hint)


def _amount(node: Node) -> float | str:
    text = str(nodes.to_plain(node))
    for parse in (float, size.parse):
        try:
            return parse(text)
        except ValueError:
            continue
    return text


def _below(node: Node | None, path: str) -> Node | None:
    for key in path.split("."):
        node = node.get(key) if isinstance(node, nodes.Mapping) else None
    return node


def _check_content(section: str, name: str, body: nodes.Mapping, problems: Problems) -> None:
    sources = [key for key in _CONTENTS[section] if body.get(key) is not None]
    hint = f"write {' or '.join(_CONTENTS[section])}"
    if len(sources) > 1:
        summary = f"{' and '.join(sources)} exclude each other"
        problems.add(body.origin, summary, address=f"{section}.{name}", hint=hint)
    elif not sources and body.get("external") is None and (section == "secrets" or body.get("driver") is None):
        problems.add(body.origin, "has no content", address=f"{section}.{name}", hint=hint)


def _check_external(section: str, name: str, body: nodes.Mapping, problems: Problems) -> None:
    """What exists already has its name once, and an external volume has all its properties."""
    external, named = body.get("external"), body.get("name")
    inner = external.get("name") if isinstance(external, nodes.Mapping) else None
    if named is not None and inner is not None:
        hint = "write external: true, and name"
        problems.add(inner.origin, "name and external.name exclude each other", address=f"{section}.{name}", hint=hint)
    if section == "volumes" and external is not None and nodes.to_plain(external) not in (False, "false"):
        for key in _OF_OTHERS:
            if (value := body.get(key)) is not None:
                summary = f"an external volume has its own {key}"
                problems.add(value.origin, summary, address=f"{section}.{name}.{key}", hint="remove it")


def _check_cycles(services: Mapping[str, nodes.Mapping], problems: Problems) -> None:
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...], at: Node) -> None:
        if name in path:
            cycle = (*path[path.index(name) :], name)
            problems.add(at.origin, f"depends on itself: {' → '.join(cycle)}", address=f"services.{path[-1]}")
        elif name in services and name not in done:
            for item, other in _dependencies(services[name]):
                visit(other, (*path, name), item)
            done.add(name)

    for name, body in services.items():
        visit(name, (), body)


def _dependencies(body: nodes.Mapping) -> Iterator[tuple[Node, str]]:
    """The services that one needs, and where it says so."""
    for item in _names(body.get("depends_on")):
        yield item, str(item.value)
    for item in (*_names(body.get("links")), *_names(body.get("volumes_from"))):
        yield item, str(item.value).partition(":")[0]
    for key in _NAMESPACES:
        kind, _, name = _text(body, key).partition(":")
        if kind == "service":
            yield body.get(key) or body, name


def _names(node: Node | None) -> Iterator[nodes.Scalar]:
    """The items of a list, or the keys of a map."""
    if isinstance(node, nodes.Mapping):
        yield from (key for key, _ in node.entries)
    elif isinstance(node, nodes.Sequence):
        yield from (item for item in node if isinstance(item, nodes.Scalar))


def _text(body: nodes.Mapping, key: str) -> str:
    found = body.get(key)
    return str(found.value) if isinstance(found, nodes.Scalar) and found.value is not None else ""
