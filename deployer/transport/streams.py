"""What every way to an engine offers: streams, opened on demand."""

from __future__ import annotations

import select
import socket
from typing import Any, Literal, Protocol

from deployer.errors import UnreachableError


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

    def close(self) -> None: ...


def socket_usable(sock: socket.socket) -> bool:
    """An idle HTTP connection has nothing to read: readable means that the other side closed it."""
    readable, _, _ = select.select([sock], [], [], 0)
    return not readable
