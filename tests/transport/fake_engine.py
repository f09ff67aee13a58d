"""An HTTP server on a Unix socket that answers as an engine would, from a table of canned answers."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

VERSION = {
    "Version": "26.1.5",
    "ApiVersion": "1.45",
    "MinAPIVersion": "1.24",
    "Os": "linux",
    "Arch": "amd64",
    "Components": [{"Name": "Engine", "Version": "26.1.5"}],
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived. `connection` numbers the connections in the order they were made."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Canned:
    """`chunks` are sent as they are, each when `wait` returned; `cut` closes the connection in the middle. `endless`:
    the chunks are sent without saying where they end."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: tuple[bytes, ...] = ()
    wait: Callable[[], object] = lambda: None
    cut: bool = False
    endless: bool = False


class FakeEngine:
    """Answers `METHOD /path` (without `/v1.45`) from `answers`; everything else with 404."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket
        self.answers: dict[str, Canned | Callable[[Seen], Canned]] = {"GET /version": Canned(body=VERSION)}
        self.seen: list[Seen] = []
        self.connections = 0
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()

    def answer(self, request: Seen) -> Canned:
        with self._lock:
            self.seen.append(request)
        found = self.answers.get(f"{request.method} {request.path}")
        if found is None:
            return Canned(404, {"message": f"no such thing: {request.path}"})
        return found(request) if callable(found) else found

    @contextmanager
    def counted(self) -> Iterator[int]:
        with self._lock:
            self.connections += 1
            number = self.connections
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            yield number
        finally:
            with self._lock:
                self._now -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    engine: FakeEngine

    def handle(self) -> None:
        with self.engine.counted() as self.number:
            super().handle()

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = "/" + url.path.split("/", 2)[2] if url.path.startswith("/v1.") else url.path
        headers = dict(self.headers.items())
        seen = Seen(self.command, path, dict(parse_qsl(url.query, keep_blank_values=True)), headers, body, self.number)
        self._send(self.engine.answer(seen))

    def _send(self, canned: Canned) -> None:
        canned.wait()
        self.send_response(canned.status)
        for name, value in canned.headers.items():
            self.send_header(name, value)
        if canned.endless:
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(b"".join(canned.chunks))
            self.close_connection = True
        elif canned.chunks:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for chunk in canned.chunks:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                self.wfile.flush()
            if not canned.cut:
                self.wfile.write(b"0\r\n\r\n")
        else:
            body = canned.body if isinstance(canned.body, bytes) else json.dumps(canned.body).encode()
            body = b"" if canned.status in (204, 304) else body
            if canned.status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if canned.cut else body)
        self.wfile.flush()
        self.close_connection = self.close_connection or canned.cut

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        return "local"


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64
    block_on_close = False


@contextmanager
def fake_engine(socket: Path) -> Iterator[FakeEngine]:
    """An engine that listens on `socket` for the length of a block."""
    engine = FakeEngine(socket)
    handler = type("Handler", (_Handler,), {"engine": engine})
    with _Server(str(socket), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield engine
        finally:
            server.shutdown()
            thread.join()
            socket.unlink(missing_ok=True)
