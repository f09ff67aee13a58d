"""Commands: text is split into words like in a POSIX shell, without expansion."""

from __future__ import annotations

import shlex


def parse(value: str) -> tuple[str, ...]:
    """Words of a command line. Raises ValueError for an unclosed quote."""
    try:
        return tuple(shlex.split(value))
    except ValueError as error:
        raise ValueError(f"'{value}' cannot be split into words: {str(error).lower()}") from None


def show(words: tuple[str, ...] | None) -> str:
    return shlex.join(words) if words else "[]"
