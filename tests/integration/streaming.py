"""Puts a big file into a container and reads it back. Prints both digests and by how many MB the memory grew.

Runs as a process of its own, `python -m tests.integration.streaming SPEC CONTAINER MEGABYTES`, so that its memory is
that of the streams alone.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import tarfile
from collections.abc import Iterator
from typing import Any

from msgspec import convert

from deployer.engine.connect import connect
from deployer.reach.connection import ConnectionSpec

MEGABYTE = 1 << 20


def blocks(count: int) -> Iterator[bytes]:
    """Megabytes that differ."""
    for number in range(count):
        yield hashlib.sha256(b"%d" % number).digest() * (MEGABYTE // 32)


def archive(count: int) -> Iterator[bytes]:
    member = tarfile.TarInfo("big")
    member.size = count * MEGABYTE
    yield member.tobuf()
    yield from blocks(count)
    yield bytes(1024)


class Reader(io.RawIOBase):
    """What `tarfile` reads from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._rest = self._rest or next(self._chunks, b"")
        piece, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


def peak() -> int:
    """The most memory this process has had, in MB."""
    with open("/proc/self/status") as status:  # noqa: PTH123 - one line
        return next(int(line.split()[1]) // 1024 for line in status if line.startswith("VmHWM"))


def main(spec: ConnectionSpec, container: str, count: int) -> None:
    engine = connect(spec)
    engine.put_archive(container, "/tmp", archive(1))
    before = peak()
    engine.put_archive(container, "/tmp", archive(count))
    digest = hashlib.sha256()
    with engine.get_archive(container, "/tmp/big") as chunks, tarfile.open(fileobj=Reader(chunks), mode="r|") as tar:
        file = tar.extractfile(next(iter(tar)))
        assert file is not None
        while block := file.read(MEGABYTE):
            digest.update(block)
    sent = hashlib.sha256()
    for block in blocks(count):
        sent.update(block)
    print(json.dumps({"same": sent.hexdigest() == digest.hexdigest(), "grown": peak() - before}))
    engine.close()


if __name__ == "__main__":
    main(convert(json.loads(sys.argv[1]), ConnectionSpec), sys.argv[2], int(sys.argv[3]))
