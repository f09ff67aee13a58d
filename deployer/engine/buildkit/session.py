"""A build with BuildKit: `POST /session` becomes a connection on which the engine calls back, `POST /build` uses it.

Both are those of the Docker CLI without buildx (docker/cli, image/build_buildkit.go up to 22; moby, api/server/router).
"""

from __future__ import annotations

import hashlib
import json
import threading
import urllib.parse
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from msgspec import Struct

from deployer.engine.buildkit import files
from deployer.engine.buildkit.grpc import NOT_FOUND, CallError, Metadata, Server, Service, Unary
from deployer.engine.buildkit.progress import Trace
from deployer.engine.buildkit.protobuf import Message, encode
from deployer.engine.http import EngineHttp, engine_error, json_stream
from deployer.engine.registry_auth import TOKEN_USER
from deployer.errors import EngineError, UnreachableError
from deployer.interfaces import Progress, RegistryAuth, Stream
from deployer.model.build import Build
from deployer.transport.pool import Answer, Request
from deployer.transport.streams import DuplexStream

_SERVING = b"\x08\x01"
_SILENCE = 3600.0
"""Seconds that an instruction may take without output."""

_UNKNOWN = (404, 405)
"""The status of a path that an engine does not have."""

_ENDING = 5.0
"""Seconds in which the engine should close the connection of a session."""

_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io", "auth.docker.io")


class Job(Struct, frozen=True):
    """One build. `labels`: in addition to the build's own; `auth`: credentials for a reference."""

    ref: str
    build: Build
    labels: Mapping[str, str]
    auth: Callable[[str], RegistryAuth | None]
    progress: Progress


class NoBuildKitError(EngineError):
    """The engine does not know sessions."""


def build_image(http: EngineHttp, job: Job) -> None:
    """Raises `NoBuildKitError`, `EngineError`, `UnreachableError`, `ResourceError`."""
    failures: list[Exception] = []
    trace = Trace(job.build.name, job.build.dockerfile, job.progress)
    with _session(http, _services(job), failures.append, job) as session:
        query = [*query_of(job), ("version", "2"), ("session", session), ("remote", "client-session")]
        try:
            with http.stream("POST", "/build", query, timeout=_SILENCE) as answer:
                for message in json_stream(answer):
                    trace.take(message)
        except EngineError:
            if failures:
                raise failures[0] from None
            raise


def query_of(job: Job) -> Iterator[tuple[str, str]]:
    """The parameters of `POST /build`."""
    build = job.build
    yield "t", job.ref
    yield "dockerfile", "Dockerfile"
    yield "forcerm", "1"
    yield "buildargs", json.dumps(dict(build.args))
    yield "labels", json.dumps({**build.labels, **job.labels})
    if build.cache_from:
        yield "cachefrom", json.dumps(build.cache_from)
    if build.extra_hosts:
        yield "extrahosts", ",".join(build.extra_hosts)
    named = {"target": build.target, "platform": build.platform, "networkmode": build.network}
    yield from ((key, value) for key, value in named.items() if value)
    if build.shm_size:
        yield "shmsize", str(build.shm_size)
    yield from ((key, "1") for key, value in {"nocache": build.no_cache, "pull": build.pull}.items() if value)


def _services(job: Job) -> dict[str, Service]:
    """By path. The engine is told of all of them."""
    sent = [0]

    def count(size: int) -> None:
        sent[0] += size
        job.progress({"sent": sent[0]})

    return {
        "/grpc.health.v1.Health/Check": lambda _headers: Unary(lambda _message: _SERVING),
        "/moby.filesync.v1.FileSync/DiffCopy": lambda headers: _synchronise(job.build, headers, count),
        "/moby.buildkit.secrets.v1.Secrets/GetSecret": lambda _headers: Unary(lambda m: _secret(job.build, m)),
        "/moby.filesync.v1.Auth/Credentials": lambda _headers: Unary(lambda m: _credentials(job, m)),
    }


def _synchronise(build: Build, metadata: Metadata, sent: Callable[[int], object]) -> files.DiffCopy:
    """Of the two sources, only the context counts as sent."""
    if "dockerfile" in _values(metadata, "dir-name"):
        return files.DiffCopy(files.dockerfile(build), (), lambda _size: None)
    patterns = [*_values(metadata, "include-patterns"), *_values(metadata, "followpaths")]
    return files.DiffCopy(files.context_files(build), patterns, sent)


def _values(metadata: Metadata, key: str) -> Sequence[str]:
    """Values with other characters than ASCII come quoted."""
    found = metadata.get(key, ())
    return [urllib.parse.unquote_plus(each) for each in found] if metadata.get(f"{key}-encoded") else found


def _secret(build: Build, message: bytes) -> bytes:
    name = Message(message).text(1)
    if name not in build.secrets:
        raise CallError(NOT_FOUND, "no such secret")
    return encode({1: build.secrets[name]})


def _credentials(job: Job, message: bytes) -> bytes:
    host = Message(message).text(1)
    found = job.auth("docker.io/library/x" if host in _HUB else f"{host}/x")
    if found is None:
        return b""
    return encode({1: "" if found.username == TOKEN_USER else found.username, 2: found.password})


@contextmanager
def _session(
    http: EngineHttp, services: Mapping[str, Service], failed: Callable[[Exception], object], job: Job
) -> Iterator[str]:
    """The id of a session that is served until the end of the `with` block."""
    key = uuid.uuid4().hex
    stream = _opened(http, key, services, job)
    server = Server(services, failed)
    serving = threading.Thread(target=_serve, args=(server, stream), name=f"build {key}", daemon=True)
    serving.start()
    try:
        yield key
    finally:
        with suppress(UnreachableError):
            server.end(stream)
        serving.join(_ENDING)
        stream.close()


def _serve(server: Server, stream: Stream) -> None:
    """The request of the build ends with an error when this connection breaks, and says more."""
    with suppress(UnreachableError):
        server.serve(stream)


def _opened(http: EngineHttp, key: str, services: Mapping[str, Service], job: Job) -> DuplexStream:
    headers = {
        "X-Docker-Expose-Session-Uuid": key,
        "X-Docker-Expose-Session-Name": "deployer",
        "X-Docker-Expose-Session-Sharedkey": hashlib.sha256(job.build.context.encode()).hexdigest(),
        "X-Docker-Expose-Session-Grpc-Method": tuple(services),
    }
    request = Request("POST", http.target("/session"), None, headers, None)
    stream = http.pool.upgrade(request, "h2c")
    if isinstance(stream, Answer):
        with stream:
            error = engine_error(stream.status, stream.read())
        raise NoBuildKitError(error.message, status=error.status) if error.status in _UNKNOWN else error
    return stream
