"""Where a probe asks by HTTP, `:8080/healthz`, and which status codes are good, `200-399`."""

from __future__ import annotations

import re
from typing import Final

_WHERE: Final = re.compile(r":?(\d{1,5})(/[^\s\x00-\x20]*)?")
_STATUS: Final = re.compile(r"([1-5]\d\d)(?:-([1-5]\d\d))?")


def parse_port(value: int | str) -> int:
    """Raises ValueError."""
    text = str(value).removeprefix(":")
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError(f"'{value}' is not a port from 1 to 65535")
    return int(text)


def parse_where(text: str) -> tuple[int, str]:
    """Port and path. Raises ValueError."""
    found = _WHERE.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' does not have the form :PORT/PATH, such as :8080/healthz")
    return parse_port(found[1]), found[2] or "/"


def parse_status(value: int | str) -> tuple[int, int]:
    """The lowest and the highest good one. Raises ValueError."""
    found = _STATUS.fullmatch(str(value))
    lowest, highest = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if lowest > highest:
        raise ValueError(f"'{value}' is not a status such as 200, or a range such as 200-399")
    return lowest, highest
