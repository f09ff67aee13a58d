"""Reads files of a host through a container that mounts its root and need not run: only with GET and HEAD.

A directory with several files that are asked for is read as one archive, since some engines take 0.2 s for each.
"""

from __future__ import annotations

import hashlib
import posixpath
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Final

from msgspec.structs import replace

from deployer.engine.shell_files import beside
from deployer.engine.tar_walk import open_pieces, whole
from deployer.engine.transferred_files import GROUPS, USERS, names_by_id
from deployer.errors import EngineError, FileError, ResourceError
from deployer.fields.container.files import LONGEST, text_of
from deployer.interfaces import Engine, FileKind, Json
from deployer.model.files import ObservedFile
from deployer.transport.streams import CHUNK

_WIDTH: Final = 4
"""Requests at the same time."""

_SEVERAL: Final = 3
_MOST: Final = 8 * 1024 * 1024
"""Bytes of a directory that are read for the sake of several files in it."""

_DIRECTORY: Final = 1 << 31
_LINK: Final = 1 << 27
_TYPES: Final = 0x8F28_0000
"""Bits of Go's `fs.FileMode`."""

_LINKS: Final = 40
"""Symbolic links that Linux follows in one path."""

_KINDS: Final = {tarfile.REGTYPE: FileKind.FILE, tarfile.DIRTYPE: FileKind.DIRECTORY, tarfile.SYMTYPE: FileKind.LINK}


class MountedFiles:
    """`root`: where the container mounts the root of the host. Methods raise `FileError`, `UnreachableError`."""

    def __init__(self, engine: Engine, container: str, root: str) -> None:
        self._engine = engine
        self._container = container
        self._root = root

    def look(
        self, paths: Sequence[str], trees: Sequence[str] = (), folders: Sequence[str] = ()
    ) -> Mapping[str, ObservedFile]:
        """As `host_files.Store` does."""
        try:
            known: dict[str, Json | None] = {}
            found = self._look(paths, trees, known)
            return {**dict(self._kinds(folders, known)), **found}
        except (EngineError, tarfile.TarError) as error:
            raise FileError(f"the files of the host cannot be read: {error}") from error

    def text(self, path: str) -> str | None:
        try:
            place = self._place(path, {})
            data = self._content(place) if place is not None else b""
        except (EngineError, tarfile.TarError) as error:
            raise FileError(f"{path} cannot be read: {error}") from error
        return text_of(data) if len(data) <= LONGEST else None

    def _look(
        self, paths: Sequence[str], trees: Sequence[str], known: dict[str, Json | None]
    ) -> Mapping[str, ObservedFile]:
        places = {path: place for path in paths if (place := self._place(path, known)) is not None}
        wanted = frozenset(places.values())
        below: dict[str, tuple[str, ...]] = {}
        found = self._in_folders(wanted, [places[path] for path in trees if path in places], below)
        rest = sorted(wanted - found.keys())
        with ThreadPoolExecutor(max_workers=_WIDTH, thread_name_prefix="read-files") as pool:
            names = pool.map(self._names, (USERS, GROUPS))
            found |= {place: each for place, each in zip(rest, pool.map(self._one, rest), strict=True) if each}
            users, groups = names
        return {
            path: replace(
                found[place],
                path=path,
                user=users.get(found[place].uid, ""),
                group=groups.get(found[place].gid, ""),
                below=tuple(path + each.removeprefix(place) for each in below.get(place, ())),
            )
            for path, place in places.items()
            if place in found
        }

    def _in_folders(
        self, wanted: frozenset[str], trees: Sequence[str], below: dict[str, tuple[str, ...]]
    ) -> dict[str, ObservedFile]:
        """Those in directories that are read whole. `below` gets what is in those of `trees`."""
        several = Counter(map(posixpath.dirname, wanted))
        folders = {place for place, count in several.items() if count >= _SEVERAL and place != "/"}
        found: dict[str, ObservedFile] = {}
        done: list[str] = []
        for folder in sorted(folders | set(trees)):
            is_tree = folder in trees
            if is_tree and not self._is_directory(folder):
                continue
            if not is_tree and any(f"{folder}/".startswith(f"{each}/") for each in done):
                continue
            entries = self._read(folder, wanted, None if is_tree else _MOST)
            if entries is None:
                if is_tree:
                    raise FileError(f"{folder} cannot be read: it changed meanwhile", hint="run it again")
                continue
            done.append(folder)
            found |= {
                place: replace(each, left=any(beside(place, what) in entries for what in ("old", "new")))
                for place, each in entries.items()
                if each is not None
            }
            if is_tree:
                below[folder] = tuple(sorted(place for place in entries if place != folder))
        return found

    def _read(self, folder: str, wanted: frozenset[str], most: int | None) -> dict[str, ObservedFile | None] | None:
        """All paths in a directory, and what is at those that are wanted, but for further names of a file; None if it
        has more bytes than `most`, or was not read to its end."""
        found: dict[str, ObservedFile | None] = {}
        above = posixpath.dirname(folder)
        try:
            with self._engine.get_archive(self._container, self._root + folder) as answer:
                chunks = whole(_at_most(answer, most))
                with open_pieces(chunks) as tar:
                    for member in tar:
                        place = posixpath.join(above, member.name.rstrip("/"))
                        is_asked = place in wanted and not member.islnk()
                        found[place] = _observed(place, tar, member) if is_asked else None
                for _ in chunks:
                    """The archive is known to be whole at its end."""
        except (ResourceError, tarfile.TarError):
            return None
        return found

    def _one(self, place: str) -> ObservedFile | None:
        if self._stat(place, {}) is None:
            return None
        found = ObservedFile(place, FileKind.OTHER)
        with self._engine.get_archive(self._container, self._root + place) as answer:
            with open_pieces(answer) as tar:
                if (member := tar.next()) is not None:
                    found = _observed(place, tar, member)
            if found.kind is not FileKind.DIRECTORY:
                for _ in answer:
                    """Read to its end, it leaves a connection that can be used again."""
        is_left = any(self._stat(beside(place, what), {}) is not None for what in ("old", "new"))
        return replace(found, left=is_left)

    def _content(self, place: str) -> bytes:
        """Of a short file; more than `LONGEST` of another."""
        with self._engine.get_archive(self._container, self._root + place) as answer, open_pieces(answer) as tar:
            member = tar.next()
            content = tar.extractfile(member) if member is not None and member.isreg() else None
            return content.read(LONGEST + 1) if content is not None else b""

    def _names(self, table: str) -> dict[int, str]:
        """By id; none of a host without such a table."""
        try:
            return names_by_id(self._content(table).decode(errors="replace").splitlines())
        except EngineError as error:
            if error.not_found:
                return {}
            raise

    def _is_directory(self, place: str) -> bool:
        info = self._stat(place, {})
        return info is not None and _kind(info) is FileKind.DIRECTORY

    def _kinds(self, folders: Iterable[str], known: dict[str, Json | None]) -> Iterator[tuple[str, ObservedFile]]:
        for path in folders:
            place = self._place(path, known)
            if place is not None and (info := self._stat(place, known)) is not None:
                yield path, ObservedFile(path, _kind(info))

    def _place(self, path: str, known: dict[str, Json | None]) -> str | None:
        """Without links in it but the last part; None if a directory of it does not exist."""
        folder, name = posixpath.split(path)
        found = self._folder(folder, known, _LINKS)
        return posixpath.join(found, name) if found is not None else None

    def _folder(self, path: str, known: dict[str, Json | None], links: int) -> str | None:
        """The engine would follow links of the host as if the container's root were its own."""
        if path == "/":
            return path
        above, name = posixpath.split(path)
        folder = self._folder(above, known, links)
        if folder is None or (info := self._stat(place := posixpath.join(folder, name), known)) is None:
            return None
        kind = _kind(info)
        if kind is not FileKind.LINK:
            return place if kind is FileKind.DIRECTORY else None
        if not links:
            raise FileError(f"{place} cannot be read: it has too many symbolic links")
        target = posixpath.normpath(str(info["linkTarget"]))
        inside = target == self._root or target.startswith(f"{self._root}/")
        return self._folder((target.removeprefix(self._root) or "/") if inside else target, known, links - 1)

    def _stat(self, place: str, known: dict[str, Json | None]) -> Json | None:
        if place not in known:
            known[place] = self._engine.stat_archive(self._container, self._root + place)
        return known[place]


def _kind(info: Json) -> FileKind:
    mode = int(info["mode"])
    if not mode & _TYPES:
        return FileKind.FILE
    return FileKind.DIRECTORY if mode & _DIRECTORY else FileKind.LINK if mode & _LINK else FileKind.OTHER


def _at_most(chunks: Iterable[bytes], most: int | None) -> Iterator[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if most is not None and size > most:
            raise ResourceError("it is too large")
        yield chunk


def _observed(place: str, tar: tarfile.TarFile, member: tarfile.TarInfo) -> ObservedFile:
    content = tar.extractfile(member) if member.isreg() else None
    digest = _digest(content) if content is not None else ""
    kind = _KINDS.get(member.type, FileKind.OTHER)
    target = member.linkname if kind is FileKind.LINK else ""
    mode = member.mode & 0o7777
    return ObservedFile(place, kind, member.size, mode, member.uid, member.gid, sha256=digest, target=target)


def _digest(content: IO[bytes]) -> str:
    found = hashlib.sha256()
    for piece in iter(lambda: content.read(CHUNK), b""):
        found.update(piece)
    return found.hexdigest()
