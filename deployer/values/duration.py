"""Durations as in Compose (`1m30s`, `1.5s`, `500ms`), in nanoseconds, the engine's unit."""

from __future__ import annotations

import re
from decimal import Decimal

_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_UNITS["d"] = 24 * _UNITS["h"]
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d)")
SECOND = 10**9


def parse(value: int | float | str) -> int:
    """Nanoseconds. A bare number means seconds. Raises ValueError."""
    text = str(value).strip()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return int(Decimal(text) * SECOND)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"'{value}' is not a duration such as 30s, 1m30s or 500ms")
    return int(sum(Decimal(number) * _UNITS[unit] for number, unit in parts))


def parse_probe(value: int | float | str) -> int:
    """A healthcheck duration: the engine accepts 0 or at least 1 ms."""
    nanoseconds = parse(value)
    if 0 < nanoseconds < 10**6:
        raise ValueError(f"'{value}' is shorter than the engine's minimum of 1ms")
    return nanoseconds


def parse_seconds(value: int | float | str) -> int:
    """Whole seconds, rounded up, as in stop timeouts; -1 waits without a limit."""
    return -1 if str(value).strip() == "-1" else -(-parse(value) // SECOND)


def show(nanoseconds: int) -> str:
    """`1m30s`; the inverse of `parse`."""
    if nanoseconds == 0:
        return "0s"
    parts = []
    for unit in ("h", "m", "s", "ms", "us", "ns"):
        count, nanoseconds = divmod(nanoseconds, _UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def show_seconds(seconds: int) -> str:
    return "no limit" if seconds < 0 else show(seconds * SECOND)
