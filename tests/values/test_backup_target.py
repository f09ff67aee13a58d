"""Where backups are kept."""

from __future__ import annotations

import pytest

from deployer.values.backup_target import Target, Where, parse


@pytest.mark.parametrize(
    ("text", "target", "shown"),
    [
        ("backups", Target(Where.HERE, "backups"), "backups"),
        ("./a:/b", Target(Where.HERE, "./a:/b"), "./a:/b"),
        ("/srv/a:b", Target(Where.HERE, "/srv/a:b"), "/srv/a:b"),
        ("host:/srv/backups/", Target(Where.HOST, "/srv/backups", "web1"), "web1:/srv/backups"),
        ("store1:/srv", Target(Where.HOST, "/srv", "store1"), "store1:/srv"),
        ("s3://my-bucket", Target(Where.S3, "", "my-bucket"), "s3://my-bucket"),
        ("s3://my-bucket/a/b/", Target(Where.S3, "a/b", "my-bucket"), "s3://my-bucket/a/b"),
    ],
)
def test_what_is_written(text: str, target: Target, shown: str) -> None:
    found = parse(text).on("web1")
    assert (found, str(found)) == (target, shown)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("s3://", "names no bucket"),
        ("s3://A_B/x", "names no bucket"),
        ("gs://bucket/x", "write a folder, HOST:/FOLDER or s3://BUCKET/PREFIX"),
        ("host:backups", "no absolute path after the host"),
    ],
)
def test_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(text)


def test_a_file_in_its_folder() -> None:
    assert parse("s3://my-bucket/a/b.zst").split == (Target(Where.S3, "a", "my-bucket"), "b.zst")
    assert parse("store1:/b.zst").split == (Target(Where.HOST, "/", "store1"), "b.zst")
