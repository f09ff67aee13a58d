"""Folders with backups: through a shell, and through what transfers files."""

from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.engine.backup_folders import FolderStore
from deployer.engine.shell_backups import ShellStore
from deployer.errors import FileError, ResourceError
from deployer.interfaces import Store, StoredFile
from deployer.transport.local_files import LocalFiles
from deployer.transport.shells import LocalShell
from deployer.usecases.backup_file import Header, frame, read
from tests.engine.full import full_disk
from tests.lab.shell import wait_for

DATA = os.urandom(3_000_001)
BEGINNING = frame(b'{"volume":"data","host":"web1","made":""}')


def shell_store(folder: Path, docker: str = "docker") -> ShellStore:
    return ShellStore(LocalShell(), str(folder), "web1:/", docker)


@pytest.fixture(params=["shell", "files"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    folder = tmp_path / "it's a/folder"
    if request.param == "shell":
        assert shell_store(folder).serves()
        return shell_store(folder)
    return FolderStore(LocalFiles(), str(folder), "web1:/")


def test_files_are_put_listed_read_and_removed(store: Store, tmp_path: Path) -> None:
    assert (store.list(), store.size("a b"), store.place("a b")) == ([], None, "web1:/a b")
    store.put("a b", [DATA[:10], b"", DATA[10:]])
    store.put("empty", [])
    (tmp_path / "it's a/folder/below").mkdir()
    assert store.list() == [StoredFile("a b", len(DATA)), StoredFile("empty", 0)]
    assert (store.size("a b"), store.fetch("a b", 0, 5), store.fetch("a b", 2_999_999, 100)) == (
        *(len(DATA), DATA[:5]),
        DATA[2_999_999:],
    )
    assert store.fetch("a b", 7, 2_000_000) == DATA[7:2_000_007]
    file = tmp_path / "it's a/folder/a b"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    store.put("a b", [b"new"])
    assert store.fetch("a b", 0, 100) == b"new"
    store.remove("a b")
    store.remove("a b")
    assert [each.name for each in store.list()] == ["empty"]


def test_a_file_is_whole_or_not_there(store: Store, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield DATA
        raise ResourceError("gone")

    store.put("a", [b"before"])
    with pytest.raises(ResourceError, match="gone"):
        store.put("a", broken())
    assert store.fetch("a", 0, 100) == b"before"
    assert [path.name for path in (tmp_path / "it's a/folder").iterdir()] == ["a"]
    (tmp_path / "file").touch()
    with pytest.raises(FileError):
        type(store).put(_in(store, tmp_path / "file/folder"), "a", [b"text"])
    with pytest.raises(FileError):
        store.fetch("missing", 0, 1)


def _in(store: Store, folder: Path) -> Store:
    return shell_store(folder) if isinstance(store, ShellStore) else FolderStore(LocalFiles(), str(folder), "")


def beats() -> Iterator[bytes]:
    while True:
        yield b" " * 16383 + b"\n"
        time.sleep(0.02)


def program(folder: Path, script: str) -> str:
    """A docker command that writes an archive, or does not."""
    with tarfile.open(folder / "it.tar", "w") as tar:
        member = tarfile.TarInfo("data/big")
        member.size = len(DATA)
        tar.addfile(member, io.BytesIO(DATA))
    (folder / "docker").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "docker").chmod(0o755)
    return f"{folder}/docker"


def test_a_backup_is_made_on_the_host(tmp_path: Path) -> None:
    docker = program(tmp_path, f'[ "$*" = "cp some:/data -" ] && cat {tmp_path}/it.tar')
    taken = shell_store(tmp_path / "to", docker).take("a.zst", ("cp", "some:/data", "-"), BEGINNING, beats())
    with (tmp_path / "to/a.zst").open("rb") as file:
        found = read(file, "it")
        assert (found.header, found.total.size) == (
            Header(volume="data", host="web1", made=""),
            (tmp_path / "it.tar").stat().st_size,
        )
        assert (found.total.sha256, found.total.size) == taken
        assert b"".join(found.chunks()) == (tmp_path / "it.tar").read_bytes()
    assert [path.name for path in (tmp_path / "to").iterdir()] == ["a.zst"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("head -c 100000 FOLDER/it.tar; echo no such thing >&2; exit 1", "a.zst: no such thing"),
        ("head -c 100000 FOLDER/it.tar", "the archive of the engine is incomplete"),
        ("exit 1", "status"),
    ],
)
def test_what_fails_there_leaves_nothing(tmp_path: Path, script: str, said: str) -> None:
    docker = program(tmp_path, script.replace("FOLDER", str(tmp_path)))
    with pytest.raises(FileError, match=said):
        shell_store(tmp_path / "to", docker).take("a.zst", ("cp",), BEGINNING, beats())
    assert list((tmp_path / "to").iterdir()) == []


def test_it_ends_with_the_connection(tmp_path: Path) -> None:
    docker = program(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 1000")

    def few() -> Iterator[bytes]:
        for beat in beats():
            yield beat
            if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
                raise ResourceError("interrupted")

    with pytest.raises(ResourceError, match="interrupted"):
        shell_store(tmp_path / "to", docker).take("a.zst", ("cp",), BEGINNING, few())
    assert list((tmp_path / "to").iterdir()) == []
    process = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}")
    wait_for(lambda: not process.exists(), 10, "the end of the command", 0.05)


def test_a_host_without_the_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("sh", "base64", "dd", "mktemp", "tail", "head", "stat"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert shell_store(tmp_path / "to").serves()
    assert shell_store(tmp_path / "to").take("a", ("cp",), BEGINNING, beats()) is None
    (tmp_path / "bin/base64").unlink()
    assert not shell_store(tmp_path / "to").serves()


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full_disk(tmp_path, monkeypatch)
    with pytest.raises(FileError, match=r"^web1:/a: dd: .*: No space left on device$") as raised:
        shell_store(tmp_path / "to").put("a", [DATA])
    assert raised.value.hint.startswith("free space")
    assert not any((tmp_path / "to").iterdir())
