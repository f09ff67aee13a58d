"""Files of backups: what other programs read in them, and what is noticed of damage."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator

import pytest

from deployer.errors import ResourceError
from deployer.usecases.backup_file import Header, read, write

HEADER = Header(volume="data", host="db1", made="2026-01-02T03:04:05Z", labels={"a": "b"})
CONTENT = [b"some", b"data" * 100_000, bytes(5_000_000)]


def written() -> bytes:
    target = io.BytesIO()
    write(target, HEADER, iter(CONTENT))
    return target.getvalue()


def test_what_is_written_is_read() -> None:
    found = read(io.BytesIO(written()), "it")
    assert (found.header, found.total.size) == (HEADER, 5_400_004)
    assert b"".join(found.chunks()) == b"".join(CONTENT)
    assert b"".join(found.chunks()) == b"".join(CONTENT), "from the start again"
    assert max(map(len, found.chunks())) <= 256 * 1024, "zeros are not unpacked at once"


def test_zstd_reads_it() -> None:
    unpacked = subprocess.run(["zstd", "-dc"], input=written(), capture_output=True, check=True).stdout
    assert unpacked == b"".join(CONTENT)


@pytest.mark.parametrize("damage", ["cut", "changed", "end", "empty", "other", "format"])
def test_damage_is_noticed(damage: str) -> None:
    whole = written()
    data = {
        "cut": whole[: len(whole) // 2],
        "changed": whole[:600] + bytes([whole[600] ^ 1]) + whole[601:],
        "end": whole.replace(b'"size":5400004', b'"size":5400005'),
        "empty": b"",
        "other": b"PK\x03\x04" * 1000,
        "format": whole.replace(b'"format":1', b'"format":9'),
    }[damage]
    with pytest.raises(ResourceError, match=r"damaged|not a complete backup|which is unknown"):
        list(read(io.BytesIO(data), "it").chunks())


def test_what_the_source_raises_is_raised() -> None:
    def broken() -> Iterator[bytes]:
        yield b"some"
        raise ResourceError("gone")

    target = io.BytesIO()
    with pytest.raises(ResourceError, match="gone"):
        write(target, HEADER, broken())
    with pytest.raises(ResourceError, match="not a complete backup"):
        read(io.BytesIO(target.getvalue()), "it")
