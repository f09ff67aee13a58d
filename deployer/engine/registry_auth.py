"""Credentials for a registry: those of the play, otherwise those that a login left on the controller.

The engine never reads a config.json of its own host, so credentials are sent with the pull. The Docker
SDK reads files and credential helpers, once per registry and run.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
    """The `X-Registry-Auth` header; without it engines pull anonymously. JSON in URL-safe base64."""
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


def auth_of(registry: str, username: str, password: str) -> RegistryAuth:
    """What a login sends."""
    return RegistryAuth(username, password, _server(_name(registry)))


def save(registry: str, auth: RegistryAuth) -> str:
    """Store credentials as `docker login` does: with the credential helper that config.json names, otherwise in it.
    Returns where. Raises `DeployerError`."""
    name, settings = _name(registry), _settings()
    server, helper = _server(name), _helper(name, settings)
    auths = {**settings.get("auths", {}), server: {}}
    if helper:
        with _helping(name):
            helper.store(server, auth.username, auth.password)
    else:
        auths[server] = {"auth": base64.b64encode(f"{auth.username}:{auth.password}".encode()).decode()}
    _write({**settings, "auths": auths})
    return str(helper.program) if helper else str(_file())


def forget(registry: str) -> bool:
    """Remove what `save` stored; False if there was nothing. Raises `DeployerError`."""
    import docker.credentials.errors

    name, settings = _name(registry), _settings()
    server, helper = _server(name), _helper(name, settings)
    known = server in settings.get("auths", {})
    if helper:
        try:
            with _helping(name):
                helper.get(server)
                helper.erase(server)
            known = True
        except docker.credentials.errors.CredentialsNotFound:
            pass
    if server in settings.get("auths", {}):
        rest = {key: entry for key, entry in settings["auths"].items() if key != server}
        _write({**settings, "auths": rest})
    return known


def _helper(name: str, settings: Mapping[str, Any]) -> Any:
    """The SDK's store for a registry, None without a credential helper."""
    import docker.credentials

    program = (settings.get("credHelpers") or {}).get(_server(name)) or settings.get("credsStore")
    if not program:
        return None
    with warnings.catch_warnings(action="ignore"):
        return docker.credentials.Store(program)


@contextmanager
def _helping(name: str) -> Iterator[None]:
    """A context in which errors of a credential helper become `DeployerError`."""
    import docker.credentials.errors

    try:
        yield
    except docker.credentials.errors.CredentialsNotFound:
        raise
    except docker.credentials.errors.StoreError as error:
        hint = f"credsStore and credHelpers in {_file()} name the helper"
        raise DeployerError(f"the credential helper for {name} failed: {error}", hint=hint) from error


def _file() -> Path:
    return Path(os.path.expanduser(os.environ.get("DOCKER_CONFIG") or "~/.docker")) / "config.json"  # noqa: PTH111


def _settings() -> dict[str, Any]:
    """Docker's config.json, {} if there is none."""
    file = _file()
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it is not a JSON object")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise DeployerError(
            f"{file} cannot be read: {error}", hint="repair or remove it; the docker command reads it too"
        ) from error
    return found


def _write(settings: Mapping[str, Any]) -> None:
    """The whole file or nothing, readable by its owner only. Where config.json is a link, its target is written."""
    file = Path(os.path.realpath(_file()))
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, work = tempfile.mkstemp(prefix="config.json.", dir=file.parent)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as output:
                json.dump(settings, output, indent="\t")
            Path(work).replace(file)
        except BaseException:
            Path(work).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise DeployerError(f"{file} cannot be written: {error.strerror or error}") from error


def _from_docker(name: str) -> RegistryAuth | None:
    """The credentials that `docker pull` on this machine would use: $DOCKER_CONFIG or ~/.docker/config.json, credential
    helpers."""
    settings = _settings()
    return _from_settings(name, settings) if settings else None


def _from_settings(name: str, settings: dict[str, Any]) -> RegistryAuth | None:
    import docker.auth
    import docker.errors

    try:
        with warnings.catch_warnings(action="ignore"):  # The SDK warns of a missing helper, and then raises an error.
            found = docker.auth.load_config(config_dict=settings).resolve_authconfig(name)
    except docker.errors.DockerException as error:
        raise DeployerError(
            f"the docker credentials for {name} cannot be read: {error.__cause__ or error}",
            hint=f"deployer login {'' if name == HUB else name} sets them again; or set registries in the play",
        ) from error
    return _from_entry(name, {key.lower(): value for key, value in (found or {}).items()})


def _from_entry(name: str, entry: Mapping[str, Any]) -> RegistryAuth | None:
    """An entry of the SDK; its keys differ in case between files and helpers."""
    if entry.get("identitytoken"):
        return RegistryAuth(TOKEN_USER, str(entry["identitytoken"]), _server(name))
    if entry.get("username"):
        return RegistryAuth(str(entry["username"]), str(entry.get("password") or ""), _server(name))
    return None
