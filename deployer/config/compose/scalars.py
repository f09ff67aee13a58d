"""Plain scalars as Compose reads them: `0777` is 511, `3.10` is 3.1, `1_000` is 1000, and `1e3` is 1000."""

from __future__ import annotations

import re
from typing import Final

from deployer.config.yaml import scalar_value

_INTEGER: Final = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]?([0-7]+)|0[bB]([01]+)|(0|[1-9][0-9]*))")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASES: Final = (16, 8, 2, 10)
_EXACT: Final = 1e21
"""Larger numbers are written with an exponent."""


def compose_scalar(text: str) -> bool | int | float | str | None:
    """The value of a plain (unquoted) scalar in a Compose file."""
    digits = text.replace("_", "") if text[:1] in "+-.0123456789" else text
    if (found := _INTEGER.fullmatch(digits)) is not None:
        number = next(int(part, base) for part, base in zip(found.groups()[1:], _BASES, strict=True) if part)
        return -number if found[1] == "-" else number
    if _FLOAT.fullmatch(digits) is not None:
        value = float(digits)
        return int(value) if value.is_integer() and abs(value) < _EXACT else value
    return scalar_value(text)
