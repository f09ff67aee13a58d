"""What containerd's content store on a host has, asked through the engine (`POST /grpc`, since engine 24)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import h2.config
import h2.connection
import h2.events
import h2.settings

from deployer.engine.buildkit.protobuf import Message, encode
from deployer.errors import EngineError
from deployer.transport.pool import HttpPool, Request
from deployer.transport.streams import DuplexStream

_SERVICE: Final = "/containerd.services.content.v1.Content"
_FOUND, _NOT_FOUND = "0", "5"
"""Statuses of gRPC."""
_TIMEOUT: Final = 60.0
_WINDOW: Final = 4 * 1024 * 1024
"""Bytes of an answer that the engine sends ahead."""
_PREFIX: Final = struct.Struct(">BI")
"""Before each message: whether it is compressed, and its length."""


def present(pool: HttpPool, api: str, digests: Iterable[str]) -> frozenset[str] | None:
    """Those of the blobs that are there; None where the engine does not say. Raises `UnreachableError`."""
    with _calls(pool, api) as calls:
        if calls is None:
            return None
        found: set[str] = set()
        for digest in sorted(set(digests)):
            for _ in calls.call("Info", encode({1: digest})):
                """A blob's size and labels."""
            if calls.status == _FOUND:
                found.add(digest)
            elif calls.status != _NOT_FOUND:
                return None
    return frozenset(found)


def read(pool: HttpPool, api: str, digest: str, offset: int) -> Iterator[bytes]:
    """The content of a blob from a byte on. Raises `EngineError` where it is not there or not said, and
    `UnreachableError`."""
    with _calls(pool, api) as calls:
        if calls is None:
            raise EngineError("the engine does not show containerd's content store", status=0)
        for message in calls.call("Read", encode({1: digest, 2: offset})):
            yield Message(message).data(2)
        if calls.status != _FOUND:
            why = "is not in the engine's content store" if calls.status == _NOT_FOUND else "cannot be read"
            raise EngineError(f"{digest[:19]} {why}", status=0)


class _Calls:
    """gRPC calls, one after the other. `status`: of the last one; "" when the connection ended without one."""

    def __init__(self, stream: DuplexStream) -> None:
        self.status = ""
        self._stream = stream
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self._http.initiate_connection()
        self._http.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW})
        self._http.increment_flow_control_window(_WINDOW)
        self._flush()

    def call(self, method: str, message: bytes) -> Iterator[bytes]:
        """The messages of the answer as they come."""
        self.status, received = "", bytearray()
        number = self._http.get_next_available_stream_id()
        headers = [(":method", "POST"), (":scheme", "http"), (":authority", "docker")]
        headers += [(":path", f"{_SERVICE}/{method}"), ("content-type", "application/grpc"), ("te", "trailers")]
        self._http.send_headers(number, headers)
        self._http.send_data(number, _PREFIX.pack(0, len(message)) + message, end_stream=True)
        self._flush()
        ended = False
        while not ended and (data := self._stream.read()):
            for event in self._http.receive_data(data):
                match event:
                    case h2.events.ResponseReceived() | h2.events.TrailersReceived():
                        told = {str(name): str(value) for name, value in event.headers or ()}
                        self.status = told.get("grpc-status", self.status)
                    case h2.events.DataReceived(data=bytes(part), flow_controlled_length=length):
                        self._http.acknowledge_received_data(length or 0, number)
                        received += part
                    case h2.events.StreamEnded() | h2.events.StreamReset():
                        ended = True
            self._flush()
            yield from _taken(received)

    def _flush(self) -> None:
        if waiting := self._http.data_to_send():
            self._stream.write(waiting)


def _taken(received: bytearray) -> Iterator[bytes]:
    """The messages that are complete, which are taken away."""
    while len(received) >= _PREFIX.size:
        _, size = _PREFIX.unpack_from(received)
        if len(received) < _PREFIX.size + size:
            return
        message = bytes(received[_PREFIX.size : _PREFIX.size + size])
        del received[: _PREFIX.size + size]
        yield message


@contextmanager
def _calls(pool: HttpPool, api: str) -> Iterator[_Calls | None]:
    """None where the engine does not offer them."""
    answer = pool.upgrade(Request("POST", f"/v{api}/grpc", timeout=_TIMEOUT), "h2c")
    if not isinstance(answer, DuplexStream):
        answer.close()
        yield None
        return
    with answer as stream:
        yield _Calls(stream)
