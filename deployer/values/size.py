"""Byte sizes as in Compose and the Docker CLI, with binary units: `64m` = `64MB` = `64MiB` = 67108864."""

from __future__ import annotations

import re
from decimal import Decimal

_UNITS = {"": 0, "b": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(?:([kmgtp])(?:i?b)?|b)?", re.IGNORECASE)


def parse(value: int | str) -> int:
    """Bytes. Text may have a binary unit. Raises ValueError."""
    if isinstance(value, int):
        if value < 0:
            raise ValueError(f"{value} is negative")
        return value
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise ValueError(f"'{value}' is not a size such as 512m, 1.5g or 67108864")
    number, unit = match.groups()
    exact = Decimal(number) * 1024 ** _UNITS[(unit or "").lower()]
    if 0 < exact < 1:
        raise ValueError(f"'{value}' is less than one byte, which would be read as 0, no limit")
    return int(exact)


def parse_or_unlimited(value: int | str) -> int:
    """Bytes, or -1 for no limit."""
    return -1 if str(value).strip() in ("-1", "unlimited") else parse(value)


def spell(size: int) -> int | str:
    """`512m`; bytes if no unit fits."""
    for power, unit in ((4, "t"), (3, "g"), (2, "m"), (1, "k")):
        if size >= 1024**power and size % 1024**power == 0:
            return f"{size // 1024**power}{unit}"
    return size


def show(size: int) -> str:
    """`512 MiB`: the largest exact unit; otherwise bytes."""
    if size < 0:
        return "unlimited"
    for power, unit in ((4, "TiB"), (3, "GiB"), (2, "MiB"), (1, "KiB")):
        if size >= 1024**power and size % 1024**power == 0:
            return f"{size // 1024**power} {unit}"
    return f"{size} B"


def show_rounded(size: int) -> str:
    """`1.5 GiB`, rounded, for amounts that are not declared."""
    power = next((power for power in (4, 3, 2, 1) if size >= 1024**power), 0)
    unit = ("B", "KiB", "MiB", "GiB", "TiB")[power]
    return f"{size / 1024**power:.1f} {unit}" if power else f"{size} B"
