"""Files of this machine as tar archives."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from deployer.errors import ResourceError
from deployer.usecases.tarred import pack, unpack


def archive(*members: tuple[str, bytes, str | bytes]) -> list[bytes]:
    """Names, types, and content or the target of a link."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type, info.mode = kind, 0o4750
            if isinstance(content, str):
                info.linkname = content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    data = target.getvalue()
    return [data[start : start + 700] for start in range(0, len(data), 700)]


def test_a_folder_there_and_back(tmp_path: Path) -> None:
    source = tmp_path / "src"
    (source / "sub").mkdir(parents=True)
    (source / ("n" * 200)).write_bytes(b"x" * 300_000)
    (source / "sub/b").write_text("b")
    (source / "sub/b").chmod(0o640)
    (source / "link").symlink_to("/etc/passwd")
    (source / "hard").hardlink_to(source / "sub/b")
    os.mkfifo(source / "pipe")
    found = unpack(pack(source, "top", keep_owners=False), tmp_path / "out", keep_owners=False)
    out = tmp_path / "out"
    assert (found.left_out, sorted(path.name for path in out.iterdir())) == (
        1,
        sorted(["hard", "link", "n" * 200, "sub"]),
    )
    assert ((out / "sub/b").read_text(), (out / "sub/b").stat().st_mode & 0o777) == ("b", 0o640)
    assert (out / "link").readlink() == Path("/etc/passwd")
    assert (out / "hard").samefile(out / "sub/b")


def test_names_of_what_is_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    with tarfile.open(fileobj=io.BytesIO(b"".join(pack(tmp_path, "", keep_owners=True)))) as tar:
        assert [(member.name, member.uid) for member in tar] == [("a", os.getuid())]


@pytest.mark.parametrize(
    "members",
    [
        [("top", tarfile.DIRTYPE, b""), ("top/../evil", tarfile.REGTYPE, b"x")],
        [("top", tarfile.DIRTYPE, b""), ("top/l", tarfile.SYMTYPE, ".."), ("top/l/evil", tarfile.REGTYPE, b"x")],
        [("top", tarfile.SYMTYPE, ".."), ("top/evil", tarfile.REGTYPE, b"x")],
        [("top", tarfile.DIRTYPE, b""), ("top/l", tarfile.SYMTYPE, ".."), ("top/l/evil", tarfile.DIRTYPE, b"")],
    ],
)
def test_nothing_is_written_outside(tmp_path: Path, members: list[tuple[str, bytes, str | bytes]]) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(ResourceError):
        unpack(archive(*members), tmp_path / "in/out", keep_owners=False)
    assert not list(tmp_path.rglob("evil"))


def test_links_and_devices_that_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    found = unpack(
        archive(
            ("top", tarfile.DIRTYPE, b""),
            ("top/hard", tarfile.LNKTYPE, "other/secret"),
            ("top/dev", tarfile.CHRTYPE, b""),
            ("top/file", tarfile.REGTYPE, b"x"),
        ),
        tmp_path / "out",
        keep_owners=False,
    )
    assert (found.files, found.left_out) == (1, 2)
    assert (tmp_path / "out/file").stat().st_mode & 0o7777 == 0o750


def test_what_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="no tar archive"):
        unpack([b"nothing of the kind" * 100], tmp_path / "out", keep_owners=False)
