"""The capabilities of a stream: colour and animation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TextIO

from msgspec import Struct


class Terminal(Struct, frozen=True):
    """Whether a stream supports colours, and whether lines may be redrawn."""

    colour: bool = False
    animate: bool = False


def columns(environ: Mapping[str, str], stream: TextIO) -> int:
    """The width of a terminal, which COLUMNS may set; 0 for files and pipes, which have none."""
    if not stream.isatty():
        return 0
    said = environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 0


def terminal(mode: str, environ: Mapping[str, str], *, is_tty: bool) -> Terminal:
    """`mode` is `auto`, `always` or `never`. In `auto`, NO_COLOR and a dumb terminal disable colours. CI logs that
    claim to be terminals are not animated."""
    dumb = environ.get("TERM", "") == "dumb"
    automatic = is_tty and not dumb and not environ.get("NO_COLOR")
    colour = mode == "always" or (mode == "auto" and automatic)
    return Terminal(colour, animate=is_tty and not dumb and not environ.get("CI"))
