"""Files in a bucket, of a server that speaks S3."""

from __future__ import annotations

import hashlib
import sys
import tracemalloc
from collections.abc import Iterator

import pytest

from deployer.errors import ResourceError, UnreachableError
from deployer.interfaces import StoredFile
from deployer.model.settings import S3Access
from deployer.transport.s3 import PART, Bucket, open_bucket, parts_of
from deployer.values.backup_target import parse
from tests import s3


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with s3.server() as found:
        yield found


def bucket(address: str, place: str = f"s3://{s3.BUCKET}/some/prefix", secret: str = s3.SECRET) -> Bucket:
    access = S3Access(endpoint_url=address, region="us-east-1", access_key=s3.KEY, secret_key=secret)
    return open_bucket(parse(place), access, lambda _secrets: None)


def test_files_are_put_listed_read_and_removed(address: str) -> None:
    found = bucket(address)
    assert (found.list(), found.size("a")) == ([], None)
    found.put("b", [b"some ", b"", b"text"])
    found.put("empty", [])
    bucket(address, f"s3://{s3.BUCKET}/some/prefix/below").put("c", [b"other"])
    assert found.list() == [StoredFile("b", 9), StoredFile("empty", 0)]
    assert (found.size("b"), found.fetch("b", 5, 100), found.place("b")) == (
        *(9, b"text"),
        f"s3://{s3.BUCKET}/some/prefix/b",
    )
    found.remove("b")
    found.remove("b")
    assert [each.name for each in found.list()] == ["empty"]


def test_a_large_file_goes_in_parts_and_is_whole_or_not_there(address: str) -> None:
    found, digest = bucket(address, f"s3://{s3.BUCKET}"), hashlib.sha256()

    def content(size: int, *, breaks: bool = False) -> Iterator[bytes]:
        block = bytes(range(256)) * 1024
        for number in range(size // len(block)):
            piece = number.to_bytes(8, "big") + block[8:]
            digest.update(piece)
            yield piece
        if breaks:
            raise ResourceError("gone")

    size = 2 * PART + 1024 * 1024
    found.put("large", content(size))
    assert found.size("large") == size
    there = hashlib.sha256()
    for start in range(0, size, PART):
        there.update(found.fetch("large", start, PART))
    assert there.hexdigest() == digest.hexdigest()
    with pytest.raises(ResourceError, match="gone"):
        found.put("broken", content(size, breaks=True))
    assert found.size("broken") is None
    assert "Uploads" not in s3.client(address).list_multipart_uploads(Bucket=s3.BUCKET)


def test_memory_is_flat() -> None:
    tracemalloc.start()
    try:
        pieces = (bytes(256 * 1024) for _ in range(10 * PART // (256 * 1024)))
        assert [len(part) for part in parts_of(pieces)] == [PART] * 10
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3.1 * PART


def test_what_is_wrong_is_said(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ResourceError, match="s3://no-such-bucket/x: ") as missing:
        bucket(address, "s3://no-such-bucket").put("x", [b"text"])
    assert missing.value.hint == "create the bucket first"
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1"):
        bucket("http://127.0.0.1:1").size("x")
    with pytest.raises(ResourceError) as profile:
        open_bucket(parse("s3://any"), S3Access(profile="none"), lambda _secrets: None)
    assert "AWS_PROFILE" in profile.value.hint
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ResourceError, match="needs boto3, which is not installed") as extra:
        bucket(address)
    assert "pip install 'deployer-docker[s3]'" in extra.value.hint
