"""The part of protobuf that BuildKit's messages consist of: whole numbers, bytes, and messages in messages."""

from __future__ import annotations

from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_LONGEST = 10
"""Bytes of a number."""


class Message:
    """The fields of a message, by number, in the order they came. Raises ValueError for what is no message."""

    def __init__(self, data: bytes) -> None:
        self._fields: dict[int, list[int | bytes]] = {}
        for number, value in _fields(data):
            self._fields.setdefault(number, []).append(value)

    def data(self, number: int) -> bytes:
        """The last one of a field; b"" without one."""
        return next((value for value in reversed(self._all(number)) if isinstance(value, bytes)), b"")

    def text(self, number: int) -> str:
        return self.data(number).decode(errors="replace")

    def number(self, number: int) -> int:
        return next((value for value in reversed(self._all(number)) if isinstance(value, int)), 0)

    def has(self, number: int) -> bool:
        return number in self._fields

    def messages(self, number: int) -> Iterator[Message]:
        return (Message(value) for value in self._all(number) if isinstance(value, bytes))

    def _all(self, number: int) -> list[int | bytes]:
        return self._fields.get(number, [])


def encode(fields: dict[int, int | str | bytes]) -> bytes:
    """A message; values that are zero or empty are left out, as proto3 does."""
    return b"".join(_field(number, value) for number, value in fields.items() if value)


def _field(number: int, value: int | str | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3 | _VARINT) + _varint(value)
    data = value.encode(errors="surrogateescape") if isinstance(value, str) else value
    return _varint(number << 3 | _BYTES) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _read_varint(data, at)
            yield key >> 3, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if kind == _BYTES:
            size, at = _read_varint(data, at)
        if size is None or at + size > len(data):
            raise ValueError("not a protobuf message")
        yield key >> 3, data[at : at + size]
        at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for count in range(_LONGEST):
        if at + count >= len(data):
            break
        byte = data[at + count]
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value, at + count + 1
    raise ValueError("not a protobuf message")
