"""Options of directories in memory in one spelling."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.values import tmpfs


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", ""),
        ("size=64m", "size=67108864"),
        ("mode=01777,size=65536k", "mode=1777,size=67108864"),
        ("size=10%", "size=10%"),
        ("rw,noexec,nosuid,size=65536k", "size=67108864"),
        ("defaults,nodev,async", ""),
        ("ro", "ro"),
        ("exec,suid,dev", "dev,exec,suid"),
        ("exec,noexec", ""),
        ("noexec,exec", "exec"),
        ("ro,rw", ""),
        ("size=1m,size=2m", "size=2097152"),
        ("mode=0", "mode=0"),
        ("uid=1000,gid=100,nr_inodes=5k", "gid=100,nr_inodes=5k,uid=1000"),
        ("noatime", "noatime"),
    ],
)
def test_the_last_of_a_kind_counts_and_what_is_usual_says_nothing(text: str, read: str) -> None:
    assert tmpfs.parse(text) == read
    assert tmpfs.parse(read) == read


@pytest.mark.parametrize(
    ("mount", "options"),
    [
        ({"type": "tmpfs"}, ""),
        ({"type": "tmpfs", "size": 67108864, "mode": 0o1777}, "mode=1777,size=67108864"),
        ({"type": "tmpfs", "read_only": True}, "ro"),
        ({"type": "tmpfs", "tmpfs_options": [["exec"], ["uid", "1000"]]}, "exec,uid=1000"),
        ({"type": "tmpfs", "tmpfs_options": [["noexec"]]}, ""),
    ],
)
def test_a_mount_says_the_same(mount: dict[str, Any], options: str) -> None:
    assert tmpfs.of_mount(mount) == options
