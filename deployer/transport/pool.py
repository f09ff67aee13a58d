"""HTTP/1.1 to one engine over a few kept streams.

`http.client` speaks the protocol; this module bounds the number of streams, keeps them for the next request and turns
every failure of the connection into `UnreachableError`. It knows nothing of Docker.
"""

from __future__ import annotations

import http.client
import io
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.message import Message
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from deployer.errors import UnreachableError
from deployer.interfaces import Body
from deployer.transport.streams import (
    CHUNK,
    BodyError,
    ConnectionLostError,
    Dialer,
    DuplexStream,
    NoMoreStreamsError,
    Stream,
    StreamRefusedError,
    pieces,
)

MAX_STREAMS = 8
"""Streams to one engine at once: below sshd's default MaxSessions of 10, which `dial-stdio` counts against."""

LARGEST = 64 * 1024 * 1024
"""Bytes of an answer that is read whole."""

LONGEST = 240.0
"""Seconds that an answer may take beyond what a single wait may take."""

_BUFFER = 32768
"""Bytes read at once; the size of an SSH data packet."""

IDEMPOTENT = ("GET", "HEAD")
_SWITCHING = 101
"""The status of an answer after which the connection is a plain stream (RFC 9110, section 15.2.2)."""


class Request(Struct, frozen=True):
    """`timeout` is in seconds, for each wait on the stream; None waits for ever. A `body` that comes in pieces is sent
    in chunks as it comes, unless `headers` give its `Content-Length`. A header with several values is sent several
    times."""

    method: str
    target: str
    body: bytes | Body | None = None
    headers: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    timeout: float | None = 60.0


class _OverdueError(TimeoutError):
    """An answer that comes, but too slowly."""


class _TooLargeError(http.client.HTTPException):
    """An answer of more than `LARGEST`."""


class _Timed:
    """A stream as the socket of `http.client`, which closes it when it and its reader are closed. Each wait takes at
    most `timeout` seconds, and none lasts beyond the deadline."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._timeout: float | None = None
        self._deadline: float | None = None
        self._users = 1

    def limit(self, timeout: float | None, total: float | None) -> None:
        self._timeout, self._deadline = timeout, None if total is None else time.monotonic() + total
        self.stream.settimeout(timeout)

    def sendall(self, data: bytes) -> None:
        self._wait()
        self.stream.sendall(data)

    def recv(self, size: int) -> bytes:
        self._wait()
        try:
            return self.stream.recv(size)
        except TimeoutError as error:
            if error.errno is None:
                self._wait()
            raise

    def makefile(self, _mode: str) -> io.BufferedReader:
        self._users += 1
        return io.BufferedReader(_Reader(self), _BUFFER)

    def close(self) -> None:
        self._users -= 1
        if self._users == 0:
            self.stream.close()

    def _wait(self) -> None:
        if self._deadline is None:
            return
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise _OverdueError
        if self._timeout is None or left < self._timeout:
            self.stream.settimeout(left)


class _Reader(io.RawIOBase):
    def __init__(self, source: _Timed) -> None:
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
            self._source.close()
        super().close()


class _Connection(http.client.HTTPConnection):
    """An HTTP connection whose socket is any stream. `unsent`: its last request was not sent to the end."""

    sock: Any

    def __init__(self, dialer: Dialer) -> None:
        super().__init__("docker")
        self._dialer = dialer
        self.unsent = False

    def connect(self) -> None:
        self.sock = _Timed(self._dialer.dial())

    @property
    def usable(self) -> bool:
        return self.sock is not None and self._dialer.usable(self.sock.stream)

    def ask(self, request: Request, total: float | None) -> http.client.HTTPResponse:
        """Send, and wait for status and headers. An engine that answers before it has read the whole body, to refuse
        the request, may close the connection: its answer counts then."""
        self.sock.limit(request.timeout, total)
        body = request.body
        sent = body if body is None or isinstance(body, bytes) else pieces(body)
        try:
            self.request(request.method, request.target, sent, _message(request.headers))
        except OSError as error:
            self.unsent = True
            if isinstance(error, TimeoutError):
                raise
            try:
                return self.getresponse()
            except (OSError, EOFError, http.client.HTTPException):
                raise error from None
        return self.getresponse()


def _message(headers: Mapping[str, str | Sequence[str]]) -> Any:
    found = Message()
    for name, values in headers.items():
        for value in (values,) if isinstance(values, str) else values:
            found[name] = value
    return found


class Answer:
    """One response. Read it to the end or close it: either gives its stream back."""

    def __init__(
        self, pool: HttpPool, request: Request, connection: _Connection, response: http.client.HTTPResponse
    ) -> None:
        self._pool = pool
        self._request = request
        self._connection: _Connection | None = connection
        self.response = response
        self.status = response.status
        self.headers = response.headers

    def read(self) -> bytes:
        """Everything; raises `UnreachableError` when the connection breaks before the end, and for more than
        `LARGEST`."""
        parts, left = [], LARGEST
        with self._pool.explaining(self._request):
            while not self.response.isclosed() and (part := self.response.read(left + 1)):
                parts.append(part)
                left -= len(part)
                if left < 0:
                    raise _TooLargeError
            if self.response.length:
                raise http.client.IncompleteRead(b"", self.response.length)
        self.close()
        return b"".join(parts)

    def read_some(self) -> bytes:
        """What has arrived, at least one byte; b"" at the end."""
        with self._pool.explaining(self._request):
            data = self.response.read1(CHUNK)
        if not data:
            self.close()
        return data

    def chunks(self) -> Iterator[bytes]:
        """The rest of the answer as it comes."""
        while chunk := self.read_some():
            yield chunk

    def upgraded(self) -> DuplexStream:
        """The connection as a plain stream, once the engine agreed."""
        connection, self._connection = self._connection, None
        assert connection is not None
        stream, pool = connection.sock.stream, self._pool
        return DuplexStream(
            stream,
            self.response.fp.read1,
            lambda: pool.dialer.end_writing(stream),
            lambda: pool.give_back(connection, whole=False),
            lambda: pool.explaining(self._request),
        )

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        whole = self.response.isclosed() and not connection.unsent
        self.response.close()
        self._pool.give_back(connection, whole=whole)

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Reply(Struct, frozen=True):
    """A response read whole."""

    status: int
    headers: Message
    body: bytes


class HttpPool:
    """Sends requests to one engine. Safe to use from several threads."""

    def __init__(self, dialer: Dialer, limit: int = MAX_STREAMS, on_close: Callable[[], None] | None = None) -> None:
        self.dialer = dialer
        self._on_close = on_close
        self._slots = threading.Semaphore(limit)
        self._lock = threading.Lock()
        self._idle: list[_Connection] = []
        self._open = 0
        self._closed = False

    def fetch(self, request: Request) -> Reply:
        """Send, and read the answer whole. A GET whose connection broke is sent once more over a new one.

        Raises `UnreachableError`.
        """
        try:
            return self._fetch(request)
        except ConnectionLostError:
            if request.method not in IDEMPOTENT:
                raise
        return self._fetch(request)

    def open(self, request: Request, total: float | None = None) -> Answer:
        """Send, and wait for status and headers; for answers that are read as they come. `total`: seconds until the
        answer must have been read. Raises `UnreachableError`."""
        connection = self._take()
        try:
            with self.explaining(request):
                response = connection.ask(request, total)
        except BodyError as error:
            self.give_back(connection, whole=False)
            assert error.__cause__ is not None
            raise error.__cause__ from None
        except BaseException:
            self.give_back(connection, whole=False)
            raise
        return Answer(self, request, connection, response)

    def upgrade(self, request: Request, protocol: str = "tcp") -> DuplexStream | Answer:
        """Ask for a plain stream in both directions; an answer is the engine's refusal. The stream takes a place of the
        pool until it is closed. Raises `UnreachableError`."""
        headers = {**request.headers, "Connection": "Upgrade", "Upgrade": protocol}
        answer = self.open(replace(request, headers=headers))
        return answer.upgraded() if answer.status == _SWITCHING else answer

    @contextmanager
    def explaining(self, request: Request) -> Iterator[None]:
        """Turns failures of the connection within a `with` block into `UnreachableError`."""
        doing = f"{request.method} {request.target.partition('?')[0]}"
        try:
            yield
        except (OSError, EOFError, http.client.HTTPException) as error:
            if isinstance(error, _TooLargeError):
                raise UnreachableError(f"{self.dialer.where} answered {doing} with more than 64 MiB") from error
            # The kernel's ETIMEDOUT, a peer that is gone, has an errno; a wait that was cut short has none.
            if isinstance(error, TimeoutError) and error.errno is None:
                longest = (request.timeout or 0) + (LONGEST if isinstance(error, _OverdueError) else 0)
                raise UnreachableError(
                    f"{self.dialer.where} did not answer {doing} within {longest:g} s",
                    hint="is the engine hanging, or its host overloaded?",
                ) from error
            cut = isinstance(error, http.client.IncompleteRead)
            reason = "the answer was cut short" if cut else str(error) or type(error).__name__
            raise ConnectionLostError(
                f"the connection to {self.dialer.where} was lost during {doing}: {reason}", hint=self.dialer.loss_hint
            ) from error

    def give_back(self, connection: _Connection, *, whole: bool) -> None:
        """End the use of a connection; it is kept when its answer was read to the end."""
        with self._lock:
            keep = whole and connection.sock is not None and not self._closed
            if keep:
                self._idle.append(connection)
            else:
                self._open -= 1
        if not keep:
            connection.close()
        self._slots.release()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        self.dialer.close()
        if self._on_close is not None:
            self._on_close()

    def _fetch(self, request: Request) -> Reply:
        answer = self.open(request, None if request.timeout is None else request.timeout + LONGEST)
        try:
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            answer.close()

    def _take(self) -> _Connection:
        """A connection that is open; waits while all are in use."""
        while True:
            self._slots.acquire()
            connection = self._kept()
            if connection is not None:
                return connection
            with self._lock:
                self._open += 1
            try:
                return self._connected()
            except BaseException as error:
                with self._lock:
                    self._open -= 1
                    alone = self._open == 0
                if isinstance(error, StreamRefusedError) and not alone:
                    # The slot stays taken: the server allows only as many streams as are open now.
                    continue
                self._slots.release()
                if isinstance(error, StreamRefusedError):
                    raise NoMoreStreamsError(f"{self.dialer.where} cannot be reached: {error}") from error
                raise

    def _connected(self) -> _Connection:
        connection = _Connection(self.dialer)
        connection.connect()
        return connection

    def _kept(self) -> _Connection | None:
        """The connection used last, of those that are still open."""
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if connection.usable:
                    return connection
                self._open -= 1
                connection.close()
        return None
