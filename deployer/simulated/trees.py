"""Trees of files by absolute path, and tar archives. Besides the usual system directories, a tree has only what was
written to it."""

from __future__ import annotations

import base64
import io
import posixpath
import tarfile
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from deployer.simulated.state import Record

Tree: TypeAlias = dict[str, Record]
"""Entries: the attributes of `tarfile.TarInfo` in `_KEPT`, and `data` in base64."""

CHUNK: Final = 65536
_KEPT: Final = ("type", "mode", "uid", "gid", "mtime", "linkname")
_FOLDERS: Final = frozenset(
    f"/{name}" for name in ("", "bin", "dev", "etc", "home", "opt", "root", "run", "srv", "tmp", "usr", "var")
)


def normal(path: str) -> str:
    """Absolute, without `.`, `..` and double slashes."""
    return posixpath.normpath(f"/{path}").replace("//", "/")


def entry(kind: bytes, data: bytes = b"", **attributes: Any) -> Record:
    """`kind` is a type from `tarfile`."""
    found = tarfile.TarInfo()
    found.type = kind
    for name, value in attributes.items():
        setattr(found, name, value)
    return _record(found, data)


def is_folder(tree: Tree, path: str) -> bool:
    found = tree.get(path)
    if found is not None:
        return bool(found["type"] == tarfile.DIRTYPE.decode())
    return path in _FOLDERS or any(each.startswith(f"{path}/") for each in tree)


def data_of(found: Record) -> bytes:
    return base64.b64decode(found["data"])


def below(tree: Tree, folder: str) -> Iterator[str]:
    """All paths below a folder, sorted."""
    prefix = folder.rstrip("/") + "/"
    return iter(sorted(path for path in tree if path.startswith(prefix) and path != prefix))


def unpack(archive: bytes) -> list[tuple[str, Record]]:
    """The entries of a tar archive by relative name; raises `tarfile.TarError`."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        found = []
        for member in tar:
            content = tar.extractfile(member) if member.isfile() or member.islnk() else None
            found.append((member.name, _record(member, content.read() if content is not None else b"")))
        return found


def pack(entries: list[tuple[str, Record]]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, found in entries:
            member, data = tarfile.TarInfo(name), data_of(found)
            for key in _KEPT:
                setattr(member, key, found[key])
            member.type, member.size = found["type"].encode(), len(data)
            tar.addfile(member, io.BytesIO(data))
    return target.getvalue()


def pieces(data: bytes) -> Iterator[bytes]:
    return (data[start : start + CHUNK] for start in range(0, len(data), CHUNK))


def _record(member: tarfile.TarInfo, data: bytes) -> Record:
    """A hard link becomes a regular file."""
    kept = {name: getattr(member, name) for name in _KEPT}
    kind = tarfile.REGTYPE if member.isfile() or member.islnk() else member.type
    return kept | {"type": kind.decode(), "mtime": int(member.mtime), "data": base64.b64encode(data).decode()}
