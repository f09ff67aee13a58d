"""Files of this machine for a build: BuildKit's file synchronisation (`moby.filesync.v1.FileSync/DiffCopy`).

All names with their attributes go first; the engine then asks for the content of those files that it does not have from
an earlier build. So an unchanged file is not sent again.
"""

from __future__ import annotations

import hashlib
import re
import stat
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from deployer.engine.buildkit.protobuf import Message, encode
from deployer.errors import ResourceError
from deployer.model.build import Build, ContextFile

_STAT, _REQUEST, _DATA, _FINISH = 0, 1, 2, 3
"""Types of packets (fsutil, types/wire.proto)."""

_PIECE: Final = 64 * 1024 - 64
"""Bytes of a packet: with what is around them, they fill frames of 16 KiB."""

_MODES: Final = {stat.S_IFDIR: 1 << 31, stat.S_IFLNK: 1 << 27, stat.S_IFREG: 0}
_BITS: Final = {stat.S_ISUID: 1 << 23, stat.S_ISGID: 1 << 22, stat.S_ISVTX: 1 << 20}
"""Go's bits of a file mode (io/fs.FileMode)."""


_SECOND: Final = 10**9


class Sent(Struct, frozen=True):
    """One file to send. `content` is asked for only when the engine wants it. `modified`, in nanoseconds: an engine
    takes a file for unchanged if this, the size and the mode are as before, so its part below a second is a digest of
    the content."""

    file: ContextFile
    modified: int
    content: Callable[[], Iterator[bytes]]


def context_files(build: Build) -> Iterator[Sent]:
    root = Path(build.context)
    for found in build.files:
        try:
            modified = int((root / found.path).lstat().st_mtime)
        except OSError as error:
            raise changed(found.path) from error
        yield Sent(found, modified * _SECOND + _fraction(found.digest.encode()), _content_of(root, found))


def dockerfile(build: Build) -> Iterator[Sent]:
    """The only file of its source, under the name that the request gives."""
    data = build.dockerfile.encode()
    yield Sent(ContextFile("Dockerfile", stat.S_IFREG | 0o644, len(data)), _fraction(data), lambda: iter((data,)))


def _fraction(content: bytes) -> int:
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big") % _SECOND


def pieces(root: Path, file: ContextFile) -> Iterator[bytes]:
    """The content of a file; raises `ResourceError` at its end, or when it cannot be read, if it is not what was
    planned."""
    found = hashlib.sha256()
    try:
        with (root / file.path).open("rb") as opened:
            while piece := opened.read(_PIECE):
                found.update(piece)
                yield piece
    except OSError as error:
        raise changed(file.path) from error
    if found.hexdigest() != file.digest:
        raise changed(file.path)


def _content_of(root: Path, file: ContextFile) -> Callable[[], Iterator[bytes]]:
    return lambda: pieces(root, file)


def changed(path: str) -> ResourceError:
    return ResourceError(f"{path} changed after the plan was created", hint="run it again")


class DiffCopy:
    """Answers one call. `sent` is told the bytes of each piece."""

    def __init__(self, files: Iterator[Sent], wanted: Sequence[str], sent: Callable[[int], object]) -> None:
        self.ended = False
        self._listed: list[Sent] = []
        self._wanted: deque[int] = deque()
        self._sent = sent
        self._finishing = False
        self._out = self._packets(only(files, wanted))

    def receive(self, message: bytes) -> None:
        packet = Message(message)
        if packet.number(1) == _REQUEST:
            self._wanted.append(packet.number(3))
        elif packet.number(1) == _FINISH:
            self._finishing = True

    def messages(self) -> Iterator[bytes]:
        while (packet := next(self._out)) is not None:
            yield packet

    def _packets(self, files: Iterator[Sent]) -> Iterator[bytes | None]:
        """None where the engine has to ask first."""
        for found in files:
            self._listed.append(found)
            yield encode({1: _STAT, 2: _attributes(found)})
        yield encode({1: _STAT})
        while not self._finishing:
            if not self._wanted:
                yield None
                continue
            number = self._wanted.popleft()
            for piece in self._listed[number].content():
                self._sent(len(piece))
                yield encode({1: _DATA, 3: number, 4: piece})
            yield encode({1: _DATA, 3: number})
        self.ended = True
        yield encode({1: _FINISH})
        while True:
            yield None


def _attributes(found: Sent) -> bytes:
    file = found.file
    mode = stat.S_IMODE(file.mode) & 0o777 | _MODES[stat.S_IFMT(file.mode)]
    mode |= sum(bit for own, bit in _BITS.items() if file.mode & own)
    link = file.digest if stat.S_ISLNK(file.mode) else ""
    return encode({1: file.path, 2: mode, 5: file.size, 6: found.modified, 7: link})


def only(files: Iterator[Sent], wanted: Sequence[str]) -> Iterator[Sent]:
    """Those that the engine asks for by patterns, with their folders; all if links may lead elsewhere, and for ().
    More than asked for does no harm."""
    roots = [_literal(pattern) for pattern in wanted]
    if not roots or "" in roots:
        return files
    listed = list(files)
    found = [each for each in listed if any(_is_on_way(each.file.path, root) for root in roots)]
    return iter(listed if any(stat.S_ISLNK(each.file.mode) for each in found) else found)


def _literal(pattern: str) -> str:
    """The folders of a pattern before its first part with a wildcard."""
    parts: list[str] = []
    for part in pattern.strip("/").split("/"):
        if re.search(r"[*?\[\\]", part):
            break
        parts += [part] if part not in ("", ".") else []
    return "/".join(parts)


def _is_on_way(path: str, root: str) -> bool:
    return path == root or path.startswith(f"{root}/") or root.startswith(f"{path}/")
