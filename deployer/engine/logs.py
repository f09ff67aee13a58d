"""Container output: decodes the engine's frames, and the lines of a log."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Sequence

from deployer.interfaces import LogLine, LogQuery

_HEADER = struct.Struct(">BxxxL")
_STDOUT = 1
_PART = 16 * 1024
"""Bytes after which the engine divides a line; each part has a time of its own."""

_LONGEST = 1024 * 1024
"""Bytes of a line that are kept together."""

_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ")


def demultiplex(data: bytes) -> bytes:
    """The payload of both streams in the order written.

    Without a terminal the engine frames output: stream (1 stdout, 2 stderr), three zero bytes, length of four bytes
    (Docker API, ContainerAttach, "Stream format"). A truncated last frame yields its available part.
    """
    return b"".join(_payloads(data))


def _payloads(data: bytes) -> Iterator[bytes]:
    position = 0
    while position + _HEADER.size <= len(data):
        _, length = _HEADER.unpack_from(data, position)
        position += _HEADER.size
        yield data[position : position + length]
        position += length


class Frames:
    """The frames of a stream that arrives in pieces."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Stream and payload of each frame that is complete."""
        data, position = self._pending + data, 0
        while position + _HEADER.size <= len(data):
            stream, length = _HEADER.unpack_from(data, position)
            end = position + _HEADER.size + length
            if end > len(data):
                break
            yield stream, data[position + _HEADER.size : end]
            position = end
        self._pending = data[position:]


def log_parameters(query: LogQuery) -> dict[str, str]:
    """Of `GET /containers/{id}/logs`."""
    found = {"stdout": "1", "stderr": "1", "timestamps": "1", "follow": "1" if query.follow else ""}
    found |= {"since": query.since, "until": query.until, "tail": "" if query.tail is None else str(query.tail)}
    return {name: value for name, value in found.items() if value}


def log_lines(chunks: Iterable[bytes], *, framed: bool) -> Iterator[Sequence[LogLine]]:
    """The lines of each piece of a log with times. `framed`: the container has no terminal."""
    lines = _FramedLines() if framed else _TerminalLines()
    for chunk in chunks:
        if found := lines.feed(chunk):
            yield found
    if rest := lines.rest():
        yield rest


class _FramedLines:
    """A frame without a newline at its end is a part of a line: the next one of its stream goes on with it."""

    def __init__(self) -> None:
        self._frames = Frames()
        self._parts: dict[int, tuple[bytes, bytes]] = {}

    def feed(self, data: bytes) -> list[LogLine]:
        lines = []
        for stream, payload in self._frames.feed(data):
            time, _, text = payload.partition(b" ")
            if self._parts and stream in self._parts:
                time, before = self._parts.pop(stream)
                text = before + text
            if text.endswith(b"\n") or len(text) > _LONGEST:
                lines.append(_line(time, stream, text))
            else:
                self._parts[stream] = time, text
        return lines

    def rest(self) -> list[LogLine]:
        return [_line(time, stream, text) for stream, (time, text) in sorted(self._parts.items())]


class _TerminalLines:
    """The output of a terminal has no frames; the times of a long line's later parts stand inside it."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> list[LogLine]:
        *lines, self._pending = (self._pending + data).split(b"\n")
        if len(self._pending) > _LONGEST:
            lines.append(self._pending)
            self._pending = b""
        return [self._line(line) for line in lines]

    def rest(self) -> list[LogLine]:
        return [self._line(self._pending)] if self._pending else []

    def _line(self, line: bytes) -> LogLine:
        stamp = _STAMP.match(line)
        parts, start = [], stamp.end() if stamp else 0
        while (later := _STAMP.match(line, start + _PART)) is not None:
            parts.append(line[start : later.start()])
            start = later.end()
        return _line(line[:30] if stamp else b"", _STDOUT, b"".join((*parts, line[start:])))


def _line(time: bytes, stream: int, text: bytes) -> LogLine:
    text = text.removesuffix(b"\n").removesuffix(b"\r")
    return LogLine(time.decode(errors="replace"), stream, text.decode(errors="replace"))
