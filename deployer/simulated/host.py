"""A simulated host: its engine and its files, in one state."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NoReturn

from deployer.errors import FileError, NotOfferedError
from deployer.interfaces import Body, Engine, FileInfo, FileKind, Files, Login, Shell, Stream
from deployer.simulated import trees
from deployer.simulated.archives import whole
from deployer.simulated.engine import SimulatedEngine, open_simulated
from deployer.simulated.state import Record, SimulatedHost

_KINDS = {
    tarfile.REGTYPE.decode(): FileKind.FILE,
    tarfile.DIRTYPE.decode(): FileKind.DIRECTORY,
    tarfile.SYMTYPE.decode(): FileKind.LINK,
}
Access = Callable[[], AbstractContextManager[SimulatedHost]]


class SimulatedMachine:
    """`Host` in memory. It has no shell and no network."""

    gives = False

    def __init__(self, engine: SimulatedEngine) -> None:
        self._engine = engine

    def engine(self) -> Engine:
        return self._engine

    def shell(self) -> Shell:
        raise NotOfferedError("a simulated host offers no shell")

    def files(self) -> Files:
        return SimulatedFiles(self._engine.reading, self._engine.writing)

    def connect(self, address: str, port: int) -> Stream:
        raise NotOfferedError(f"a simulated host offers no stream to {address} port {port}")

    def login(self) -> Login:
        raise NotOfferedError("no login leads to a simulated host")

    def give(self, reference: str, _without: Collection[str], to: Login) -> None:
        raise NotOfferedError(f"a simulated host sends no {reference} to {to.host}")

    def close(self) -> None:
        """Nothing is open between operations."""


class SimulatedFiles:
    """`Files` of a simulated host, where everything belongs to root. `reading` and `writing` give the host for one
    operation."""

    def __init__(self, reading: Access, writing: Access) -> None:
        self._reading = reading
        self._writing = writing

    def stat(self, path: str) -> FileInfo | None:
        with self._reading() as host:
            return _info(host.state.files, trees.normal(path))

    def list(self, path: str) -> Sequence[FileInfo]:
        path = trees.normal(path)
        with self._reading() as host:
            tree = host.state.files
            if not trees.is_folder(tree, path):
                _refuse(path, "Not a directory" if path in tree else "No such file", not_found=path not in tree)
            skip = len(path.rstrip("/")) + 1
            names = dict.fromkeys(each[skip:].partition("/")[0] for each in trees.below(tree, path))
            found = (_info(tree, posixpath.join(path, name)) for name in names)
            return [info for info in found if info is not None]

    @contextmanager
    def read(self, path: str, start: int = 0) -> Iterator[Iterator[bytes]]:
        path = trees.normal(path)
        with self._reading() as host:
            entry = host.state.files.get(path)
            if entry is None:
                _refuse(path, "No such file", not_found=True)
            data = trees.data_of(entry)
        yield trees.pieces(data[start:])

    def write(self, path: str, content: Body, *, mode: int) -> None:
        data = whole(content)
        self._put(path, trees.entry(tarfile.REGTYPE, data, mode=mode))

    def make_directory(self, path: str, *, mode: int) -> None:
        with self._reading() as host:
            if _info(host.state.files, trees.normal(path)) is not None:
                _refuse(path, "File exists")
        self._put(path, trees.entry(tarfile.DIRTYPE, mode=mode))

    def remove_directory(self, path: str) -> None:
        if self.list(path):
            _refuse(path, "Directory not empty")
        self.remove(path)

    def rename(self, path: str, to: str) -> None:
        path, to = trees.normal(path), trees.normal(to)
        with self._writing() as host:
            if path not in host.state.files:
                _refuse(path, "No such file", not_found=True)
            host.state.files[to] = host.state.files.pop(path)

    def set_attributes(self, path: str, *, mode: int, uid: int, gid: int) -> None:
        path = trees.normal(path)
        with self._writing() as host:
            if path not in host.state.files:
                _refuse(path, "No such file", not_found=True)
            host.state.files[path] = {**host.state.files[path], "mode": mode, "uid": uid, "gid": gid}

    def remove(self, path: str) -> None:
        with self._writing() as host:
            host.state.files.pop(trees.normal(path), None)

    def _put(self, path: str, entry: Record) -> None:
        path = trees.normal(path)
        with self._writing() as host:
            if not trees.is_folder(host.state.files, posixpath.dirname(path)):
                _refuse(path, "No such file", not_found=True)
            host.state.files[path] = entry


def open_host(spec: object, _opening: object) -> SimulatedMachine:
    """The host of an inventory entry with `connection: simulated`."""
    return SimulatedMachine(open_simulated(spec))


def _refuse(path: str, why: str, *, not_found: bool = False) -> NoReturn:
    raise FileError(f"{path} on a simulated host: {why}", not_found=not_found)


def _info(tree: trees.Tree, path: str) -> FileInfo | None:
    entry, name = tree.get(path), posixpath.basename(path)
    if entry is None:
        return FileInfo(name, FileKind.DIRECTORY, 0, 0o755, 0, 0, 0) if trees.is_folder(tree, path) else None
    kind = _KINDS.get(entry["type"], FileKind.OTHER)
    size = len(trees.data_of(entry))
    return FileInfo(name, kind, size, entry["mode"], entry["uid"], entry["gid"], entry["mtime"])
