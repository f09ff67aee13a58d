"""Files of a host without a shell: of one that only transfers files, and of a simulated one."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import ClassVar

from msgspec.structs import replace

from deployer.engine.shell_files import CHANGED, CREATED, beside, hint_of
from deployer.errors import FileError, ResourceError
from deployer.fields.container.files import LONGEST, text_of
from deployer.interfaces import Body, FileInfo, FileKind, Files
from deployer.model.files import LINK, ObservedFile
from deployer.model.operations import FinishFile, MakeDirectory, MakeLink, PutFile, RemoveFile, RestoreFile, SetFile

USERS, GROUPS = "/etc/passwd", "/etc/group"


class TransferredFiles:
    """Each method reads or writes one file after the other."""

    runs_commands: ClassVar = False

    def __init__(self, files: Files) -> None:
        self._files = files

    def look(
        self, paths: Sequence[str], trees: Sequence[str] = (), folders: Sequence[str] = ()
    ) -> Mapping[str, ObservedFile]:
        found = ((path, self._files.stat(path)) for path in sorted({*paths, *folders}))
        users, groups = self._names(USERS), self._names(GROUPS)
        known = {path: self._observed(path, info) for path, info in found if info is not None}
        seen = {
            path: replace(each, user=users.get(each.uid, ""), group=groups.get(each.gid, ""))
            for path, each in known.items()
        }
        below = {path: tuple(sorted(self._below(path))) for path in trees if path in seen}
        return seen | {path: replace(seen[path], below=names) for path, names in below.items()}

    def _below(self, folder: str) -> Iterator[str]:
        for info in self._files.list(folder):
            path = posixpath.join(folder, info.name)
            yield path
            if info.kind is FileKind.DIRECTORY:
                yield from self._below(path)

    def text(self, path: str) -> str | None:
        data = b""
        with self._files.read(path) as pieces:
            for piece in pieces:
                data += piece
                if len(data) > LONGEST:
                    return None
        return text_of(data)

    def put(self, operation: PutFile, content: Body) -> None:
        path = operation.path
        if operation.validate:
            raise ResourceError(
                f"{path} cannot be validated: the host offers no shell", hint="give 'validate' an image"
            )
        self._make_directories(posixpath.dirname(path))
        before = self._files.stat(path)
        self._check(operation, before)
        uid, gid = self._ids(operation.owner, operation.group, before)
        if before is not None and before.kind is FileKind.FILE:
            self._copy(path, beside(path, "old"), before)
        new = beside(path, "new")
        try:
            self._files.write(new, content, mode=operation.mode)
            if (uid, gid) != (0, 0) or before is not None:
                self._files.set_attributes(new, mode=operation.mode, uid=uid, gid=gid)
            self._files.rename(new, path)
        except FileError as error:
            with suppress(FileError):
                self._files.remove(new)
            raise FileError(error.message, hint=hint_of(error.message, posixpath.basename(path))) from error

    def link(self, operation: MakeLink) -> None:
        raise ResourceError(f"{operation.path} cannot be linked: the host offers no shell", hint="exclude it")

    def make_directory(self, operation: MakeDirectory) -> None:
        path = operation.path
        self._make_directories(posixpath.dirname(path))
        if self._files.stat(path) is not None:
            raise FileError(f"{path} cannot be created: {CREATED}", untouched=True, hint=hint_of(CREATED, ""))
        self._files.make_directory(path, mode=operation.mode)
        self.set(SetFile(path, operation.mode, operation.owner, operation.group))

    def set(self, operation: SetFile) -> None:
        uid, gid = self._ids(operation.owner, operation.group, self._files.stat(operation.path))
        self._files.set_attributes(operation.path, mode=operation.mode, uid=uid, gid=gid)

    def restore(self, operation: RestoreFile) -> None:
        old = beside(operation.path, "old")
        if not operation.existed:
            if (info := self._files.stat(operation.path)) and self._is(operation.path, info, operation.identity):
                self._files.remove(operation.path)
        elif self._files.stat(old) is not None and (operation.identity or self._files.stat(operation.path) is None):
            self._files.rename(old, operation.path)

    def finish(self, operation: FinishFile) -> None:
        if operation.backup:
            self._keep(operation.path, beside(operation.path, "old"))
        self._clean(operation.path)

    def remove(self, operation: RemoveFile) -> None:
        path, info = operation.path, self._files.stat(operation.path)
        if info is None:
            return
        if info.kind is FileKind.DIRECTORY and operation.identity == FileKind.DIRECTORY:
            if not self._files.list(path):
                self._files.remove_directory(path)
            return
        if not self._is(path, info, operation.identity):
            raise FileError(f"{path} cannot be removed: it was changed meanwhile, and is kept")
        old = beside(path, "old")
        if operation.backup:
            self._keep(path, old)
        if operation.keep:
            self._files.rename(path, old)
            return
        if operation.backup:
            self._keep(path, path)
        self._files.remove(path)
        self._clean(path)

    def _keep(self, path: str, there: str) -> None:
        """As a backup of the file at the path, beside those that are there."""
        if (info := self._files.stat(there)) is not None:
            to = f"{path}.{info.modified}~"
            while self._files.stat(to) is not None:
                to += "~"
            self._files.rename(there, to)

    def _clean(self, path: str) -> None:
        for what in ("old", "new"):
            self._files.remove(beside(path, what))

    def _check(self, operation: PutFile, info: FileInfo | None) -> None:
        path, before = operation.path, operation.before
        why = ""
        if info is None:
            why = CHANGED if before else ""
        elif info.kind is FileKind.DIRECTORY:
            why = "it is a directory"
        elif not self._is(path, info, before):
            why = CHANGED if before else CREATED
        if why:
            raise FileError(f"{path} cannot be written: {why}", untouched=True, hint=hint_of(why, ""))

    def _is(self, path: str, info: FileInfo, identity: str) -> bool:
        """Targets of links are not known here."""
        if info.kind is FileKind.FILE:
            return self._digest(path) == identity
        return info.kind is FileKind.LINK and identity.startswith(LINK)

    def _observed(self, path: str, info: FileInfo) -> ObservedFile:
        digest = self._digest(path) if info.kind is FileKind.FILE else ""
        left = any(self._files.stat(beside(path, what)) is not None for what in ("old", "new"))
        return ObservedFile(path, info.kind, info.size, info.mode, info.uid, info.gid, sha256=digest, left=left)

    def _digest(self, path: str) -> str:
        found = hashlib.sha256()
        with self._files.read(path) as pieces:
            for piece in pieces:
                found.update(piece)
        return found.hexdigest()

    def _copy(self, path: str, to: str, info: FileInfo) -> None:
        with self._files.read(path) as pieces:
            self._files.write(to, pieces, mode=info.mode)
        self._files.set_attributes(to, mode=info.mode, uid=info.uid, gid=info.gid)

    def _make_directories(self, folder: str) -> None:
        if folder != "/" and self._files.stat(folder) is None:
            self._make_directories(posixpath.dirname(folder))
            try:
                self._files.make_directory(folder, mode=0o755)
            except FileError:
                # Files of one folder are written side by side.
                if self._files.stat(folder) is None:
                    raise

    def _ids(self, owner: str, group: str, before: FileInfo | None) -> tuple[int, int]:
        there = (before.uid, before.gid) if before is not None else (0, 0)
        return self._id(owner, USERS, there[0]), self._id(group, GROUPS, there[1])

    def _id(self, name: str, table: str, otherwise: int) -> int:
        if not name or name.isdecimal():
            return int(name or otherwise)
        if name == "root":
            return 0
        if found := [key for key, known in self._names(table).items() if known == name]:
            return found[0]
        raise ResourceError(f"the host has no '{name}' in {table}", hint="create it there, or write an id")

    def _names(self, table: str) -> dict[int, str]:
        return names_by_id(self._lines(table))

    def _lines(self, path: str) -> Iterator[str]:
        with suppress(FileError), self._files.read(path) as pieces:
            yield from b"".join(pieces).decode(errors="replace").splitlines()


def names_by_id(lines: Iterable[str]) -> dict[int, str]:
    """Of users or groups; the first one counts."""
    found: dict[int, str] = {}
    for line in lines:
        parts = line.split(":")
        if len(parts) > 2 and parts[2].isdecimal():
            found.setdefault(int(parts[2]), parts[0])
    return found
