"""Archives that are cut short are noticed, wherever they are cut."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import pytest

from deployer.engine.tar_walk import whole
from deployer.errors import ResourceError


def archive(form: int) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=form) as tar:
        for number, size in enumerate((0, 1, 511, 512, 513, 70_000)):
            member = tarfile.TarInfo(f"{'n' * 50 * number}-é")
            member.size, member.mtime = size, 1.5 if form == tarfile.PAX_FORMAT else 1
            if form == tarfile.PAX_FORMAT:
                member.pax_headers = {"size": str(size), "comment": "x" * 600 * number}
            tar.addfile(member, io.BytesIO(bytes(size)))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "t" * 150
        tar.addfile(link)
    return target.getvalue()


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize("size", [1, 100, 512, 4096, 1_000_000])
def test_a_whole_archive_passes(form: int, size: int) -> None:
    data = archive(form)
    assert b"".join(whole(pieces(data, size))) == data


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_any_other_is_refused(form: int) -> None:
    data = archive(form)
    end = len(data.rstrip(b"\0"))
    last = -(-end // 512) * 512
    for cut in (*range(0, last, 509), last):
        with pytest.raises(ResourceError, match="incomplete"):
            list(whole(pieces(data[:cut], 1000)))


def test_the_size_of_large_files() -> None:
    member = tarfile.TarInfo("big")
    member.size = 10**13
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with pytest.raises(ResourceError, match="incomplete"):
            list(whole([member.tobuf(form), bytes(1_000_000)]))
