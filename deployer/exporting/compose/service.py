"""One Compose service while it is translated, and what services are called in the playbook."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from deployer import nodes
from deployer.config.compose.merging import as_map
from deployer.config.compose.project import Project
from deployer.diagnostics import Problems, did_you_mean
from deployer.exporting.compose.deploy import replicas_of
from deployer.model.credentials import is_sensitive_name
from deployer.nodes import Node

_KEY: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")

Entries: TypeAlias = "Iterator[tuple[str, Node]]"
"""Keys of a container and their values."""


def text_of(node: Node) -> str:
    return str(nodes.to_plain(node))


def items_of(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, nodes.Sequence) else ()


def map_of(node: Node, key: str) -> nodes.Mapping:
    """A list of names or of `KEY=value` as a map; empty for anything else."""
    if isinstance(node, nodes.Sequence):
        return as_map(node, key)
    return node if isinstance(node, nodes.Mapping) else nodes.Mapping((), node.origin)


class Names(Struct, frozen=True):
    """What services are called in the playbook, and how many containers each has. `own`: their `container_name`."""

    project: str
    replicas: Mapping[str, int]
    own: Mapping[str, str]

    def keys(self, service: str) -> tuple[str, ...]:
        """The service's containers."""
        if self.is_keyed(service):
            return (service,)
        return tuple(self.on_host(service, number) for number in range(1, self.replicas[service] + 1))

    def is_keyed(self, service: str) -> bool:
        """Whether the service's name is the key of its container, which makes it an alias. Several have their names on
        the host as keys, and so has one whose key would be too short."""
        return self.replicas[service] == 1 and _KEY.fullmatch(service) is not None

    def on_host(self, service: str, number: int = 1) -> str:
        return self.own.get(service) or f"{self.project}-{service}-{number}"

    def key_of(self, key: str) -> str:
        """The key of a network or volume in the playbook: `default` is reserved, and one letter is too short."""
        return f"{self.project}_{key}" if key == "default" or _KEY.fullmatch(key) is None else key


def names_of(project: Project, problems: Problems) -> Names:
    services = project.sections["services"]
    counts = {name: replicas_of(name, body, problems) for name, body in services.items()}
    own = {name: text_of(node) for name, body in services.items() if (node := body.get("container_name"))}
    return Names(project.name, counts, own)


class Service(Struct, frozen=True):
    """One service being translated. `folder`: that of the playbook, from which it names files. `number`: of several
    containers, which one."""

    name: str
    body: nodes.Mapping
    project: Project
    names: Names
    problems: Problems
    folder: str
    number: int = 1

    @property
    def image(self) -> str:
        """What Compose calls an image that it builds."""
        return f"{self.project.name}-{self.name}"

    def given(self, pairs: nodes.Mapping) -> nodes.Mapping:
        """Names without a value have the caller's; without one, they keep none."""
        return replace(pairs, entries=tuple((name, self._given(name, value)) for name, value in pairs.entries))

    def _given(self, name: nodes.Scalar, value: Node) -> Node:
        found = self.project.environ.get(str(name.value))
        is_bare = isinstance(value, nodes.Scalar) and value.value is None
        return (
            nodes.Scalar(found, value.origin, is_sensitive_name(str(name.value)))
            if is_bare and found is not None
            else value
        )

    def address(self, key: str) -> str:
        return f"services.{self.name}.{key}"

    def left_out(self, node: Node, key: str, why: str, hint: str) -> None:
        self.problems.warn(nodes.place(node), f"left out: {why}", address=self.address(key), hint=hint)

    def undefined(self, node: Node, key: str, kind: str, name: str, known: Iterable[str]) -> None:
        summary, hint = f"no {kind} '{name}'", did_you_mean(name, known)
        if name in self.project.idle:
            profiles = self.project.idle[name][1]
            summary, hint = f"service '{name}' is not enabled", f"add --profile {profiles[0]}"
        self.problems.add(nodes.place(node), summary, address=self.address(key), hint=hint)

    def containers(self, node: Node, key: str, name: str) -> tuple[str, ...]:
        """The keys of a service's containers; none after reporting that there is no such service."""
        if name not in self.project.sections["services"]:
            self.undefined(node, key, "service", name, self.project.sections["services"])
            return ()
        return self.names.keys(name)
