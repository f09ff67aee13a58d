"""Container output: decodes the engine's frames."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_HEADER = struct.Struct(">BxxxL")


def demultiplex(data: bytes) -> bytes:
    """The payload of both streams in the order written.

    Without a terminal the engine frames output: stream (1 stdout, 2 stderr), three zero bytes, length of four bytes
    (Docker API, ContainerAttach, "Stream format"). A truncated last frame yields its available part.
    """
    return b"".join(_payloads(data))


def _payloads(data: bytes) -> Iterator[bytes]:
    position = 0
    while position + _HEADER.size <= len(data):
        _, length = _HEADER.unpack_from(data, position)
        position += _HEADER.size
        yield data[position : position + length]
        position += length
