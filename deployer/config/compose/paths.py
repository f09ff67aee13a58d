"""Names of files in a Compose file: relative to the folder of their project, or of the file that is extended."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Final

from msgspec.structs import replace

from deployer import nodes
from deployer.nodes import Node

Path = tuple[str, ...]

_FILES: Final = frozenset(
    tuple(key.split("."))
    for key in (
        *("include.*", "include.*.path", "include.*.path.*", "include.*.env_file", "include.*.env_file.*"),
        *("include.*.project_directory", "services.*.env_file", "services.*.env_file.*", "services.*.env_file.*.path"),
        *("services.*.label_file", "services.*.label_file.*", "services.*.extends.file"),
        *("configs.*.file", "secrets.*.file"),
    )
)
_FOLDERS: Final = frozenset({("services", "*", "build"), ("services", "*", "build", "context")})
"""Without a name, that of the project."""
_MOUNT: Final = ("services", "*", "volumes", "*")
_VOLUME: Final = ("volumes", "*", "driver_opts")
_REMOTE: Final = re.compile(r"[\w+.-]+://|git@|github\.com/|service:")


def with_paths(node: Node, folder: str, path: Path = ()) -> Node:
    """The document with files as they are found from here, and sources of bind mounts as absolute paths."""
    match node:
        case nodes.Scalar(value=str() as text) if path in _FOLDERS or (path in _FILES and text):
            return replace(node, value=_joined(folder, text))
        case nodes.Scalar(value=str() as text) if path == _MOUNT:
            source, colon, rest = text.partition(":")
            return replace(node, value=_absolute(folder, source) + colon + rest if colon else text)
        case nodes.Mapping() if path == _MOUNT and _text(node, "type") == "bind":
            return _with(node, "source", lambda text: _absolute(folder, text, is_bind=True))
        case nodes.Mapping() if path == _VOLUME and "bind" in _text(node, "o").split(","):
            return _with(node, "device", lambda text: _absolute(folder, text, is_bind=True))
        case nodes.Sequence():
            return replace(node, items=tuple(with_paths(item, folder, (*path, "*")) for item in node))
        case nodes.Mapping():
            entries = tuple(
                (key, with_paths(value, folder, (*path, "*" if len(path) == 1 else str(key.value))))
                for key, value in node.entries
            )
            return replace(node, entries=entries)
        case _:
            return node


def is_remote(name: str) -> bool:
    """Whether it is not a file or a folder of this machine."""
    return _REMOTE.match(name) is not None


def _joined(folder: str, name: str) -> str:
    return name if is_remote(name) else os.path.normpath(os.path.join(folder, os.path.expanduser(name)))  # noqa: PTH111, PTH118


def _absolute(folder: str, source: str, *, is_bind: bool = False) -> str:
    """A path on the host; a volume's name is kept."""
    return os.path.abspath(_joined(folder, source)) if is_bind or source.startswith((".", "~")) else source  # noqa: PTH100


def _text(node: nodes.Mapping, key: str) -> str:
    found = node.get(key)
    return str(found.value) if isinstance(found, nodes.Scalar) else ""


def _with(node: nodes.Mapping, key: str, change: Callable[[str], str]) -> nodes.Mapping:
    entries = tuple(
        (name, replace(value, value=change(str(value.value))))
        if name.value == key and isinstance(value, nodes.Scalar) and value.value is not None
        else (name, value)
        for name, value in node.entries
    )
    return replace(node, entries=entries)
