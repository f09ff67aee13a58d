"""JSON into records, in several threads at once.

Two threads that use a type of msgspec for the first time at once crash the process (msgspec 0.22: the second
one finds its description unfinished). One at a time costs nothing: a conversion holds the interpreter anyway.
"""

from __future__ import annotations

import threading
from typing import Final, TypeVar

import msgspec

Found = TypeVar("Found")

_ONE_AT_A_TIME: Final = threading.Lock()


def convert(value: object, kind: type[Found]) -> Found:
    """Raises `msgspec.ValidationError`, `RecursionError`."""
    with _ONE_AT_A_TIME:
        return msgspec.convert(value, kind)


def decode(text: str | bytes, kind: type[Found]) -> Found:
    """Raises `ValueError`, `RecursionError`."""
    with _ONE_AT_A_TIME:
        return msgspec.json.decode(text, type=kind)
