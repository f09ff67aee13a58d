"""Programs of the user's: they end in time, or are ended."""

from __future__ import annotations

import os
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deployer.errors import RefusedError
from deployer.usecases import system
from deployer.usecases.system import run_script, write_private


def test_output_of_a_program() -> None:
    found = run_script(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (found.status, found.stdout, found.stderr) == (3, "out\n", "err\n")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo $$ > pid; sleep 60 & sleep 60", "it did not end within 0.3 s"),
        ("echo $$ > pid; yes", "it printed more than 1 MiB"),
        ("echo $$ > pid; exec >&-; sleep 60", "it did not end within 0.3 s"),
    ],
)
def test_one_that_hangs_or_prints_for_ever(
    script: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(system, "_PROGRAM_TIME", 0.3)
    monkeypatch.setattr(system, "_PROGRAM_OUTPUT", 1024**2)
    began = time.monotonic()
    with pytest.raises(OSError) as caught:
        run_script(["sh", "-c", script])
    assert (caught.value.strerror, time.monotonic() - began < 10) == (message, True)
    assert not Path(f"/proc/{Path('pid').read_text().strip()}").exists()


def test_one_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        run_script(["/nowhere/program"])


def test_the_key_that_seals_secrets_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: system.sealing_key(), range(4)))
    assert [len(key) for key in found] == [32]
    path = tmp_path / "state/deployer/sealing.key"
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (found.pop(), 0o600)
    assert [each.name for each in path.parent.iterdir()] == ["sealing.key"]


def test_there_is_no_key_where_none_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert system.sealing_key() == b""
    (tmp_path / "deployer").mkdir()
    (tmp_path / "deployer/sealing.key").write_bytes(b"cut off")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert system.sealing_key() == b"", "a damaged key is not replaced"


def test_a_question_without_an_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(_text: str) -> str:
        raise EOFError

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("getpass.getpass", ended)
    with pytest.raises(RefusedError, match="no answer to: BECOME password"):
        system.prompt("BECOME password")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    for text, instead in (("BECOME password", "ansible_become_password"), ("Vault password", "a password file")):
        with pytest.raises(RefusedError, match=f"cannot ask: {text}") as caught:
            system.prompt(text)
        assert instead in caught.value.hint


def test_only_regular_files_are_made_private(tmp_path: Path) -> None:
    file, pipe = tmp_path / "file", tmp_path / "pipe"
    file.touch(0o644)
    os.mkfifo(pipe, 0o644)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        for path in (file, pipe):
            write_private(str(path), "text")
        assert os.read(reader, 10) == b"text"
    finally:
        os.close(reader)
    assert (stat.filemode(file.stat().st_mode), stat.filemode(pipe.stat().st_mode)) == ("-rw-------", "prw-r--r--")
