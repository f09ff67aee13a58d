"""The Docker API over an `HttpPool`: versioned targets, JSON, and the engine's errors.

Reads go this way and not through the SDK: a read of a host with 20 containers is 21 requests, `requests` spends 0.8 ms
on each, and importing it takes longer than the SSH login.
"""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from deployer.errors import NOT_FOUND, EngineError
from deployer.interfaces import Body
from deployer.model.decoding import decode
from deployer.transport.pool import Answer, HttpPool, Reply, Request

READ_TIMEOUT = 60.0
"""Seconds that an engine may take to answer a read."""

_LONGEST_LINE = 8 * 1024 * 1024
"""Bytes of one message of a progress stream."""

_BAD = 400

Query: TypeAlias = "Mapping[str, str] | Sequence[tuple[str, str]]"


class _Refusal(msgspec.Struct, frozen=True):
    message: str


class EngineHttp:
    """Requests to one engine at API version `api`. Safe to use from several threads."""

    def __init__(self, pool: HttpPool, api: str) -> None:
        self.pool = pool
        self.api = api

    def get(
        self, path: str, query: Mapping[str, str] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> Any:
        """The JSON at `path`; raises `EngineError`, `UnreachableError`."""
        reply = self._fetch(path, query, headers)
        return _decoded(reply)

    def find(self, path: str, *, headers: Mapping[str, str] | None = None) -> Any:
        """The JSON at `path`, None where there is nothing (404); raises `EngineError`, `UnreachableError`."""
        reply = self._fetch(path, None, headers)
        return None if reply.status == NOT_FOUND else _decoded(reply)

    def get_bytes(self, path: str, query: Mapping[str, str]) -> Reply:
        """An answer that is not JSON; raises `EngineError`, `UnreachableError`."""
        reply = self._fetch(path, query, None)
        if reply.status >= _BAD:
            raise engine_error(reply.status, reply.body)
        return reply

    def stream(
        self,
        method: str,
        path: str,
        query: Query,
        *,
        body: bytes | Body | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None,
    ) -> Answer:
        """An answer to read as a stream; raises `EngineError`, `UnreachableError`, and what reading `body` raises."""
        answer = self.pool.open(Request(method, self.target(path, query), body, headers or {}, timeout))
        if answer.status >= _BAD:
            with answer:
                raise engine_error(answer.status, answer.read())
        return answer

    def apart(self) -> EngineHttp:
        """For one request that lasts: other requests never wait for it. Have it closed by its end."""
        return EngineHttp(HttpPool(self.pool.dialer, limit=1), self.api)

    def target(self, path: str, query: Query | None = None) -> str:
        """The request target; `path` is already quoted."""
        suffix = f"?{urllib.parse.urlencode(query)}" if query else ""
        return f"/v{self.api}{path}{suffix}"

    def _fetch(self, path: str, query: Mapping[str, str] | None, headers: Mapping[str, str] | None) -> Reply:
        return self.pool.fetch(Request("GET", self.target(path, query), None, headers or {}, READ_TIMEOUT))


def _decoded(reply: Reply) -> Any:
    if reply.status >= _BAD:
        raise engine_error(reply.status, reply.body)
    return _parsed(reply.body)


def quote(name: str) -> str:
    """A name or reference as part of a path; the engine's routes accept `/` and `:`."""
    return urllib.parse.quote(name, safe="/:@")


def engine_error(status: int, body: bytes) -> EngineError:
    """The engine's message, from `{"message": …}`."""
    try:
        message = decode(body, _Refusal).message
    except (ValueError, RecursionError):
        message = body.decode(errors="replace").strip()
    return EngineError(message or f"the engine answered with HTTP status {status}", status=status)


def json_stream(answer: Answer) -> Iterator[Mapping[str, Any]]:
    """The objects of a progress stream, one per line, as they arrive; closes the answer at the end."""
    pending = b""
    with answer:
        while chunk := answer.read_some():
            *lines, pending = (pending + chunk).split(b"\n")
            yield from (_parsed(line) for line in lines if line.strip())
            if len(pending) > _LONGEST_LINE:
                raise EngineError("the engine did not answer in JSON: one line has no end", status=0)
        if pending.strip():
            yield _parsed(pending)


def _parsed(text: bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise EngineError("the engine did not answer in JSON", status=0) from error
