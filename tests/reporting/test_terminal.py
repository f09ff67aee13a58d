"""Colour and animation."""

import io
import os
import pty
import termios

import pytest

from deployer.reporting.terminal import Terminal, columns, terminal


@pytest.mark.parametrize(
    ("mode", "environ", "is_tty", "colour", "animate"),
    [
        ("auto", {}, True, True, True),
        ("auto", {}, False, False, False),
        ("auto", {"NO_COLOR": "1"}, True, False, True),
        ("auto", {"NO_COLOR": ""}, True, True, True),
        ("auto", {"TERM": "dumb"}, True, False, False),
        ("auto", {"CI": "true"}, True, True, False),
        ("always", {"NO_COLOR": "1"}, False, True, False),
        ("never", {}, True, False, True),
    ],
)
def test_capabilities_of_a_stream(
    mode: str, environ: dict[str, str], is_tty: bool, colour: bool, animate: bool
) -> None:
    assert terminal(mode, environ, is_tty=is_tty) == Terminal(colour, animate)


def test_the_width_is_that_of_the_terminal_unless_the_environment_sets_one() -> None:
    assert columns({"COLUMNS": "100"}, io.StringIO()) == 0
    ours, theirs = pty.openpty()
    with os.fdopen(ours), os.fdopen(theirs, "w") as stream:
        termios.tcsetwinsize(theirs, (24, 132))
        assert columns({}, stream) == 132
        assert columns({"COLUMNS": "80"}, stream) == 80
        assert columns({"COLUMNS": "0"}, stream) == columns({"COLUMNS": "wide"}, stream) == 132
