"""Files of containers as tar archives: `/containers/{id}/archive`."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from deployer.engine.http import EngineHttp, engine_error, quote
from deployer.errors import NOT_FOUND, EngineError
from deployer.interfaces import Body, Json
from deployer.transport.pool import Request

TAR: Final = {"Content-Type": "application/x-tar"}
_STAT: Final = "X-Docker-Container-Path-Stat"
_OK: Final = 200


def put(http: EngineHttp, ref: str, folder: str, archive: Body, timeout: float) -> None:
    with http.stream("PUT", _path(ref), {"path": folder}, body=archive, headers=TAR, timeout=timeout) as answer:
        answer.read()


@contextmanager
def get(http: EngineHttp, ref: str, path: str, timeout: float) -> Iterator[Iterator[bytes]]:
    with http.stream("GET", _path(ref), {"path": path}, timeout=timeout) as answer:
        yield answer.chunks()


def stat(http: EngineHttp, ref: str, path: str, timeout: float) -> Json | None:
    reply = http.pool.fetch(Request("HEAD", http.target(_path(ref), {"path": path}), timeout=timeout))
    if reply.status == NOT_FOUND:
        return None
    if reply.status != _OK:
        raise engine_error(reply.status, f"{path} cannot be read in container {ref}".encode())
    try:
        found: Json = msgspec.json.decode(base64.b64decode(reply.headers.get(_STAT, "")), type=dict)
    except ValueError as error:
        raise EngineError(f"the engine did not say what {path} is", status=0) from error
    return found


def _path(ref: str) -> str:
    return f"/containers/{quote(ref)}/archive"
