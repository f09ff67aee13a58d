"""The first request to an engine: its product, and the API version to use."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from deployer.engine import versions
from deployer.engine.client import DockerEngine
from deployer.engine.http import READ_TIMEOUT, EngineHttp, engine_error
from deployer.errors import UnreachableError
from deployer.interfaces import Engine, EngineInfo
from deployer.model.decoding import decode
from deployer.transport.pool import HttpPool, Request
from deployer.transport.streams import Dialer

_OK = 200


class _Component(Struct, frozen=True, rename="pascal"):
    name: str = ""


class _Version(Struct, frozen=True, rename="pascal"):
    """What `GET /version` answers."""

    newest: str = field(name="ApiVersion")
    oldest: str = field(name="MinAPIVersion", default="")
    version: str = ""
    os: str = ""
    arch: str = ""
    components: tuple[_Component, ...] | None = ()


def agree(dialer: Dialer, on_close: Callable[[], None] | None) -> Engine:
    """Raises `UnreachableError`. `on_close` is called when the engine is closed."""
    pool = HttpPool(dialer, on_close=on_close)
    try:
        info = _describe(pool)
    except BaseException:
        pool.close()
        raise
    return DockerEngine(EngineHttp(pool, info.api), info)


def _describe(pool: HttpPool) -> EngineInfo:
    reply = pool.fetch(Request("GET", "/version", timeout=READ_TIMEOUT))
    if reply.status != _OK:
        error = engine_error(reply.status, reply.body)
        raise UnreachableError(f"{pool.dialer.where} answered GET /version with an error: {error.message}") from error
    try:
        said = decode(reply.body, _Version)
        newest, oldest = said.newest, said.oldest or versions.OLDEST
        agreed = min(newest, versions.NEWEST, key=versions.parts)
        fits = versions.at_least(agreed, oldest) and versions.at_least(agreed, versions.OLDEST)
    except (ValueError, RecursionError) as error:
        raise UnreachableError(f"{pool.dialer.where} does not answer GET /version as a Docker engine does") from error
    if not fits:
        raise UnreachableError(
            f"{pool.dialer.where} speaks API {oldest} to {newest}, this release speaks {versions.OLDEST} to "
            f"{versions.NEWEST}",
            hint="upgrade the Docker engine" if not versions.at_least(newest, versions.OLDEST) else "upgrade deployer",
        )
    return EngineInfo(
        version=said.version,
        api=agreed,
        max_api=newest,
        os=said.os,
        arch=said.arch,
        kind=_kind(said),
    )


def _kind(said: _Version) -> str:
    """Podman calls its first component "Podman Engine"."""
    return "podman" if any("podman" in part.name.lower() for part in said.components or ()) else "docker"
