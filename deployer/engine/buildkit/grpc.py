"""A gRPC server on one connection: HTTP/2 by the library `h2`, one thread, calls answered as the peer takes them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from deployer.errors import DeployerError
from deployer.interfaces import Stream

OK: Final = 0
NOT_FOUND: Final = 5
UNIMPLEMENTED: Final = 12
_INTERNAL: Final = 13

_PREFIX: Final = struct.Struct(">BI")
"""Before each message: whether it is compressed, and its length."""

_TOGETHER: Final = 256 * 1024
"""Bytes that are written at once."""

_LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a message from the engine."""


class CallError(Exception):
    """A call that is answered with a gRPC status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Call(Protocol):
    """One call under way. `messages` gives what can be sent now; it is asked again after each message that came.
    Raises `CallError`."""

    ended: bool

    def receive(self, message: bytes) -> None: ...
    def messages(self) -> Iterator[bytes]: ...


Metadata: TypeAlias = Mapping[str, Sequence[str]]
"""A key may come several times."""

Service: TypeAlias = Callable[[Metadata], Call]
"""Begins a call."""


class Unary:
    """A call with one message each way."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.ended = False
        self._answer = answer
        self._ready: list[bytes] = []

    def receive(self, message: bytes) -> None:
        self._ready.append(self._answer(message))

    def messages(self) -> Iterator[bytes]:
        while self._ready:
            self.ended = True
            yield self._ready.pop()


class _Open:
    """A call with what of it has come and what is to be sent."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.received = bytearray()
        self.unsent = memoryview(b"")

    def take(self, data: bytes) -> None:
        self.received += data
        while len(self.received) >= _PREFIX.size:
            _, size = _PREFIX.unpack_from(self.received)
            if size > _LARGEST:
                raise CallError(_INTERNAL, "the message is too large")
            end = _PREFIX.size + size
            if len(self.received) < end:
                return
            message = bytes(self.received[_PREFIX.size : end])
            del self.received[:end]
            self.call.receive(message)

    def next(self) -> bool:
        """Whether there is something to send."""
        if not self.unsent:
            for message in self.call.messages():
                self.unsent = memoryview(_PREFIX.pack(0, len(message)) + message)
                break
        return bool(self.unsent)


class Server:
    """`services` by path, `/grpc.health.v1.Health/Check`. `failed` is told what else than `CallError` a
    service raised: it ended the build, and says more than the engine."""

    def __init__(self, services: Mapping[str, Service], failed: Callable[[Exception], object]) -> None:
        self._services = services
        self._failed = failed
        self._open: dict[int, _Open] = {}
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))

    def serve(self, stream: Stream) -> None:
        """Until the peer closes the connection; raises `UnreachableError`."""
        self._http.initiate_connection()
        stream.write(self._http.data_to_send())
        while data := stream.read():
            try:
                events = self._http.receive_data(data)
            except h2.exceptions.ProtocolError:
                return
            for event in events:
                self._take(event)
            for number in list(self._open):
                self._send(number, stream)
            stream.write(self._http.data_to_send())

    def end(self, stream: Stream) -> None:
        """Ask the peer to close the connection; no call may be under way."""
        self._http.close_connection()
        stream.write(self._http.data_to_send())

    def _take(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=int(number)):
                metadata: dict[str, list[str]] = {}
                for name, value in event.headers:
                    metadata.setdefault(str(name), []).append(str(value))
                self._begin(number, metadata)
            case h2.events.DataReceived(stream_id=int(number)):
                self._http.acknowledge_received_data(event.flow_controlled_length, number)
                if number in self._open:
                    with_data = self._open[number]
                    self._guarded(number, lambda: with_data.take(event.data))
            case h2.events.StreamReset(stream_id=int(number)):
                self._open.pop(number, None)

    def _begin(self, number: int, metadata: Metadata) -> None:
        self._http.send_headers(number, [(":status", "200"), ("content-type", "application/grpc")])
        service = self._services.get(metadata[":path"][0])
        if service is None:
            self._end(number, UNIMPLEMENTED, "not offered")
            return

        def begin() -> None:
            self._open[number] = _Open(service(metadata))

        self._guarded(number, begin)

    def _guarded(self, number: int, act: Callable[[], object]) -> None:
        try:
            act()
        except CallError as error:
            self._end(number, error.status, str(error))
        except (DeployerError, ValueError) as error:
            self._failed(error)
            self._end(number, _INTERNAL, type(error).__name__)

    def _send(self, number: int, stream: Stream) -> None:
        """As much as the windows of the peer allow."""
        self._guarded(number, lambda: self._send_some(number, self._open[number], stream))

    def _send_some(self, number: int, found: _Open, stream: Stream) -> None:
        waiting = 0
        while found.next():
            room = min(self._http.local_flow_control_window(number), self._http.max_outbound_frame_size)
            if room <= 0:
                return
            piece, found.unsent = found.unsent[:room], found.unsent[room:]
            self._http.send_data(number, piece.tobytes())
            waiting += len(piece)
            if waiting >= _TOGETHER:
                stream.write(self._http.data_to_send())
                waiting = 0
        if found.call.ended:
            self._end(number, OK, "")

    def _end(self, number: int, status: int, message: str) -> None:
        self._open.pop(number, None)
        trailers = [("grpc-status", str(status)), *([("grpc-message", message)] if message else [])]
        self._http.send_headers(number, trailers, end_stream=True)
