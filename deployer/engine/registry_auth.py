"""Credentials for a registry: those of the play, otherwise those of `docker login` on the controller.

The engine never reads a config.json of its own host (engine.md §3), so credentials are sent with the pull. The Docker
SDK reads files and credential helpers, once per registry and run.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deployer.errors import DeployerError
from deployer.interfaces import RegistryAuth

HUB = "docker.io"
HUB_SERVER = "https://index.docker.io/v1/"
"""The key of Docker Hub in docker's credentials, and its address for the engine."""

TOKEN_USER = "<token>"
"""In place of a user name, marks the password as an identity token: docker's convention for credential helpers."""


class Credentials:
    """The credentials of one run. Safe to use from several threads.

    `registries` maps a registry to `username` and `password`, or to `token` for an identity token.
    """

    def __init__(self, registries: Mapping[str, Mapping[str, str]]) -> None:
        self._given = {_name(registry): fields for registry, fields in registries.items()}
        self._lock = threading.Lock()
        self._found: dict[str, RegistryAuth | None] = {}

    def find(self, registry: str) -> RegistryAuth | None:
        """For `docker.io`, `registry.example.com:5000`; None means to ask anonymously. Raises `DeployerError`."""
        name = _name(registry)
        if name in self._given:
            return _from_play(name, self._given[name])
        with self._lock:
            if name not in self._found:
                self._found[name] = _from_docker(name)
            return self._found[name]


def auth_header(auth: RegistryAuth | None) -> dict[str, str]:
    """The `X-Registry-Auth` header; engines pull anonymously without it. JSON in URL-safe base64 (engine.md §3)."""
    if auth is None:
        return {}
    if auth.username == TOKEN_USER:
        fields = {"identitytoken": auth.password, "serveraddress": auth.server}
    else:
        fields = {"username": auth.username, "password": auth.password, "serveraddress": auth.server}
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()}


def _name(registry: str) -> str:
    """Without scheme and path; all names of Docker Hub are the same."""
    host = registry.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return HUB if host in ("", "index.docker.io", "registry-1.docker.io") else host


def _server(name: str) -> str:
    return HUB_SERVER if name == HUB else name


def _from_play(name: str, fields: Mapping[str, str]) -> RegistryAuth | None:
    token = fields.get("token")
    if token:
        return RegistryAuth(TOKEN_USER, token, _server(name))
    username = fields.get("username")
    return RegistryAuth(username, fields.get("password", ""), _server(name)) if username else None


def _from_docker(name: str) -> RegistryAuth | None:
    """The credentials that `docker pull` on this machine would use: $DOCKER_CONFIG or ~/.docker/config.json, credential
    helpers."""
    file = Path(os.path.expanduser(os.environ.get("DOCKER_CONFIG") or "~/.docker")) / "config.json"  # noqa: PTH111
    try:
        settings = json.loads(file.read_text(encoding="utf-8"))
        return _from_settings(name, settings) if settings else None
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DeployerError(
            f"{file} cannot be read: {error}", hint="repair or remove it; the docker command reads it too"
        ) from error


def _from_settings(name: str, settings: dict[str, Any]) -> RegistryAuth | None:
    import docker.auth
    import docker.errors

    try:
        with warnings.catch_warnings(action="ignore"):  # a missing helper is warned of, and then an error as well
            found = docker.auth.load_config(config_dict=settings).resolve_authconfig(name)
    except docker.errors.DockerException as error:
        raise DeployerError(
            f"the docker credentials for {name} cannot be read: {error.__cause__ or error}",
            hint=f"docker login {'' if name == HUB else name} shows the cause; or set registries in the play",
        ) from error
    return _from_entry(name, {key.lower(): value for key, value in (found or {}).items()})


def _from_entry(name: str, entry: Mapping[str, Any]) -> RegistryAuth | None:
    """An entry of the SDK; its keys differ in case between files and helpers."""
    if entry.get("identitytoken"):
        return RegistryAuth(TOKEN_USER, str(entry["identitytoken"]), _server(name))
    if entry.get("username"):
        return RegistryAuth(str(entry["username"]), str(entry.get("password") or ""), _server(name))
    return None
