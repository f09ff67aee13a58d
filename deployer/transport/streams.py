"""The common interface of all connections to an engine: streams, opened on demand."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol

from deployer.errors import NotOfferedError, UnreachableError
from deployer.interfaces import Body, Files, Host, Login, Shell

if TYPE_CHECKING:
    from deployer.transport.gate import Gate
    from deployer.transport.opening import SharedSsh

CHUNK = 65536


class Stream(Protocol):
    """The part of a socket that is used here."""

    def sendall(self, data: bytes, /) -> None: ...
    def recv(self, size: int, /) -> bytes: ...
    def settimeout(self, seconds: float | None, /) -> None: ...
    def close(self) -> None: ...


class ConnectionLostError(UnreachableError):
    """The connection broke while a request was under way; whether the engine acted on it is unknown."""


class NoMoreStreamsError(UnreachableError):
    """The connection has as many streams as its server allows; another connection can have further ones."""


class StreamRefusedError(Exception):
    """No additional stream can be opened; existing ones still work."""


class Dialer(Protocol):
    """One engine's address. Safe to use from several threads."""

    @property
    def where(self) -> str:
        """For messages: `the Docker engine of web1`."""
        ...

    @property
    def loss_hint(self) -> str:
        """A likely cause of a broken connection, "" if there is none."""
        ...

    def dial(self) -> Stream:
        """A new stream to the engine; raises `UnreachableError` or `StreamRefusedError`."""
        ...

    def usable(self, stream: Stream) -> bool:
        """Whether a stream kept from an earlier request can serve another."""
        ...

    def end_writing(self, stream: Stream) -> None:
        """Signal the end of the data; the other side may still send."""
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
        """Signal the end of the data; reading continues."""
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


class Transport(Dialer, Protocol):
    """One connection to a host: streams to its engine, and its other services."""

    def shell(self) -> Shell: ...
    def files(self) -> Files: ...
    def connect(self, address: str, port: int) -> DuplexStream: ...
    @property
    def gives(self) -> bool: ...

    def login(self) -> Login: ...
    def give(self, reference: str, without: Collection[str], to: Login) -> None: ...


class Opening(Protocol):
    """What the `open_host` of a connector's module gets besides the description of the connection."""

    def over(self, transport: Transport) -> Host:
        """The host at the other end."""
        ...

    @property
    def gate(self) -> Gate: ...

    def ssh(self) -> SharedSsh:
        """What the SSH connections of a run share."""
        ...


class NoLogin:
    """A transport without SSH."""

    where: str
    gives = False

    def login(self) -> Login:
        raise NotOfferedError(f"no login leads to {self.where}")

    def give(self, reference: str, without: Collection[str], to: Login) -> None:
        raise NotOfferedError(f"{self.where} cannot log in to {to.host}")


class EngineOnly(NoLogin):
    """A transport that reaches only the engine of its host."""

    def shell(self) -> Shell:
        raise NotOfferedError(f"a connection to {self.where} alone offers no shell")

    def files(self) -> Files:
        raise NotOfferedError(f"a connection to {self.where} alone offers no files")

    def connect(self, address: str, port: int) -> DuplexStream:
        raise NotOfferedError(f"a connection to {self.where} alone offers no stream to {address}")


class BodyError(Exception):
    """The data to send could not be read; see the cause."""


def pieces(body: Body) -> Iterator[bytes]:
    """In pieces of 64 KiB where the source leaves the choice. Errors of the source become `BodyError`, so that they are
    kept apart from those of the connection."""
    read = getattr(body, "read", None)
    try:
        yield from body if read is None else iter(lambda: read(CHUNK), b"")
    except Exception as error:
        raise BodyError from error


@contextmanager
def explaining_stream(what: str) -> Iterator[None]:
    """Turns failures of a connection within a `with` block into `UnreachableError`."""
    try:
        yield
    except TimeoutError as error:
        raise UnreachableError(f"{what} did not answer in time") from error
    except (OSError, EOFError) as error:
        raise ConnectionLostError(f"{what} was lost: {error or type(error).__name__}") from error


def socket_stream(sock: socket.socket, what: str) -> DuplexStream:
    """A connected socket; `what` names it in messages."""
    return DuplexStream(sock, sock.recv, lambda: end_socket_writing(sock), sock.close, partial(explaining_stream, what))


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
