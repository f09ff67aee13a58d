"""Files of this machine as tar archives, written and read in pieces."""

from __future__ import annotations

import contextlib
import copy
import io
import os
import tarfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Final

from msgspec import Struct

from deployer.engine.tar_walk import open_pieces
from deployer.errors import ResourceError

_CHUNK: Final = 256 * 1024
_BLOCK: Final = 512
_XATTR: Final = "SCHILY.xattr."


class Unpacked(Struct, frozen=True):
    """`left_out`: devices, sockets and links to what was not copied."""

    files: int = 0
    size: int = 0
    left_out: int = 0


def pack(
    source: Path, name: str, *, keep_owners: bool, tell: Callable[[int], object] = lambda _size: None
) -> Iterator[bytes]:
    """A file or folder under another name; "" for what is in the folder. Everything belongs to root unless owners are
    kept. `tell` gets the size of each file. Raises `ResourceError` for a file that cannot be read."""
    with tarfile.open(fileobj=io.BytesIO(), mode="w") as tar:
        for path, inside in _walk(source, name):
            with _errors_of(path):
                info = tar.gettarinfo(str(path), inside)
            if info is None:
                continue
            if not keep_owners:
                info.uid = info.gid = 0
                info.uname = info.gname = ""
            yield info.tobuf(tarfile.PAX_FORMAT)
            if info.isreg():
                tell(info.size)
                yield from _content(path, info.size)
    yield bytes(2 * _BLOCK)


def _walk(source: Path, name: str) -> Iterator[tuple[Path, str]]:
    if name:
        yield source, name
    if source.is_dir() and not (name and source.is_symlink()):
        with _errors_of(source):
            entries = sorted(os.listdir(source))  # noqa: PTH208 - names are enough
        for entry in entries:
            path, inside = source / entry, f"{name}/{entry}" if name else entry
            if path.is_symlink() or not path.is_dir():
                yield path, inside
            else:
                yield from _walk(path, inside)


def _content(path: Path, size: int) -> Iterator[bytes]:
    with _errors_of(path), path.open("rb") as file:
        yield from _exactly(file, size, str(path))


@contextlib.contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResourceError(f"{path}: {error.strerror or error}") from error


def renamed(
    tar: tarfile.TarFile, first: tarfile.TarInfo, name: str, *, keep_owners: bool, tell: Callable[[int], object]
) -> Iterator[bytes]:
    """An archive with another first part of each name; "" leaves out the folder itself. `first`: its first member,
    which was read. Everything belongs to root unless owners are kept. `tell` gets the size of each file. Raises
    `ResourceError`."""
    member: tarfile.TarInfo | None = first
    while member is not None:
        if rest := _renamed(member.name, name):
            content = tar.extractfile(member) if member.isreg() else None
            changed = copy.copy(member)
            changed.name = rest
            changed.linkname = _renamed(member.linkname, name) if member.islnk() else member.linkname
            changed.pax_headers = {key: text for key, text in member.pax_headers.items() if key.startswith(_XATTR)}
            if not keep_owners:
                changed.uid = changed.gid = 0
                changed.uname = changed.gname = ""
            yield changed.tobuf(tarfile.PAX_FORMAT)
            if content is not None:
                tell(member.size)
                yield from _exactly(content, member.size, member.name)
        # All members would be kept otherwise.
        tar.members = []  # type: ignore[attr-defined]
        member = tar.next()
    yield bytes(2 * _BLOCK)


def _renamed(path: str, name: str) -> str:
    rest = path.partition("/")[2]
    return "/".join(filter(None, (name, rest)))


def _exactly(file: IO[bytes], size: int, name: str) -> Iterator[bytes]:
    """With what fills the last block."""
    left = size
    while left and (data := file.read(min(_CHUNK, left))):
        left -= len(data)
        yield data
    if left:
        raise ResourceError(f"{name} became shorter while it was read")
    yield bytes(-size % _BLOCK)


def unpack(pieces: Iterable[bytes], target: Path, *, keep_owners: bool) -> Unpacked:
    """What is in an archive, without the first part of each name, which `target` replaces. Nothing is written outside
    of it, also not through links. Raises `ResourceError`."""
    files = size = left_out = 0
    target = target.resolve() if target.is_dir() else target
    folders: list[tuple[Path, tarfile.TarInfo]] = []
    with open_pieces(pieces) as tar, _errors_of(target):
        for member in tar:
            path = _place(target, member.name)
            _check_links(target, path)
            if path != target:
                path.parent.mkdir(parents=True, exist_ok=True)
            if member.isdir():
                path.mkdir(exist_ok=True)
                folders.append((path, member))
            elif member.isreg():
                _write(tar, member, path)
                files, size = files + 1, size + member.size
            elif not _link(member, target, path):
                left_out += 1
                continue
            _own(path, member, keep_owners=keep_owners)
        for path, member in reversed(folders):
            _finish(path, member)
    return Unpacked(files, size, left_out)


def _place(target: Path, name: str) -> Path:
    _, *parts = PurePosixPath(name).parts or ("",)
    if ".." in parts:
        raise ResourceError(f"the archive names a file outside of its folder: {name}")
    return target.joinpath(*parts)


def _check_links(target: Path, path: Path) -> None:
    for folder in path.relative_to(target).parents if path != target else ():
        if (target / folder).is_symlink():
            raise ResourceError(f"{target / folder} is a link; nothing is written through it")


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    _make_room(path)
    content = tar.extractfile(member)
    assert content is not None
    with path.open("wb") as file:
        while data := content.read(_CHUNK):
            file.write(data)
    _finish(path, member)


def _link(member: tarfile.TarInfo, target: Path, path: Path) -> bool:
    """Whether it was made: not one to a file that is not in the archive, and no device."""
    if member.issym():
        _make_room(path)
        path.symlink_to(member.linkname)
        return True
    if not member.islnk():
        return False
    other = _place(target, member.linkname)
    _check_links(target, other)
    if other.is_symlink() or not other.is_file():
        return False
    _make_room(path)
    path.hardlink_to(other)
    return True


def _make_room(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()


def _own(path: Path, member: tarfile.TarInfo, *, keep_owners: bool) -> None:
    if keep_owners:
        os.lchown(path, member.uid, member.gid)


def _finish(path: Path, member: tarfile.TarInfo) -> None:
    path.chmod(member.mode & 0o777)
    os.utime(path, (member.mtime, member.mtime))
