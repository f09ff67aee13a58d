"""Files of backups: a tar archive compressed with zstd, which `tar --zstd` reads too.

Before it is a skippable frame with what is known of the volume, after it one with the checksum of the archive. Programs
that do not know these frames pass over them (RFC 8878, section 3.1.2).
"""

from __future__ import annotations

import errno
import hashlib
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BufferedIOBase
from typing import BinaryIO, Final

import msgspec
from msgspec import Struct, field

from deployer.config.files import open_file
from deployer.errors import DeployerError, ResourceError
from deployer.model.decoding import decode

FORMAT: Final = 1
CHUNK: Final = 256 * 1024
"""Bytes of the archive that are read at once."""

_FRAME: Final = struct.Struct("<II")
_MAGIC: Final = 0x184D2A5D
"""Of the skippable frames with numbers from 0 to 15, one that is not used for another purpose."""

_LARGEST: Final = 1024 * 1024
_END: Final = 256
"""Bytes of the last frame, without its header."""

_FIRST: Final = 4096
_LARGEST_BLOCK: Final = 8 * 1024 * 1024
"""Bytes of a file elsewhere that are fetched at once, at first and at most."""

_HINT: Final = "deployer volume backup writes one"


class Header(Struct, frozen=True, kw_only=True):
    """`made`: when, as RFC 3339; `exact`: whether it has what only GNU tar keeps; `driver` and `options`: of the
    volume; `state`: what was done to the containers that use it."""

    format: int = FORMAT
    volume: str
    host: str
    made: str
    exact: bool = False
    state: str = ""
    driver: str = "local"
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    version: str = ""


class Total(Struct, frozen=True):
    """Of the archive, without compression."""

    sha256: str
    size: int


class Counted:
    """Chunks that are counted and added to a checksum as they pass."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self._digest = hashlib.sha256()
        self._size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._digest.update(chunk)
            self._size += len(chunk)
            yield chunk

    @property
    def total(self) -> Total:
        return Total(self._digest.hexdigest(), self._size)


class Packed:
    """The file of a backup in pieces, made while it is read once. Raises what reading the chunks raises."""

    def __init__(self, header: Header, chunks: Iterable[bytes]) -> None:
        self._header = header
        self._counted = Counted(chunks)

    def __iter__(self) -> Iterator[bytes]:
        import zstandard

        yield frame(msgspec.json.encode(self._header))
        packing = zstandard.ZstdCompressor(write_checksum=True).compressobj()
        for chunk in self._counted:
            if packed := packing.compress(chunk):
                yield packed
        yield packing.flush()
        yield frame(msgspec.json.encode(self.total).ljust(_END))

    @property
    def total(self) -> Total:
        return self._counted.total


def write(target: BinaryIO, header: Header, chunks: Iterable[bytes]) -> Total:
    """Raises OSError, and what reading the chunks raises."""
    packed = Packed(header, chunks)
    copy_to(target, packed)
    return packed.total


def copy_to(target: BinaryIO, content: Iterable[bytes]) -> None:
    for piece in content:
        target.write(piece)
    target.flush()


def frame(content: bytes) -> bytes:
    """Programs that read zstd pass over it."""
    return _FRAME.pack(_MAGIC, len(content)) + content


class Backup(Struct, frozen=True):
    """An open file. `start`: where its archive begins."""

    file: BinaryIO
    name: str
    header: Header
    total: Total
    start: int

    def chunks(self) -> Iterator[bytes]:
        """The archive. Raises `ResourceError` at its end if it is not what was written."""
        import zstandard

        self.file.seek(self.start)
        reader = zstandard.ZstdDecompressor().stream_reader(self.file, closefd=False)
        counted = Counted(iter(lambda: reader.read(CHUNK), b""))
        try:
            yield from counted
        except (zstandard.ZstdError, OSError) as error:
            raise ResourceError(f"{self.name} is damaged: {error}", hint="use another backup") from error
        if counted.total != self.total:
            raise ResourceError(f"{self.name} is damaged: the checksum differs", hint="use another backup")


class Ranged(BufferedIOBase):
    """A file that is fetched in blocks, which grow while it is read forwards. `fetch` gets where a block begins and its
    size."""

    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        self._fetch = fetch
        self._size = size
        self._place = 0
        self._block, self._begin, self._next = b"", 0, _FIRST

    def read(self, size: int | None = -1, /) -> bytes:
        left = self._size - self._place if size is None or size < 0 else size
        found = bytearray()
        while left > 0 and (piece := self._piece(left)):
            found += piece
            left -= len(piece)
            self._place += len(piece)
        return bytes(found)

    def _piece(self, size: int) -> bytes:
        offset = self._place - self._begin
        if not 0 <= offset < len(self._block):
            if self._place >= self._size:
                return b""
            follows = offset == len(self._block) and offset > 0
            self._next = min(2 * self._next, _LARGEST_BLOCK) if follows else _FIRST
            self._block, self._begin, offset = self._fetch(self._place, self._next), self._place, 0
        return self._block[offset : offset + size]

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._place = offset + (0, self._place, self._size)[whence]
        if self._place < 0:
            raise OSError(errno.EINVAL, "it is shorter")
        return self._place

    def tell(self) -> int:
        return self._place


@contextmanager
def opened(path: str, name: str = "") -> Iterator[Backup]:
    """`name`: for messages, in place of the path. Raises `ResourceError` for a file that is no complete backup."""
    try:
        file = open_file(path)
    except OSError as error:
        raise DeployerError(f"{path} cannot be read: {error.strerror or error}") from error
    with file:
        yield read(file, name or path)


def read(file: BinaryIO, name: str) -> Backup:
    """What is known of a backup; its archive is not read. Raises `ResourceError`."""
    try:
        header = decode(_framed(file), Header)
        start = file.tell()
        file.seek(-(_FRAME.size + _END), 2)
        total = decode(_framed(file), Total)
    except (OSError, ValueError, struct.error, RecursionError) as error:
        raise ResourceError(f"{name} is not a complete backup of a volume", hint=_HINT) from error
    if header.format != FORMAT:
        hint = "a newer release of deployer wrote it"
        raise ResourceError(f"{name} has format {header.format}, which is unknown", hint=hint)
    return Backup(file, name, header, total, start)


def _framed(file: BinaryIO) -> bytes:
    magic, length = _FRAME.unpack(file.read(_FRAME.size))
    if magic != _MAGIC or length > _LARGEST:
        raise ValueError("not a frame of deployer")
    content = file.read(length)
    if len(content) != length:
        raise ValueError("the frame is cut short")
    return content
