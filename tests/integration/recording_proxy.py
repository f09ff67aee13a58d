"""A Docker socket between the program and a real engine that sees every request.

It records methods and paths, and may do something after a request was carried out: kill the client, for instance.
It listens on a Unix socket, in the file system of this machine or of a lab host, so that the program reaches it with
`connection: local`, or over SSH with `docker_socket`.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.lab.host import Host, UnixConnection

_VERSION = re.compile(r"^/v\d+\.\d+")
_PIECE = 65536


@dataclass(frozen=True, slots=True)
class Request:
    """`path` without API version and query. `client`: the pid of the process at the other end."""

    method: str
    path: str
    client: int

    @property
    def reads(self) -> bool:
        return self.method in ("GET", "HEAD")

    @property
    def last(self) -> str:
        """The last word of the path: the action of a POST."""
        return self.path.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


AfterWrite = Callable[[Request], None]
"""Called when the engine has done a write and the client does not know yet."""


def _nothing(_request: Request) -> None:
    pass


@dataclass(slots=True)
class Recording:
    """What was asked so far."""

    after_write: AfterWrite = _nothing
    requests: list[Request] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def writes(self) -> list[str]:
        return [str(request) for request in self.requests if not request.reads]


@contextlib.contextmanager
def recording(host: Host, path: Path, after_write: AfterWrite = _nothing) -> Iterator[Recording]:
    """Serve a host's engine at `path` for the length of a block."""
    seen = Recording(after_write)

    class Handler(_Handler):
        engine = host.docker_socket
        recorded = seen

    path.unlink(missing_ok=True)
    with _Server(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield seen
        finally:
            server.shutdown()
            thread.join()
            path.unlink()


def kill_client_after(word: str, times: int = 1) -> AfterWrite:
    """SIGKILL for the client as soon as the engine has done the n-th write on containers or networks that `word` names:
    `create`, `stop`, `rename`, `start`, `connect`, …, `DELETE`."""
    left = [times]

    def kill(request: Request) -> None:
        if re.match(r"/(containers|networks)/", request.path) and word in (request.method, request.last):
            left[0] -= 1
            if left[0] == 0:
                os.kill(request.client, signal.SIGKILL)

    return kill


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client; every request goes to the engine on a connection of its own."""

    protocol_version = "HTTP/1.1"
    engine: Path
    recorded: Recording

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()

    def address_string(self) -> str:
        return "local"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._forward()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  # the names http.server looks for

    def _forward(self) -> None:
        body = self._body()
        request = Request(self.command, _VERSION.sub("", self.path).partition("?")[0], self._client())
        with self.recorded.lock:
            self.recorded.requests.append(request)
        engine = UnixConnection(self.engine, timeout=120)
        try:
            engine.request(self.command, self.path, body, dict(self.headers))
            answer = engine.getresponse()
            if not request.reads:
                self.recorded.after_write(request)
            self._answer(answer)
        finally:
            engine.close()

    def _body(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(length)

    def _client(self) -> int:
        pid, _, _ = struct.unpack("3i", self.connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        return int(pid)

    def _answer(self, answer: http.client.HTTPResponse) -> None:
        self.send_response_only(answer.status, answer.reason)
        chunked = answer.chunked and self.command != "HEAD"
        for name, value in answer.getheaders():
            if name.lower() != "connection":
                self.send_header(name, value)
        self.end_headers()
        while piece := answer.read1(_PIECE) if chunked else answer.read(_PIECE):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            self.wfile.flush()
        if chunked:
            self.wfile.write(b"0\r\n\r\n")
