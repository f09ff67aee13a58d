"""Files as input: what is none, is too long or never comes is an error, in seconds."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from deployer.config import files
from deployer.config.files import read_file


def test_files_pipes_and_dev_null(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"a: 1")
    assert (read_file(tmp_path / "file"), read_file("/dev/null")) == (b"a: 1", b"")
    read, write = os.pipe()
    os.write(write, b"pass")
    os.close(write)
    assert read_file(f"/dev/fd/{read}") == b"pass"
    os.close(read)
    os.mkfifo(tmp_path / "pipe")
    threading.Timer(0.2, lambda: (tmp_path / "pipe").write_bytes(b"x" * 300_000)).start()
    assert read_file(tmp_path / "pipe") == b"x" * 300_000


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("/dev/zero", "it is not a file"),
        ("/", "Is a directory"),
        ("long", "it has more than 16 MiB"),
        ("pipe", "nothing was written to this pipe for 0.1 s"),
        ("none", "No such file or directory"),
    ],
)
def test_files_that_are_not_input(name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PATIENCE", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "long").open("wb") as file:
        file.truncate(60_000_000)
    with pytest.raises(OSError) as caught:
        read_file(tmp_path / name)
    assert caught.value.strerror == message
