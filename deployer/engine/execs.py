"""Commands in running containers, and the input and output of containers: `/exec/{id}/…`, `/containers/{id}/attach`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from deployer.engine.http import EngineHttp, engine_error, quote
from deployer.engine.versions import at_least
from deployer.errors import EngineError
from deployer.interfaces import ExecQuery, Stream
from deployer.transport.pool import Answer, Request

_JSON: Final = {"Content-Type": "application/json"}
_SIZE_AT_START: Final = "1.42"
"""The API from which the size of a terminal is given with the start (images-and-data.md, "Streams")."""


def create(http: EngineHttp, ref: str, query: ExecQuery) -> str:
    """The id of the exec instance; raises `EngineError`, also for a container that does not run (409)."""
    body = {
        "Cmd": list(query.command),
        "AttachStdin": query.stdin,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": query.size is not None,
        "User": query.user,
        "WorkingDir": query.workdir,
        "Env": list(query.environment),
    }
    return str(_post(http, f"/containers/{quote(ref)}/exec", body)["Id"])


def start(http: EngineHttp, key: str, size: tuple[int, int] | None) -> Stream:
    """Its input and output: plain with a terminal, in frames without one. Over a stream of its own."""
    body: dict[str, Any] = {"Detach": False, "Tty": size is not None}
    if size is not None and at_least(http.api, _SIZE_AT_START):
        body["ConsoleSize"] = list(size)
    return _upgraded(http, Request("POST", http.target(f"/exec/{key}/start"), msgspec.json.encode(body), _JSON))


def attach(http: EngineHttp, ref: str) -> Stream:
    """A container's input and output, as those of a command."""
    query = {"stream": "1", "stdin": "1", "stdout": "1", "stderr": "1"}
    return _upgraded(http, Request("POST", http.target(f"/containers/{quote(ref)}/attach", query)))


def _upgraded(http: EngineHttp, request: Request) -> Stream:
    stream = http.apart().pool.upgrade(request)
    if isinstance(stream, Answer):
        with stream:
            raise engine_error(stream.status, stream.read())
    stream.settimeout(None)
    return stream


def resize(http: EngineHttp, path: str, size: tuple[int, int]) -> None:
    """`path`: of a command or a container."""
    query = {"h": str(size[0]), "w": str(size[1])}
    with http.stream("POST", f"{path}/resize", query, timeout=10.0) as answer:
        answer.read()


def exit_code(http: EngineHttp, key: str) -> int | None:
    """None while it runs."""
    found = http.get(f"/exec/{key}/json")
    return None if found.get("Running") else int(found.get("ExitCode") or 0)


def _post(http: EngineHttp, path: str, body: Mapping[str, object]) -> Any:
    with http.stream("POST", path, {}, body=msgspec.json.encode(body), headers=_JSON, timeout=60.0) as answer:
        text = answer.read()
    try:
        return msgspec.json.decode(text)
    except ValueError as error:
        raise EngineError("the engine did not answer in JSON", status=0) from error
