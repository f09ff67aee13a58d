"""Whether a process is no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.applying.processes import is_dead, this_process

pytestmark = pytest.mark.skipif(not Path("/proc/self/ns/pid").is_symlink(), reason="no /proc here")


def test_this_process_lives() -> None:
    assert str(os.getpid()) in this_process()
    assert not is_dead(this_process())


def test_another_is_dead_when_it_has_ended_even_before_its_parent_took_note() -> None:
    script = "from deployer.applying.processes import this_process; print(this_process(), flush=True); input()"
    child = subprocess.Popen([sys.executable, "-c", script], stdin=-1, stdout=-1, text=True)
    assert child.stdout is not None
    name = child.stdout.readline().strip()
    assert not is_dead(name)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_dead(name)
    child.communicate()
    assert is_dead(name)


def test_of_another_place_nothing_is_known() -> None:
    place, number, _ = this_process().rsplit("/", 2)
    assert is_dead(f"{place}/{number}/1")
    assert not is_dead(f"another boot{place}/{number}/1")
    for odd in ("", "/", "x/y/z", f"{place}/{number}/", f"{place}//1", "someone else"):
        assert not is_dead(odd)


def test_an_unsupported_system_gives_no_processes(tmp_path: Path) -> None:
    assert this_process(tmp_path) == ""
    assert not is_dead(this_process(), tmp_path)
