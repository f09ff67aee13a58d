"""Programs of the user's: they end in time, or are ended."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from deployer.usecases import system
from deployer.usecases.system import run_script


def test_what_a_program_says() -> None:
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
