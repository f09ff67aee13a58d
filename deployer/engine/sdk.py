"""docker.APIClient over an `HttpPool`: the SDK builds and checks writes, the pool sends them.

Raw bodies only (`create_container_from_config`, `_post_json`): the SDK's own parameter classes drop falsy values.
The version is always given, so that the SDK sends no request of its own, and nothing of the controller's
environment (proxies, netrc) is used.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import docker.errors
import requests
import requests.adapters
from requests.structures import CaseInsensitiveDict

from deployer.errors import DeployerError, EngineError
from deployer.transport.pool import HttpPool, Request

WRITE_TIMEOUT = 600.0
"""Seconds that a write may take: filling a new volume or removing a large container is slow."""


class _PoolAdapter(requests.adapters.BaseAdapter):
    """Sends a session's requests over an `HttpPool`."""

    def __init__(self, pool: HttpPool) -> None:
        super().__init__()
        self._pool = pool

    def send(self, request: requests.PreparedRequest, *_: Any, timeout: Any = None, **__: Any) -> requests.Response:
        """The body is read whole: the SDK's streams are not used."""
        body = request.body.encode() if isinstance(request.body, str) else request.body
        headers = {name: _text(value) for name, value in request.headers.items() if name != "Content-Length"}
        reply = self._pool.fetch(Request(request.method or "GET", request.path_url, body, headers, timeout))
        response = requests.Response()
        response.status_code = reply.status
        response.headers = CaseInsensitiveDict(reply.headers.items())
        response.raw = io.BytesIO(reply.body)
        response.url = request.url or ""
        response.request = request
        response.encoding = "utf-8"
        return response

    def close(self) -> None:
        """The pool is closed by its owner."""


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def open_client(pool: HttpPool, api: str) -> docker.APIClient:
    """An SDK client for API version `api`; sends nothing yet."""
    try:
        client = docker.APIClient(base_url="http://localhost:2375", version=api, timeout=int(WRITE_TIMEOUT))
    except docker.errors.DockerException as error:
        raise DeployerError(f"the Docker SDK could not be set up: {error}") from error
    client.trust_env = False
    del client.headers["Accept-Encoding"]
    client.mount("http://", _PoolAdapter(pool))
    return client


@contextmanager
def engine_errors() -> Iterator[None]:
    """A context in which the SDK's errors become `EngineError` with the engine's explanation."""
    try:
        yield
    except docker.errors.APIError as error:
        status = error.status_code or 0
        explanation = error.explanation or f"the engine answered with HTTP status {status}"
        raise EngineError(str(explanation), status=status) from error
    except docker.errors.DockerException as error:
        raise EngineError(str(error), status=0) from error
    except requests.RequestException as error:
        raise EngineError("the engine did not answer in JSON", status=0) from error
