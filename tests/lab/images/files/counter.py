"""A web application that counts its visits in Redis.

GET / adds a visit and answers `{"version": …, "visits": …, "host": …}`; GET /health asks Redis for a PING. Speaks the
Redis protocol itself, so that it needs nothing but Python.
"""

import json
import os
import signal
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VERSION = os.environ.get("COUNTER_VERSION", "unknown")
REDIS_HOST = os.environ.get("REDIS_HOST", "redis")
REDIS_PORT = int(os.environ.get("REDIS_PORT", "6379"))
KEY = os.environ.get("COUNTER_KEY", "visits")
PORT = int(os.environ.get("PORT", "8080"))


def redis(*words: str) -> str:
    """Send one command and return the text of its one-line answer."""
    request = f"*{len(words)}\r\n" + "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
    with socket.create_connection((REDIS_HOST, REDIS_PORT), timeout=3) as connection:
        connection.sendall(request.encode())
        answer = connection.makefile("rb").readline().decode().strip()
    if not answer.startswith(("+", ":")):
        raise OSError(f"redis: {answer}")
    return answer[1:]


class Page(BaseHTTPRequestHandler):
    """Answers the two pages."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Count a visit, or report health."""
        if self.path not in ("/", "/health"):
            self.answer(404, {"error": "not found"})
            return
        try:
            if self.path == "/health":
                self.answer(200, {"redis": redis("PING")})
            else:
                self.answer(200, {"version": VERSION, "visits": int(redis("INCR", KEY)), "host": socket.gethostname()})
        except OSError as error:
            self.answer(503, {"version": VERSION, "error": f"{REDIS_HOST}:{REDIS_PORT}: {error}"})

    def answer(self, status: int, body: object) -> None:
        """Send a JSON document."""
        data = json.dumps(body).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def main() -> None:
    """Serve until SIGTERM, or check the health of the one that serves with `--health`."""
    if "--health" in sys.argv:
        from urllib.request import urlopen

        urlopen(f"http://127.0.0.1:{PORT}/health", timeout=2).read()
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"counter {VERSION} listens on {PORT}, counts in {REDIS_HOST}:{REDIS_PORT}", flush=True)
    ThreadingHTTPServer(("0.0.0.0", PORT), Page).serve_forever()


if __name__ == "__main__":
    main()
