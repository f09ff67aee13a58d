"""Archives: files put into containers and volumes and read back, images saved and loaded."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import pytest

from deployer.engine import volume_data
from deployer.errors import EngineError
from tests.contract.sandbox import BUSYBOX, Sandbox, status_of

BIG = bytes(range(256)) * 12_000


def archive(**files: tuple[bytes, int, int]) -> bytes:
    """Of files by name with content, mode and owner, in a folder `conf` of its own."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        folder = tarfile.TarInfo("conf")
        folder.type, folder.mode, folder.uid = tarfile.DIRTYPE, 0o750, 70
        tar.addfile(folder)
        for name, (content, mode, uid) in files.items():
            member = tarfile.TarInfo(f"conf/{name}")
            member.size, member.mode, member.uid, member.gid = len(content), mode, uid, uid
            tar.addfile(member, io.BytesIO(content))
    return target.getvalue()


def pieces(data: bytes) -> Iterator[bytes]:
    return (data[start : start + 50_000] for start in range(0, len(data), 50_000))


def read(sandbox: Sandbox, ref: str, path: str) -> dict[str, tuple[bytes | None, int, int]]:
    with sandbox.engine.get_archive(ref, path) as chunks:
        data = b"".join(chunks)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {
            member.name: (found.read() if (found := tar.extractfile(member)) else None, member.mode & 0o777, member.uid)
            for member in tar
        }


PUT = {"conf": (None, 0o750, 70), "conf/a": (b"text", 0o640, 999), "conf/big": (BIG, 0o600, 0)}


def test_files_put_into_a_container_come_back(sandbox: Sandbox) -> None:
    """It need not run; content, mode and owner are kept, whether the archive comes in pieces, as a file or at once."""
    data = archive(a=(b"text", 0o640, 999), big=(BIG, 0o600, 0))
    for number, body in enumerate((pieces(data), io.BytesIO(data), [data])):
        key = sandbox.container(f"c{number}")
        sandbox.engine.put_archive(key, "/etc", body)
        assert read(sandbox, key, "/etc/conf") == PUT
        assert read(sandbox, key, "/etc/conf/a") == {"a": PUT["conf/a"]}


def test_what_is_no_folder_replaces_one_with_all_that_is_in_it(sandbox: Sandbox) -> None:
    """So a version of files is emptied, and a link leads to another one."""
    key = sandbox.container("c")
    for kind in (tarfile.REGTYPE, tarfile.SYMTYPE):
        sandbox.engine.put_archive(key, "/etc", [archive(a=(b"text", 0o640, 999))])
        target, member = io.BytesIO(), tarfile.TarInfo("conf")
        member.type, member.linkname = kind, "other" if kind == tarfile.SYMTYPE else ""
        with tarfile.open(fileobj=target, mode="w") as tar:
            tar.addfile(member)
        sandbox.engine.put_archive(key, "/etc", [target.getvalue()])
        with sandbox.engine.get_archive(key, "/etc/conf") as chunks, tarfile.open(fileobj=_whole(chunks)) as tar:
            assert [(found.name, found.type) for found in tar] == [("conf", kind)]
        sandbox.engine.put_archive(key, "/etc", [archive(b=(b"b", 0o600, 0))])
        assert set(read(sandbox, key, "/etc/conf")) == {"conf", "conf/b"}


def _whole(chunks: Iterator[bytes]) -> io.BytesIO:
    return io.BytesIO(b"".join(chunks))


def test_files_of_a_volume_outlive_the_container(sandbox: Sandbox) -> None:
    sandbox.volume("data")
    mounted = {"HostConfig": {"Binds": [f"{sandbox.name('data')}:/v"]}}
    sandbox.engine.put_archive(sandbox.container("one", mounted), "/", pieces(_volume_root()))
    found = read(sandbox, sandbox.container("two", mounted), "/v")
    assert found == {"v": (None, 0o700, 70), "v/file": (b"kept", 0o644, 70)}


def test_a_volume_is_filled_and_read_without_an_image_of_the_host(sandbox: Sandbox) -> None:
    engine, names = sandbox.engine, [sandbox.name("from"), sandbox.name("to")]
    sandbox.volumes += names
    volume_data.mounted(engine, names[0], "", {}).write([_volume_root("data")])
    with volume_data.mounted(engine, names[0], "", {}).read(changing=False) as chunks:
        volume_data.mounted(engine, names[1], "", {}).write(chunks)
    for name in names:
        volume_data.remove_helper(engine, name)
        mounted = {"HostConfig": {"Binds": [f"{name}:/v"]}}
        found = read(sandbox, sandbox.container(f"c{name}", mounted), "/v")
        assert found == {"v": (None, 0o700, 70), "v/file": (b"kept", 0o644, 70)}
        assert engine.inspect_container(volume_data.helper_name(name)) is None


def _volume_root(root: str = "v") -> bytes:
    """Names that begin with the mount point set the mode and owner of the volume's own root as well."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, kind, mode, content in (
            (root, tarfile.DIRTYPE, 0o700, b""),
            (f"{root}/file", tarfile.REGTYPE, 0o644, b"kept"),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.uid, member.size = kind, mode, 70, len(content)
            tar.addfile(member, io.BytesIO(content))
    return target.getvalue()


def test_missing_paths(sandbox: Sandbox) -> None:
    key, data = sandbox.container("c"), archive(a=(b"", 0o600, 0))
    assert status_of(sandbox.engine.put_archive, key, "/no/such", pieces(data)) == 404
    assert status_of(sandbox.engine.put_archive, sandbox.name("nobody"), "/etc", pieces(data)) == 404
    assert status_of(sandbox.engine.put_archive, sandbox.name("nobody"), "/etc", [b"\0" * 65536] * 100) == 404
    for ref, path in ((key, "/etc/conf/none"), (sandbox.name("nobody"), "/etc")):
        with pytest.raises(EngineError) as caught, sandbox.engine.get_archive(ref, path):
            pass
        assert caught.value.status == 404
    assert sandbox.engine.inspect_container(key) is not None


def test_what_is_at_a_path_is_told_without_its_content(sandbox: Sandbox) -> None:
    key = sandbox.container("c")
    sandbox.engine.put_archive(key, "/etc", [archive(a=(b"text", 0o640, 999))])
    target, link = io.BytesIO(), tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "conf/a"
    with tarfile.open(fileobj=target, mode="w") as tar:
        tar.addfile(link)
    sandbox.engine.put_archive(key, "/etc", [target.getvalue()])
    found = {path: sandbox.engine.stat_archive(key, f"/etc/{path}") for path in ("conf", "conf/a", "link", "none")}
    told = {path: each and (int(each["mode"]) >> 27, each["linkTarget"]) for path, each in found.items()}
    assert told == {"conf": (16, ""), "conf/a": (0, ""), "link": (1, "/etc/conf/a"), "none": None}
    assert (found["conf/a"] or {})["size"] == 4
    assert sandbox.engine.stat_archive(sandbox.name("nobody"), "/etc") is None


def test_an_archive_that_cannot_be_read_is_its_own_error(sandbox: Sandbox) -> None:
    """Not one of the connection; the engine goes on to answer."""
    key = sandbox.container("c")

    def broken() -> Iterator[bytes]:
        yield archive(a=(b"text", 0o640, 999))[:700]
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="the disk went away"):
        sandbox.engine.put_archive(key, "/etc", broken())
    assert sandbox.engine.inspect_container(key) is not None


def test_an_answer_that_is_not_read_to_the_end_does_no_harm(sandbox: Sandbox) -> None:
    key = sandbox.container("c")
    sandbox.engine.put_archive(key, "/etc", [archive(big=(BIG, 0o600, 0))])
    for _ in range(10):
        with sandbox.engine.get_archive(key, "/etc/conf") as chunks:
            assert next(chunks)
    assert sandbox.engine.inspect_container(key) is not None


def test_a_saved_image_is_loaded_again(sandbox: Sandbox) -> None:
    tag, heard = f"{sandbox.name('i')}:1", []
    image = sandbox.engine.inspect_image(BUSYBOX)
    assert image is not None
    sandbox.tags.append(tag)
    sandbox.engine.tag_image(BUSYBOX, tag)
    with sandbox.engine.save_images([tag]) as chunks:
        data = b"".join(chunks)
    sandbox.engine.remove_image(tag)
    assert sandbox.engine.inspect_image(tag) is None
    sandbox.engine.load_images(pieces(data), lambda message: heard.append(str(message.get("stream") or "")))
    found = sandbox.engine.inspect_image(tag)
    assert found is not None
    assert (found["Id"], found["Config"]["Cmd"]) == (image["Id"], image["Config"]["Cmd"])
    assert f"Loaded image: {tag}\n" in heard


def test_an_invalid_image_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(EngineError):
        sandbox.engine.load_images([archive(a=(b"text", 0o640, 0))], lambda _: None)
    with pytest.raises(EngineError), sandbox.engine.save_images([f"{sandbox.name('none')}:1"]) as chunks:
        list(chunks)


def test_sizes_are_those_of_the_files(sandbox: Sandbox) -> None:
    sandbox.volume("v")
    sandbox.volume("empty")
    key = sandbox.container("a", HostConfig={"Binds": [f"{sandbox.name('v')}:/x"]})
    sandbox.engine.put_archive(key, "/x", [archive(a=(b"0123456789", 0o644, 0), b=(b"01234", 0o600, 0))])
    sizes = sandbox.engine.volume_sizes()
    assert (sizes[sandbox.name("v")], sizes[sandbox.name("empty")]) == (15, 0)
