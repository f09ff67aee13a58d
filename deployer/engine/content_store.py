"""What containerd's content store on a host has, asked through the engine (`POST /grpc`, since engine 24)."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import h2.config
import h2.connection
import h2.events

from deployer.transport.pool import HttpPool, Request
from deployer.transport.streams import DuplexStream

_INFO = "/containerd.services.content.v1.Content/Info"
_FOUND, _NOT_FOUND = "0", "5"
"""Statuses of gRPC."""
_TIMEOUT = 60.0
_LENGTH_DELIMITED = 2
"""Protobuf's wire type of texts."""


def present(pool: HttpPool, api: str, digests: Iterable[str]) -> frozenset[str] | None:
    """Those of the blobs that are there; None where the engine does not say. Raises `UnreachableError`."""
    answer = pool.upgrade(Request("POST", f"/v{api}/grpc", timeout=_TIMEOUT), "h2c")
    if not isinstance(answer, DuplexStream):
        answer.close()
        return None
    with answer as stream:
        calls = _Calls(stream)
        found: set[str] = set()
        for digest in sorted(set(digests)):
            status = calls.call(_INFO, _text_field(1, digest))
            if status == _FOUND:
                found.add(digest)
            elif status != _NOT_FOUND:
                return None
    return frozenset(found)


def _text_field(number: int, text: str) -> bytes:
    """A field of a protobuf message, of less than 128 bytes."""
    data = text.encode()
    return bytes((number << 3 | _LENGTH_DELIMITED, len(data))) + data


class _Calls:
    """Unary gRPC calls, one after the other."""

    def __init__(self, stream: DuplexStream) -> None:
        self._stream = stream
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self._http.initiate_connection()
        self._flush()

    def call(self, path: str, message: bytes) -> str:
        """The status of the answer; "" when the connection ended without one."""
        number = self._http.get_next_available_stream_id()
        headers = [(":method", "POST"), (":scheme", "http"), (":authority", "docker"), (":path", path)]
        self._http.send_headers(number, [*headers, ("content-type", "application/grpc"), ("te", "trailers")])
        self._http.send_data(number, b"\0" + struct.pack(">I", len(message)) + message, end_stream=True)
        self._flush()
        status = ""
        while data := self._stream.read():
            ended = False
            for event in self._http.receive_data(data):
                match event:
                    case h2.events.ResponseReceived() | h2.events.TrailersReceived():
                        told = {str(name): str(value) for name, value in event.headers or ()}
                        status = told.get("grpc-status", status)
                    case h2.events.DataReceived(flow_controlled_length=length):
                        self._http.acknowledge_received_data(length or 0, number)
                    case h2.events.StreamEnded() | h2.events.StreamReset():
                        ended = True
            self._flush()
            if ended:
                break
        return status

    def _flush(self) -> None:
        self._stream.write(self._http.data_to_send())
