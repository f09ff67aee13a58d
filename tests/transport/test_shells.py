"""The shell of this machine: scripts with input, of any length. That of a host is tested with its files."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator

import pytest

from deployer.transport.shells import LocalShell

BIG = bytes(range(256)) * 20_000


def test_a_script_reads_what_it_is_given() -> None:
    done = LocalShell().perform(f"head -c {len(BIG)} | wc -c; echo bad >&2; exit 3", io.BytesIO(BIG))
    assert (done.status, done.output.strip(), done.errors) == (3, str(len(BIG)), "bad\n")
    assert LocalShell().perform("exit 4", io.BytesIO(BIG)).status == 4
    assert len(LocalShell().perform("head -c 100000 /dev/zero").output) == 100_000


def test_input_that_breaks_off_is_told() -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise OSError("the disk went away")

    with pytest.raises(OSError, match="the disk went away"):
        LocalShell().perform("cat", broken())


def test_a_script_that_ends_before_its_input_has_its_own_exit_code() -> None:
    def late() -> Iterator[bytes]:
        time.sleep(0.3)
        yield b"unread"

    assert LocalShell().perform("exit 3", late()).status == 3
