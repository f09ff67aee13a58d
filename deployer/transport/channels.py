"""SSH channels as the sockets that `http.client` expects."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    import paramiko

_BEGINNING = b"HTTP/"
_BUFFER = 32768
"""Bytes read at once; the size of an SSH data packet."""


class ChannelSocket:
    """One byte stream over an SSH connection.

    `on_nonsense` is called when the stream ends at once or begins with something that is no HTTP, and raises what
    explains it: a command that could not do its work says why. It gets what was read.
    """

    def __init__(self, channel: paramiko.Channel, on_nonsense: Callable[[bytes], NoReturn] | None = None) -> None:
        self._channel = channel
        self._on_nonsense = on_nonsense
        self._started = False
        self._readers = 0
        self._closing = False

    @property
    def usable(self) -> bool:
        """Whether the other side still listens."""
        return not (self._channel.closed or self._channel.eof_received)

    def settimeout(self, seconds: float | None) -> None:
        """How long a read or write may wait before it raises TimeoutError."""
        self._channel.settimeout(seconds)

    def sendall(self, data: bytes) -> None:
        try:
            self._channel.sendall(data)
        except TimeoutError:
            raise
        except OSError:
            if not self._channel.recv_ready():
                self._examine(b"")
            raise

    def recv(self, size: int) -> bytes:
        data = self._channel.recv(size)
        if not self._started:
            self._examine(data)
        return data

    def makefile(self, mode: str = "rb", *_: object) -> io.BufferedReader:
        """A buffered reader; the channel closes when it and the socket are closed."""
        if mode != "rb":
            raise ValueError(f"mode {mode!r}")
        self._readers += 1
        return io.BufferedReader(_ChannelReader(self), _BUFFER)

    def end_writing(self) -> None:
        """Tell the other side that nothing more comes."""
        self._channel.shutdown_write()

    def close(self) -> None:
        self._closing = True
        self._close_when_unused()

    def reader_closed(self) -> None:
        self._readers -= 1
        self._close_when_unused()

    def _close_when_unused(self) -> None:
        if self._closing and self._readers <= 0:
            with contextlib.suppress(OSError, EOFError):
                self._channel.close()

    def _examine(self, beginning: bytes) -> None:
        expected = bool(beginning) and beginning[: len(_BEGINNING)] == _BEGINNING[: len(beginning)]
        if not expected and not self._started and self._on_nonsense is not None:
            self._on_nonsense(beginning)
        self._started = self._started or expected


class _ChannelReader(io.RawIOBase):
    def __init__(self, source: ChannelSocket) -> None:
        super().__init__()
        self._source = source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # typeshed's Buffer is wider
        data = self._source.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._source.reader_closed()
        super().close()
