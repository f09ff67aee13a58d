"""Tar archives as they come, and whether one is whole. An engine ends its answer as usual when a file becomes shorter
while it is read, but the archive lacks all that would follow."""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from typing import Any, Final

from deployer.errors import ResourceError

_CHUNK: Final = 256 * 1024
_BLOCK: Final = 512
_SIZE: Final = slice(124, 136)
_TYPE: Final = 156
_LONGEST: Final = 1024 * 1024
"""Bytes of the records of one entry."""


def whole(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The archive as it passes. Raises `ResourceError` after its last byte if there is no end of an archive."""
    walk = _Walk()
    for chunk in chunks:
        walk.feed(chunk)
        yield chunk
    if not walk.ended:
        hint = "stop or pause the containers that write to the volume, or use --exact"
        raise ResourceError("the engine's archive is incomplete: a file changed while it was read", hint=hint)


class _Reader:
    """Pieces as a file that is read forwards."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def read(self, size: int) -> bytes:
        while len(self._rest) < size and (more := next(self._pieces, b"")):
            self._rest += more
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def open_pieces(pieces: Iterable[bytes]) -> tarfile.TarFile:
    """To be read forwards. Raises `ResourceError` for what is no archive."""
    source: Any = _Reader(pieces)
    try:
        return tarfile.open(fileobj=source, mode="r|", bufsize=_CHUNK)
    except tarfile.TarError as error:
        raise ResourceError(f"the engine sent no tar archive: {error}") from error


class _Walk:
    """From header to header: the content of files is passed over."""

    def __init__(self) -> None:
        self.ended = False
        self._block = bytearray()
        self._skip = 0
        self._records: bytearray | None = None
        self._records_left = 0
        self._size: int | None = None

    def feed(self, chunk: bytes) -> None:
        place = 0
        while place < len(chunk) and not self.ended:
            if self._skip:
                step = min(self._skip, len(chunk) - place)
                self._collect(chunk[place : place + step] if self._records_left else b"")
                self._skip -= step
            else:
                step = min(_BLOCK - len(self._block), len(chunk) - place)
                self._block += chunk[place : place + step]
                if len(self._block) == _BLOCK:
                    self._header(bytes(self._block))
                    self._block.clear()
            place += step

    def _collect(self, data: bytes) -> None:
        """Of extended headers, which may have the size of the next entry."""
        if self._records is None:
            return
        self._records += data[: self._records_left]
        self._records_left -= len(data[: self._records_left])
        if not self._records_left:
            self._size, self._records = _size_in(bytes(self._records)), None

    def _header(self, block: bytes) -> None:
        if not any(block):
            self.ended = True
            return
        size, kind = _number(block[_SIZE]), block[_TYPE : _TYPE + 1]
        if kind == b"x":
            self._records, self._records_left = bytearray(), min(size, _LONGEST)
        elif kind not in (b"g", b"L", b"K"):
            size, self._size = size if self._size is None else self._size, None
        self._skip = -(-size // _BLOCK) * _BLOCK


def _number(field: bytes) -> int:
    """Octal digits, or a binary number with the highest bit set."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    return int(digits, 8) if digits else 0


def _size_in(records: bytes) -> int | None:
    """Each record is `LENGTH KEY=VALUE` and a newline."""
    place = 0
    while (blank := records.find(b" ", place)) > 0:
        end = place + int(records[place:blank])
        key, _, value = records[blank + 1 : end - 1].partition(b"=")
        if key == b"size":
            return int(value)
        place = end
    return None
