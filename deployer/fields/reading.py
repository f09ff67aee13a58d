"""The position at which a value is read, and what is reported there."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from deployer import nodes
from deployer.diagnostics import Origin, Problems
from deployer.nodes import Node, has_template


class Invalid:
    """The type of `INVALID`."""

    def __repr__(self) -> str:
        return "INVALID"


HIDDEN: Final = "***"
INVALID: Final = Invalid()
"""The result of a shape after it reported an error, or for a template without a value yet."""


class Reading(Struct, frozen=True):
    """The position at which a value is read. `address` is for messages (`containers.web.ports[0]`), `path` for diffs
    (("environment", "MODE")). `origins` receives the origin of every path, `secrets` the paths whose values are secret
    in part or whole. `static`: templates have no value yet and are skipped. `spelt`: the addresses of paths that the
    user wrote with another spelling."""

    problems: Problems
    address: str
    path: tuple[str, ...] = ()
    origins: dict[tuple[str, ...], Origin] = field(default_factory=dict)
    static: bool = False
    secrets: set[tuple[str, ...]] = field(default_factory=set)
    spelt: dict[tuple[str, ...], str] = field(default_factory=dict)

    def child(self, key: str, *, hidden: bool = False) -> Reading:
        """`hidden`: the key is not shown in messages."""
        path = (*self.path, key)
        address = self.spelt.get(path) or f"{self.address}.{HIDDEN if hidden else key}"
        return replace(self, address=address, path=path)

    def spell(self, written: str, *path: str) -> None:
        """Records that the user wrote this key for the path."""
        self.spelt[(*self.path, *path)] = f"{self.address}.{written}"

    def item(self, index: int) -> Reading:
        """Items have the path of their list, and their own spellings."""
        return replace(self, address=f"{self.address}[{index}]", spelt={})

    def at(self, node: Node) -> None:
        """Records the origin of the value at this path, and whether it is secret."""
        self.origins[self.path] = nodes.place(node)
        if isinstance(node, nodes.Scalar) and node.secret:
            self.secrets.add(self.path)

    def at_whole(self, node: Node) -> None:
        """The same for a single value that may be written in several parts."""
        self.origins[self.path] = nodes.place(node)
        if nodes.is_secret(node):
            self.secrets.add(self.path)

    def wrong(self, node: Node, summary: str, *, hint: str = "") -> Invalid:
        self.problems.add(nodes.place(node), hide(summary, node), address=self.address, hint=hint)
        return INVALID

    def passes(self, node: Node) -> bool:
        """Whether this is a template to skip."""
        return self.static and isinstance(node, nodes.Scalar) and has_template(node)


def hide(text: str, node: Node) -> str:
    """The text without the node's secrets."""
    for secret in sorted(filter(None, nodes.secret_texts(node)), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
