"""What every way to an engine offers: streams, opened on demand."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

from deployer.errors import NotOfferedError, UnreachableError


class Stream(Protocol):
    """The part of a socket that `http.client` uses."""

    def sendall(self, data: bytes, /) -> None: ...
    def settimeout(self, seconds: float | None, /) -> None: ...
    def makefile(self, mode: Literal["rb"], /) -> Any: ...
    def close(self) -> None: ...


class ConnectionLostError(UnreachableError):
    """The connection broke while a request was under way; whether the engine acted on it is unknown."""


class StreamRefusedError(Exception):
    """No further stream can be opened beside those there are; those still work."""


class Dialer(Protocol):
    """One engine's address. Safe to use from several threads."""

    @property
    def where(self) -> str:
        """For messages: `the Docker engine of web1`."""
        ...

    @property
    def loss_hint(self) -> str:
        """What may be behind a connection that breaks, "" for nothing particular."""
        ...

    def dial(self) -> Stream:
        """A new stream to the engine; raises `UnreachableError` or `StreamRefusedError`."""
        ...

    def usable(self, stream: Stream) -> bool:
        """Whether a stream kept from an earlier request can serve another."""
        ...

    def end_writing(self, stream: Stream) -> None:
        """Tell the other side that nothing more comes; it may still send."""
        ...

    def close(self) -> None: ...


class DuplexStream:
    """Bytes in both directions, of which either may end first. `explaining` turns what its stream raises into
    `UnreachableError`."""

    def __init__(
        self,
        stream: Stream,
        receive: Callable[[int], bytes],
        end_writing: Callable[[], None],
        close: Callable[[], None],
        explaining: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._stream = stream
        self._receive = receive
        self._end_writing = end_writing
        self._close = close
        self._explaining = explaining

    def read(self, size: int = 65536) -> bytes:
        """What has arrived, at least one byte and at most `size`; b"" when the other side ended its direction."""
        with self._explaining():
            return self._receive(size)

    def write(self, data: bytes) -> None:
        with self._explaining():
            self._stream.sendall(data)

    def end_writing(self) -> None:
        """Tell the other side that nothing more comes; reading goes on."""
        with self._explaining():
            self._end_writing()

    def settimeout(self, seconds: float | None) -> None:
        """How long a read or a write may wait."""
        self._stream.settimeout(seconds)

    def close(self) -> None:
        close, self._close = self._close, _nothing
        close()

    def __enter__(self) -> DuplexStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _nothing() -> None:
    """It is closed already."""


def end_socket_writing(stream: Stream) -> None:
    """Raises `NotOfferedError`: TLS cannot end one direction alone."""
    import ssl

    if isinstance(stream, ssl.SSLSocket):
        raise NotOfferedError("over TLS a stream cannot be ended in one direction only")
    assert isinstance(stream, socket.socket)
    stream.shutdown(socket.SHUT_WR)


def socket_usable(sock: socket.socket) -> bool:
    """An idle HTTP connection has nothing to read: readable means that the other side closed it."""
    readable, _, _ = select.select([sock], [], [], 0)
    return not readable
