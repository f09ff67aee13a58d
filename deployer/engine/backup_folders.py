"""A folder with backups, of this machine or of a host that transfers files."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence

from deployer.errors import FileError, ResourceError
from deployer.interfaces import FileKind, Files, StoredFile

_PRIVATE = 0o600


class FolderStore:
    """`shown`: what precedes the names of files for people, `web1:/srv/backups/`. Only their owner may read them."""

    def __init__(self, files: Files, folder: str, shown: str) -> None:
        self._files = files
        self._folder = folder
        self._shown = shown

    def place(self, name: str) -> str:
        return f"{self._shown}{name}"

    def list(self) -> Sequence[StoredFile]:
        found = self._files.list(self._folder) if self._files.stat(self._folder) is not None else ()
        return [StoredFile(each.name, each.size) for each in found if each.kind is FileKind.FILE]

    def size(self, name: str) -> int | None:
        found = self._files.stat(self._path(name))
        return None if found is None else found.size

    def fetch(self, name: str, start: int, size: int) -> bytes:
        found = bytearray()
        with self._files.read(self._path(name), start) as pieces:
            for piece in pieces:
                found += piece
                if len(found) >= size:
                    break
        return bytes(found[:size])

    def put(self, name: str, content: Iterable[bytes]) -> None:
        self._make(self._folder)
        self._files.write(self._path(name), content, mode=_PRIVATE)

    def remove(self, name: str) -> None:
        self._files.remove(self._path(name))

    def _path(self, name: str) -> str:
        return posixpath.join(self._folder, name)

    def _make(self, folder: str) -> None:
        if folder in ("", "/") or self._files.stat(folder) is not None:
            return
        self._make(posixpath.dirname(folder))
        try:
            self._files.make_directory(folder, mode=0o700)
        except FileError as error:
            if self._files.stat(folder) is None:
                raise ResourceError(f"{folder} cannot be made: {error.message}", hint=error.hint) from error
