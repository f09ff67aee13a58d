"""Copies files between this machine and containers of several hosts, as `docker cp` does with one."""

from __future__ import annotations

import contextlib
import posixpath
import re
import tarfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from deployer.engine.tar_walk import open_pieces, whole
from deployer.errors import DeployerError, EngineError, ResourceError, UnreachableError, boundary
from deployer.interfaces import Engine
from deployer.model.plan import Unreachable
from deployer.usecases.fleet import Fleet
from deployer.usecases.inspect_hosts import Row
from deployer.usecases.tarred import Unpacked, pack, renamed, unpack

_PLACE: Final = re.compile(r"(?P<pattern>[^/]+)/(?P<name>[^/:]+):(?P<path>.+)", re.DOTALL)
_LOCAL: Final = ("/", "./", "../", "~")
_LINKS: Final = 20
_CONTENTS: Final = "/."


class Place(Struct, frozen=True):
    """`HOSTS/CONTAINER:PATH`."""

    pattern: str
    name: str
    path: str


class Copied(Struct, frozen=True):
    """One container. `size`: bytes of the files, or of the archive where that is what is copied."""

    row: Row
    size: int = 0
    left_out: int = 0
    error: str = ""
    hint: str = ""
    lost: bool = False


def place_of(text: str) -> Place | None:
    """None for a path of this machine. A relative path in a container is one from its root."""
    found = None if text.startswith(_LOCAL) else _PLACE.fullmatch(text)
    if found is None:
        return None
    path = found["path"]
    return Place(found["pattern"], found["name"], path if path.startswith("/") else f"/{path}")


def each(fleet: Fleet, rows: Sequence[Row], work: Callable[[Engine, Row], Copied]) -> list[Copied]:
    """All hosts at once, the containers of a host one after the other; in the order of the rows."""

    def one(row: Row, engine: Engine) -> Copied:
        try:
            with boundary():
                return work(engine, row)
        except DeployerError as error:
            return Copied(row, error=error.message, hint=error.hint, lost=isinstance(error, UnreachableError))

    hosts = dict.fromkeys(row.host for row in rows)
    found = fleet.each(hosts, lambda host, engine: [one(row, engine) for row in rows if row.host == host])
    done = []
    for row in rows:
        answer = found[row.host]
        if isinstance(answer, Unreachable):
            done.append(Copied(row, error=answer.message, hint=answer.hint, lost=True))
        else:
            done += [copied for copied in answer if copied.row is row]
    return done


def send(engine: Engine, row: Row, source: str, path: str, *, keep_owners: bool) -> Copied:
    """A file or folder of this machine into a container. Raises `DeployerError`."""
    contents, local = source.endswith(_CONTENTS), Path(source).resolve()
    base = local.name if Path(source).name in ("", "..") else Path(source).name
    if not local.exists():
        raise ResourceError(f"{source}: there is no such file or folder")
    is_folder = local.is_dir()
    folder, name = _landing(engine, row, path, base, is_folder=is_folder, contents=contents)
    sizes: list[int] = []
    _put(engine, row, folder, pack(local, name, keep_owners=keep_owners, tell=sizes.append))
    return Copied(row, sum(sizes))


def send_archive(engine: Engine, row: Row, archive: Iterable[bytes], path: str) -> Copied:
    """A tar archive is unpacked into a folder of a container."""
    counted = _Counted(archive)
    _put(engine, row, path, counted)
    return Copied(row, counted.size)


def receive(engine: Engine, row: Row, path: str, target: Path, *, keep_owners: bool, make: bool = False) -> Copied:
    """A file or folder of a container to `target`, or into it if it is a folder; `make`: it is made one. Raises
    `DeployerError`."""
    contents = path.endswith(_CONTENTS)
    wanted = posixpath.normpath(path)
    with _read(engine, row, wanted) as pieces:
        if make:
            target.mkdir(parents=True, exist_ok=True)
        if target.is_dir() and not contents:
            target = target / (posixpath.basename(wanted) or row.name)
        if not target.parent.is_dir():
            raise ResourceError(f"{target.parent}: there is no such folder")
        found: Unpacked = unpack(pieces, target, keep_owners=keep_owners)
    return Copied(row, found.size, found.left_out)


def receive_archive(engine: Engine, row: Row, path: str, write: Callable[[bytes], object]) -> Copied:
    size = 0
    with _read(engine, row, posixpath.normpath(path)) as pieces:
        for piece in pieces:
            write(piece)
            size += len(piece)
    return Copied(row, size)


def transfer(origin: Engine, source: Row, path: str, engine: Engine, row: Row, to: str, *, keep_owners: bool) -> Copied:
    """A file or folder of one container into another one, as it comes. Raises `DeployerError`."""
    wanted, sizes = posixpath.normpath(path), list[int]()
    with _read(origin, source, wanted) as pieces, open_pieces(whole(pieces)) as tar:
        first = tar.next()
        if first is None:
            raise ResourceError(f"{source.host} sent nothing of {wanted}")
        base, is_folder = posixpath.basename(wanted) or source.name, first.isdir()
        folder, name = _landing(engine, row, to, base, is_folder=is_folder, contents=path.endswith(_CONTENTS))
        _put(engine, row, folder, renamed(tar, first, name, keep_owners=keep_owners, tell=sizes.append))
    return Copied(row, sum(sizes))


class _Counted:
    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.size += len(piece)
            yield piece


def _put(engine: Engine, row: Row, folder: str, pieces: Iterable[bytes]) -> None:
    try:
        engine.put_archive(row.id, folder, pieces)
    except EngineError as error:
        if error.not_found:
            raise ResourceError(f"the container has no folder {folder}") from error
        raise


@contextlib.contextmanager
def _read(engine: Engine, row: Row, path: str) -> Iterator[Iterator[bytes]]:
    with contextlib.ExitStack() as stack:
        try:
            pieces = stack.enter_context(engine.get_archive(row.id, path))
        except EngineError as error:
            if error.not_found:
                raise ResourceError(f"the container has no file or folder {path}") from error
            raise
        yield pieces


def _landing(engine: Engine, row: Row, path: str, base: str, *, is_folder: bool, contents: bool) -> tuple[str, str]:
    """The folder to unpack in, and the name there, as `docker cp` chooses them."""
    wanted, target = posixpath.normpath(path), _kind(engine, row, posixpath.normpath(path))
    if target is not None and target[1].isdir():
        return target[0], "" if contents and is_folder else base
    if target is not None and is_folder:
        raise ResourceError(f"{wanted} in the container is no folder")
    if path.endswith("/") and not is_folder:
        raise ResourceError(f"the container has no folder {wanted}")
    place = wanted if target is None else target[0]
    return posixpath.dirname(place), posixpath.basename(place)


def _kind(engine: Engine, row: Row, path: str) -> tuple[str, tarfile.TarInfo] | None:
    """Where a path leads in a container, and what is there; None for nothing."""
    for _ in range(_LINKS):
        try:
            with engine.get_archive(row.id, path) as pieces, open_pieces(pieces) as tar:
                found = tar.next()
        except EngineError as error:
            if error.not_found:
                return None
            raise
        if found is None or not found.issym():
            return None if found is None else (path, found)
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), found.linkname))
    raise ResourceError(f"too many links at {path} in the container")
