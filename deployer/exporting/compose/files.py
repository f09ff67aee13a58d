"""Keys of a Compose service that name files: env files, label files, configs, secrets, and contexts of builds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from deployer import nodes
from deployer.config.compose.paths import is_remote
from deployer.config.compose.project import Project
from deployer.config.variables.env_file import EnvFile, Environment, read_env_file
from deployer.config.vault import VaultSecrets
from deployer.diagnostics import Problems
from deployer.exporting.compose.service import Entries, Service, items_of, text_of
from deployer.fields import advice
from deployer.nodes import Node


def env_file(service: Service, key: str, node: Node) -> Entries:
    """Files are kept as files. Of those that use variables of a `.env` file, which a playbook does not read, the values
    are written."""
    kept, written, earlier = [], dict[str, Node](), dict[str, str]()
    for item in node.items if isinstance(node, nodes.Sequence) else (node,):
        path = item.get("path") if isinstance(item, nodes.Mapping) else item
        if not isinstance(path, nodes.Scalar):
            kept.append(item)
            continue
        text = str(path.value)
        if not text:
            service.problems.add(path.origin, "is empty", address=service.address(key), hint="name a file")
            continue
        if _is_optional(item) and not Path(text).exists():
            continue
        one, other = (_read(service, item, text, environ, earlier) for environ in (service.project.environ, os.environ))
        earlier |= one.values
        if one.values == other.values and not written:
            kept.append(_with_path(item, replace(path, value=relative(text, service.folder))))
        else:
            written |= {name: nodes.Scalar(value, one.places[name]) for name, value in one.values.items()}
    if kept:
        yield key, nodes.Sequence(tuple(kept), node.origin)
    if written:
        entries = tuple((nodes.Scalar(name, value.origin), value) for name, value in written.items())
        yield "environment", nodes.Mapping(entries, node.origin)


def _read(service: Service, item: Node, path: str, environ: Mapping[str, str], earlier: Mapping[str, str]) -> EnvFile:
    form = item.get("format") if isinstance(item, nodes.Mapping) else None
    problems = service.problems if environ is not os.environ else Problems()
    return read_env_file(
        Path(path),
        item.origin,
        raw=form is not None,
        problems=problems,
        vault=VaultSecrets(),
        environment=Environment(environ, earlier),
    )


def _is_optional(item: Node) -> bool:
    required = item.get("required") if isinstance(item, nodes.Mapping) else None
    return required is not None and nodes.to_plain(required) in (False, "false")


def _with_path(item: Node, path: nodes.Scalar) -> Node:
    if not isinstance(item, nodes.Mapping):
        return path
    return replace(item, entries=tuple((key, path if key.value == "path" else value) for key, value in item.entries))


def relative(path: str, folder: str) -> str:
    """Within the folder of the playbook relative to it, elsewhere absolute."""
    found = os.path.relpath(path, folder)
    return os.path.abspath(path) if found.startswith("..") else found  # noqa: PTH100


def label_file(service: Service, key: str, node: Node) -> Entries:
    found: dict[str, tuple[nodes.Scalar, Node]] = {}
    for item in node.items if isinstance(node, nodes.Sequence) else (node,):
        read = _read(service, item, text_of(item), service.project.environ, {})
        for name, value in read.values.items():
            found[name] = nodes.Scalar(name, read.places[name]), nodes.Scalar(value, read.places[name])
    yield "labels", nodes.Mapping(tuple(found.values()), node.origin)


def mounted_files(service: Service, key: str, node: Node) -> Entries:
    """A config or secret of a file is a read-only bind mount, as in Compose; one with content is delivered."""
    mounts, delivered = list[Node](), list[Node]()
    for item in items_of(node):
        source = item.get("source") if isinstance(item, nodes.Mapping) else item
        name = text_of(source or item)
        known = service.project.sections[key]
        if name not in known:
            service.undefined(item, key, key.removesuffix("s"), name, known)
        elif (file := known[name].get("file")) is not None:
            mounts.append(nodes.from_plain(_bind(key, name, item, text_of(file)), item.origin))
        elif content_of(service.project, key, name) is not None:
            delivered.append(nodes.from_plain(_readable(item, name), item.origin))
        else:
            hint = f"declare it under {key} of the play, with file, content or environment"
            service.left_out(item, key, f"{key.removesuffix('s')} {name} is external or not set", hint)
    if mounts:
        yield "volumes", nodes.Sequence(tuple(mounts), node.origin)
    if delivered:
        yield key, nodes.Sequence(tuple(delivered), node.origin)


def names_in(body: nodes.Mapping, key: str) -> Iterator[str]:
    """The configs or secrets that a service or its build names."""
    built = body.get("build")
    for holder in (body, built) if isinstance(built, nodes.Mapping) else (body,):
        for item in items_of(holder.get(key) or body):
            source = item.get("source") if isinstance(item, nodes.Mapping) else item
            yield text_of(source or item)


def content_of(project: Project, key: str, name: str) -> str | None:
    """The content of a config or secret that is not a file."""
    found = project.sections[key][name]
    if (variable := found.get("environment")) is not None:
        return project.environ.get(text_of(variable), project.included.get(variable.origin))
    content = found.get("content")
    return text_of(content) if content is not None else None


def _readable(item: Node, name: str) -> dict[str, Any]:
    """With the mode that Compose gives."""
    written = nodes.to_plain(item) if isinstance(item, nodes.Mapping) else {"source": name}
    assert isinstance(written, dict)
    mode = written.get("mode", 0o444)
    return written | {"mode": f"{mode:04o}" if isinstance(mode, int) else mode}


def _bind(key: str, name: str, item: Node, file: str) -> dict[str, Any]:
    wished = item.get("target") if isinstance(item, nodes.Mapping) else None
    target = text_of(wished) if wished is not None else name
    if not target.startswith("/"):
        target = f"/run/secrets/{target}" if key == "secrets" else f"/{target}"
    bind = {"type": "bind", "source": os.path.abspath(file), "target": target, "read_only": True}  # noqa: PTH100
    return bind | {"bind": {"create_host_path": False}}


def build(service: Service, key: str, node: Node) -> Entries:
    """The folder and its files as they are found from the playbook. What a build cannot use is left out."""
    keys = dict(node.items()) if isinstance(node, nodes.Mapping) else {"context": node}
    context = text_of(keys.get("context") or node)
    if is_remote(context):
        image = service.body.get("image")
        hint = "clone it and name the folder, or build the image elsewhere"
        service.left_out(node, key, f"{text_of(image) if image else service.image} is not built from {context}", hint)
        return
    found: dict[str, Node] = {}
    for name, value in keys.items():
        if name in advice.BUILD:
            service.left_out(value, f"{key}.{name}", "a build has no such key", advice.BUILD[name])
        elif name == "platforms":
            hint = "declare it under images with platforms, on: controller and push: true; or write platform"
            service.left_out(value, f"{key}.{name}", "a host builds for its own platform", hint)
        elif name == "secrets":
            found[name] = _build_secrets(service, value)
        elif name == "args" and isinstance(value, nodes.Mapping):
            found[name] = _without_unset(service.given(value))
        elif text_of(value):
            found[name] = value
    folder = nodes.Scalar(relative(context, service.folder), node.origin)
    entries = ((nodes.Scalar(name, value.origin), value) for name, value in (found | {"context": folder}).items())
    yield key, folder if found.keys() <= {"context"} else nodes.Mapping(tuple(entries), node.origin)


def _without_unset(pairs: nodes.Mapping) -> nodes.Mapping:
    """An argument that has no value is not passed."""
    return replace(pairs, entries=tuple(entry for entry in pairs.entries if nodes.to_plain(entry[1]) is not None))


def _build_secrets(service: Service, node: Node) -> nodes.Mapping:
    """Where each comes from, by the id under which a Dockerfile mounts it."""
    found: dict[str, Any] = {}
    for item in items_of(node):
        named = item.get("source") if isinstance(item, nodes.Mapping) else item
        target = item.get("target") if isinstance(item, nodes.Mapping) else None
        name = text_of(named or item)
        secret = service.project.sections["secrets"].get(name)
        if secret is None:
            service.undefined(item, "build.secrets", "secret", name, service.project.sections["secrets"])
        else:
            word = next((word for word in ("file", "environment") if secret.get(word) is not None), "")
            if not word:
                hint = "write a file or a variable of this machine in the playbook"
                service.left_out(item, "build.secrets", f"secret {name} is external", hint)
                continue
            source = text_of(secret.get(word) or secret)
            found[text_of(target or item) if target else name] = {
                word: relative(source, service.folder) if word == "file" else source
            }
    made = nodes.from_plain(found, node.origin)
    assert isinstance(made, nodes.Mapping)
    return made
