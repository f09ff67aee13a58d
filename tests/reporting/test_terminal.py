"""Colour and animation."""

import pytest

from deployer.reporting.terminal import Terminal, terminal


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
def test_what_a_stream_can_show(mode: str, environ: dict[str, str], is_tty: bool, colour: bool, animate: bool) -> None:
    assert terminal(mode, environ, is_tty=is_tty) == Terminal(colour, animate)
