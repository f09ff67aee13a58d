"""Computes a `ConnectionSpec` from a host's variables, the command line and ssh_config. `reach.names` lists the names
of each setting in order of precedence."""

from __future__ import annotations

from collections.abc import Mapping

from deployer.reach.connection import (
    DEFAULT_SOCKET,
    DEFAULT_TIMEOUT,
    DOCKER_TLS_PORT,
    CliConnectionOptions,
    ConnectionSpec,
    TlsFiles,
)
from deployer.reach.connectors import CONNECTORS, ConnectionType
from deployer.reach.machine import Machine
from deployer.reach.resolve_ssh import resolve_ssh
from deployer.reach.ssh_config import SshConfig
from deployer.reach.variables import Variables

DOCKER_PORT = 2375

_KINDS = {word: connector.kind for connector in CONNECTORS for word in connector.words}
_URL_KINDS = {scheme: connector.kind for connector in CONNECTORS for scheme in connector.schemes}
_TLS_NAMES = ("tls_ca", "tls_cert", "tls_key", "tls_verify")


def connection_spec(
    host_name: str, variables: Mapping[str, object], options: CliConnectionOptions, ssh_config: SshConfig
) -> ConnectionSpec:
    """How to reach the inventory's `host_name`; raises `InputError` with everything that is wrong.

    In order of precedence: variables, ssh arguments, command line, ssh_config.
    """
    given = Variables(host_name, variables)
    kind = _kind(given)
    if kind is ConnectionType.SSH:
        spec = resolve_ssh(given, options, ssh_config, docker_socket=_socket(given))
    elif kind is ConnectionType.TCP:
        spec = _tcp(given, options, ssh_config.machine)
    else:
        spec = ConnectionSpec(
            name=host_name,
            kind=kind,
            host=given.host() or host_name,
            docker_socket=_socket(given),
            connect_timeout=_timeout(given, options),
        )
    given.problems.raise_if_any()
    return spec


def _kind(given: Variables) -> ConnectionType:
    """`connection` decides, else the scheme of `docker_host`, else SSH."""
    url = given.url("docker_host")
    by_url = _URL_KINDS.get(url.scheme) if url else None
    if url is not None and by_url is None and url.scheme != "unix":
        given.error("docker_host", f"unknown scheme in '{url.geturl()}'", "use tcp://, unix:// or ssh://")
    if not given.has("connection"):
        return by_url or ConnectionType.SSH
    word = given.text("connection").lower().removeprefix("ansible.builtin.").removeprefix("ansible.legacy.")
    kind = _KINDS.get(word)
    if kind is None:
        given.error("connection", f"connection '{word}' is not one of {', '.join(_KINDS)}", _why_not(word))
        return ConnectionType.SSH
    if by_url is not None and by_url is not kind:
        given.error("docker_host", f"cannot be combined with connection '{word}'", "set one of the two")
    return kind


def _why_not(word: str) -> str:
    if word.startswith("community.docker."):
        return "this is a connection to a container; deployer requires the host whose engine runs it"
    return ""


def _socket(given: Variables) -> str:
    url = given.url("docker_host")
    inside = url.path if url is not None and url.scheme in ("unix", "ssh") else ""
    return given.text("docker_socket") or inside or DEFAULT_SOCKET


def _timeout(given: Variables, options: CliConnectionOptions) -> float:
    return given.seconds("timeout") or options.timeout or DEFAULT_TIMEOUT


def _tcp(given: Variables, options: CliConnectionOptions, machine: Machine) -> ConnectionSpec:
    url = given.url("docker_host")
    stated = (url.port if url else None) or given.port("port")
    by_url = url is not None and url.scheme == "https"
    encrypted = by_url or stated == DOCKER_TLS_PORT or any(map(given.has, _TLS_NAMES))
    return ConnectionSpec(
        name=given.host_name,
        kind=ConnectionType.TCP,
        host=(url.hostname if url else None) or given.host() or given.host_name,
        port=stated or (DOCKER_TLS_PORT if encrypted else DOCKER_PORT),
        connect_timeout=_timeout(given, options),
        tls=_tls(given, machine) if encrypted else None,
    )


def _tls(given: Variables, machine: Machine) -> TlsFiles:
    if given.has("tls_key") and not given.has("tls_cert"):
        given.error("tls_key", "requires tls_cert")
    ca, cert, key = (given.path(machine, name) for name in ("tls_ca", "tls_cert", "tls_key"))
    return TlsFiles(ca, cert, key, verify=given.flag("tls_verify") is not False)
