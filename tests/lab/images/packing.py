"""Turning file trees into image layers: deterministic gzipped tar archives, kept in the cache.

A tree is the upper folder of an overlay, so what it deletes below is a character device 0:0, which a layer spells as
an empty file `.wh.NAME`.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from tests.lab.layers import Layer
from tests.lab.settings import CACHE

PACKED = CACHE / "packed"
# Raise it when the same tree would be packed differently.
FORMAT = 1
# What images do without; the engine itself writes the three files in etc.
_EMPTY_FOLDERS = ("dev", "proc", "sys", "run", "tmp", "var/cache", "var/log", "var/lib/apt/lists")
_LEFT_OUT = (
    *_EMPTY_FOLDERS,
    *("usr/share/doc", "usr/share/man", "usr/share/info", "usr/share/locale", "usr/share/lintian"),
    *("usr/sbin/policy-rc.d", "etc/resolv.conf", "etc/hosts", "etc/hostname"),
)
# The time of every file and image: archives of the same tree are the same.
EPOCH = 1_704_067_200


@dataclass(frozen=True, slots=True)
class PackedLayer:
    """A layer as a registry stores it: digest of the gzipped archive, digest of the archive itself, and the bytes."""

    digest: str
    diff_id: str
    size: int
    content: Path | bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a layer made in memory: a file, or a symbolic link, or (with neither) a folder."""

    content: bytes | None = None
    link: str = ""
    mode: int = 0o755
    owner: int = 0


def folder(layer: Layer) -> Path:
    """Where the archive of a layer lies once packed."""
    return PACKED / f"{layer.name}-{layer.key}-{FORMAT}"


def packed(layer: Layer) -> PackedLayer:
    """The archive of a built layer, packed at the first call."""
    target = folder(layer)
    if not target.is_dir():
        work = PACKED / f".packing-{target.name}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        with (work / "layer.tar.gz").open("wb") as output:
            facts = _pack(output, _tree_members(layer.folder))
        (work / "layer.json").write_text(json.dumps(facts._asdict()))
        work.rename(target)
    facts = _Facts(**json.loads((target / "layer.json").read_text()))
    return PackedLayer(*facts, target / "layer.tar.gz")


def packed_files(entries: Mapping[str, Entry]) -> PackedLayer:
    """A layer made of the given paths."""
    buffer = io.BytesIO()
    facts = _pack(buffer, _entry_members(entries))
    return PackedLayer(*facts, buffer.getvalue())


class _Facts(NamedTuple):
    digest: str
    diff_id: str
    size: int


Member = tuple[tarfile.TarInfo, Path | bytes | None]


class _Digesting(io.RawIOBase):
    """Writes through, and knows the SHA-256 and the size of what went through."""

    def __init__(self, target: IO[bytes]) -> None:
        self._target = target
        self._hash = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._hash.update(data)
        self.size += len(data)
        return self._target.write(data)

    @property
    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def _pack(output: IO[bytes], members: Iterator[Member]) -> _Facts:
    outer = _Digesting(output)
    with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=outer, mtime=0) as zipped:
        inner = _Digesting(zipped)  # type: ignore[arg-type]
        with tarfile.open(fileobj=inner, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for info, content in members:
                if isinstance(content, Path):
                    with content.open("rb") as data:
                        archive.addfile(info, data)
                else:
                    archive.addfile(info, io.BytesIO(content) if content is not None else None)
    return _Facts(outer.digest, inner.digest, outer.size)


def _entry_members(entries: Mapping[str, Entry]) -> Iterator[Member]:
    for name, entry in sorted(entries.items()):
        info = _info(name, entry.mode)
        info.uid = info.gid = entry.owner
        if entry.link:
            info.type, info.linkname = tarfile.SYMTYPE, entry.link
        elif entry.content is None:
            info.type = tarfile.DIRTYPE
        else:
            info.size = len(entry.content)
        yield info, entry.content


def _tree_members(root: Path) -> Iterator[Member]:
    for place, names, files in os.walk(root):
        names.sort()
        for name in sorted(names + files):
            path = Path(place, name)
            relative = str(path.relative_to(root))
            if relative in _LEFT_OUT:
                if name in names:
                    names.remove(name)
                if relative in _EMPTY_FOLDERS:
                    yield _folder(relative, path), None
                continue
            yield from _member(relative, path)


def _folder(relative: str, path: Path) -> tarfile.TarInfo:
    info = _info(relative, stat.S_IMODE(path.lstat().st_mode))
    info.type = tarfile.DIRTYPE
    return info


def _member(relative: str, path: Path) -> Iterator[Member]:
    status = path.lstat()
    info = _info(relative, stat.S_IMODE(status.st_mode))
    info.uid, info.gid = status.st_uid, status.st_gid
    if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
        yield _info(str(Path(relative).with_name(f".wh.{path.name}")), 0o644), None
    elif stat.S_ISLNK(status.st_mode):
        info.type, info.linkname = tarfile.SYMTYPE, str(path.readlink())
        yield info, None
    elif stat.S_ISDIR(status.st_mode):
        info.type = tarfile.DIRTYPE
        yield info, None
        if b"trusted.overlay.opaque" in (name.encode() for name in os.listxattr(path)):
            yield _info(f"{relative}/.wh..wh..opq", 0o644), None
    elif stat.S_ISREG(status.st_mode):
        info.size = status.st_size
        yield info, path


def _info(name: str, mode: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode, info.mtime = mode, EPOCH
    return info
