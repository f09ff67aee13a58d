"""Files of a host, read through a container that mounts its root: that of a simulated host."""

from __future__ import annotations

import hashlib
import io
import tarfile

import pytest

from deployer.engine import mounted_files
from deployer.engine.mounted_files import MountedFiles
from deployer.errors import FileError
from deployer.interfaces import FileKind
from deployer.simulated import SimulatedEngine

LARGE = bytes(9 * 1024 * 1024)
TABLES = {"etc/passwd": b"root:x:0:0::/root:/bin/sh\napp:x:7:8::/:/bin/sh\n", "etc/group": b"staff:x:8:\n"}


def store(files: dict[str, bytes], links: dict[str, str] | None = None) -> MountedFiles:
    """Links lead to a path in the container; those of the host that are absolute seem to leave its root."""
    engine = SimulatedEngine()
    engine.pull_image("docker.io/library/busybox:1", "", None, lambda _message: None)
    mounts = [{"Type": "bind", "Source": "/", "Target": "/host"}]
    engine.create_container("reader", {"Image": "busybox:1", "HostConfig": {"Mounts": mounts}}, "")
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.uid, member.gid = len(content), 0o640, 7, 8
            if name.endswith("/"):
                member.type, member.mode = tarfile.DIRTYPE, 0o750
            tar.addfile(member, io.BytesIO(content))
        for name, leads_to in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, leads_to
            tar.addfile(member)
    engine.put_archive("reader", "/host", [target.getvalue()])
    return MountedFiles(engine, "reader", "/host")


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("several", [1, 3, 100])
@pytest.mark.parametrize("beside", [b"", LARGE])
def test_however_they_are_read_the_same_is_found(monkeypatch: pytest.MonkeyPatch, several: int, beside: bytes) -> None:
    """One by one, or with the directory, unless that is large."""
    monkeypatch.setattr(mounted_files, "_SEVERAL", several)
    files = {f"srv/app/{name}": name.encode() for name in "abc"} | {"srv/app/.b.deployer-old": b"b0"}
    reader = store(TABLES | {"srv/app/": b""} | files | {"srv/app/log": beside}, {"srv/app/l": "a"})
    paths = [f"/srv/app/{name}" for name in "abcl"]
    found = reader.look([*paths, "/srv/app", "/srv/app/none", "/none/x"], folders=["/", "/srv", "/none", "/srv/app/a"])
    assert sorted(found) == ["/", "/srv", "/srv/app", *paths]
    assert [found[path].identity for path in paths] == [sha(b"a"), sha(b"b"), sha(b"c"), "link a"]
    a = found["/srv/app/a"]
    assert (a.kind, a.size, a.mode, a.uid, a.user, a.group, a.path) == (
        FileKind.FILE, 1, 0o640, 7, "app", "staff", "/srv/app/a",
    )  # fmt: skip
    assert [path for path in paths if found[path].left] == ["/srv/app/b"]
    assert (found["/srv/app"].kind, found["/srv/app"].mode) == (FileKind.DIRECTORY, 0o750)
    assert found["/srv"].kind is FileKind.DIRECTORY


def test_links_above_a_file_are_those_of_the_host() -> None:
    files = {"data/app/conf": b"text", "data/app/big": LARGE, "etc/plain": b"no directory"}
    links = {"etc/app": "/data/app", "loop": "/loop", "data/up": "/host/data"}
    reader = store(files, links)
    assert reader.look(["/etc/app/conf"])["/etc/app/conf"].identity == sha(b"text")
    assert reader.look(["/data/up/app/conf"]).keys() == {"/data/up/app/conf"}
    assert reader.look(["/etc/plain/x", "/etc/none/x"]) == {}
    assert (reader.text("/etc/app/conf"), reader.text("/etc/app/big")) == ("text", None)
    with pytest.raises(FileError, match="too many symbolic links"):
        reader.look(["/loop/x"])


def test_what_is_below_a_directory_is_read_at_once() -> None:
    files = {"srv/d/": b"", "srv/d/a": b"a", "srv/d/in/": b"", "srv/d/in/b": b"b", "srv/d/big": LARGE}
    reader = store(files, {"etc/d": "/srv"})
    found = reader.look(["/etc/d/d", "/etc/d/d/a", "/srv/d/a", "/etc/d"], trees=["/etc/d/d", "/etc/d"])
    assert found["/etc/d/d"].below == ("/etc/d/d/a", "/etc/d/d/big", "/etc/d/d/in", "/etc/d/d/in/b")
    assert found["/etc/d/d/a"].identity == found["/srv/d/a"].identity == sha(b"a")
    assert found["/etc/d"].below == ()
