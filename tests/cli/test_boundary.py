"""Where errors end."""

import os
import signal
import subprocess
import sys
import time

import pytest

from deployer.cli.interrupt import ABORTED, STOPPING, Interrupt
from deployer.errors import DeployerError, ExitCode, InputError, RefusedError, UnreachableError
from tests.cli.runs import Shop

PLAN = ("plan", "-i", "hosts.yml", "shop.yml")


def fail_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def broken(*_given: object) -> None:
        raise error

    monkeypatch.setattr("deployer.usecases.plan.plan", broken)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (DeployerError("broken", hint="mend it"), 1),
        (UnreachableError("broken", hint="mend it"), 4),
        (RefusedError("broken", hint="mend it"), 5),
    ],
)
def test_an_error_of_ours_is_a_message_a_hint_and_its_code(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, error: DeployerError, code: int
) -> None:
    fail_with(monkeypatch, error)
    found = shop.run(*PLAN)
    assert (found.code, found.out, found.err) == (code, "", "error: broken\n  hint: mend it\n")


def test_an_input_error_without_diagnostics_is_still_an_error(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, InputError(()))
    assert shop.run(*PLAN).code == 1


def test_anything_else_is_one_line(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, ZeroDivisionError("division by zero\nand more"))
    found = shop.run(*PLAN)
    assert (found.code, found.out) == (1, "")
    assert found.err.splitlines() == [
        "error: internal error: ZeroDivisionError: division by zero",
        "  hint: this is a bug in deployer; --debug shows the traceback",
    ]


def test_debug_shows_where_it_happened(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, ZeroDivisionError("oops"))
    found = shop.run(*PLAN, "--debug")
    assert found.err.startswith("Traceback (most recent call last):\n")
    assert found.err.endswith("error: internal error: ZeroDivisionError: oops\n")


def test_ctrl_c_ends_with_130(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    fail_with(monkeypatch, KeyboardInterrupt())
    found = shop.run(*PLAN)
    assert (found.code, found.err) == (130, "interrupted\n")


def test_a_closed_output_is_silent(shop: Shop) -> None:
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-m", "deployer.cli", *PLAN]
    found = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert (found.returncode, found.stderr) == (1, b"")


def test_a_reader_that_went_away_stops_no_work(shop: Shop) -> None:
    words = [sys.executable, "-m", "deployer.cli", "apply", "-i", "hosts.yml", "shop.yml", "--yes", "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b'{"format_version"')
        process.stdout.close()
        assert process.wait() == 0
    assert shop.run(*PLAN, "--detailed-exitcode").code == 0


def test_the_first_signal_stops_the_second_aborts() -> None:
    said: list[str] = []
    aborted: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    with Interrupt(said.append, aborted.append) as interrupt:
        assert not interrupt.stop.is_set()
        os.kill(os.getpid(), signal.SIGINT)
        _settle()
        assert interrupt.stop.is_set()
        assert (said, aborted) == ([STOPPING], [])
        os.kill(os.getpid(), signal.SIGTERM)
        _settle()
    assert said[1] == ABORTED
    assert aborted == [ExitCode.INTERRUPTED]
    assert signal.getsignal(signal.SIGINT) is before


def _settle() -> None:
    """Python runs the handler between two instructions after the signal has come."""
    time.sleep(0.01)
