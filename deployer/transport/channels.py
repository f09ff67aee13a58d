"""SSH channels as the sockets that `http.client` expects."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import paramiko

_BUFFER = 32768
"""Bytes read at once; the size of an SSH data packet."""


class ChannelSocket:
    """One byte stream over an SSH connection.

    `on_early_end` is called when the stream ends before its first byte, and may raise what explains it: a command
    that could not do its work says why on its standard error.
    """

    def __init__(
        self,
        channel: paramiko.Channel,
        on_early_end: Callable[[], None] | None = None,
    ) -> None:
        self._channel = channel
        self._on_early_end = on_early_end
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
            self._explain_end()
            raise

    def recv(self, size: int) -> bytes:
        data = self._channel.recv(size)
        if data:
            self._started = True
        else:
            self._explain_end()
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

    def _explain_end(self) -> None:
        if not self._started and self._on_early_end is not None:
            self._on_early_end()


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
