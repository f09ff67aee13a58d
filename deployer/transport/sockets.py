"""TCP connections; every failure has its own message."""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from typing import Any, TypeAlias

from deployer.errors import UnreachableError
from deployer.reach.connection import AddressFamily, ConnectionSpec

KEEPALIVE = 15
"""Seconds of silence after which the peer is asked whether it is there; firewalls keep what is in use."""

DEAD_AFTER = 20
"""Seconds without an acknowledgement after which the kernel gives the connection up (tcp(7), TCP_USER_TIMEOUT), and
with it what was not delivered: a third of a lock's lease, the part in which its holder begins no write
(`model.locks`)."""

_LINUX_TIMES = {"TCP_KEEPIDLE": KEEPALIVE, "TCP_KEEPINTVL": KEEPALIVE, "TCP_USER_TIMEOUT": DEAD_AFTER * 1000}
"""Options of tcp(7); the last is in milliseconds."""

_FAMILIES = {
    AddressFamily.ANY: socket.AF_UNSPEC,
    AddressFamily.IPV4: socket.AF_INET,
    AddressFamily.IPV6: socket.AF_INET6,
}
Address: TypeAlias = tuple[Any, Any, int, str, Any]

_UNROUTED = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)


def connect_sshd(spec: ConnectionSpec, addresses: Sequence[Address] | None = None) -> socket.socket:
    """Connect to one of the given or resolved addresses; raises `UnreachableError`."""
    found = addresses or resolve(spec.host, spec.port, spec.address_family)
    return connect_tcp(spec.host, spec.port, spec.connect_timeout, addresses=found)


def resolve(host: str, port: int, family: AddressFamily = AddressFamily.ANY) -> Sequence[Address]:
    """As `socket.getaddrinfo` gives them; raises `UnreachableError`."""
    try:
        # As bytes a name is not taken through the codec of international names, which takes 3 ms to load.
        name = host.encode("ascii") if host.isascii() else host
        return socket.getaddrinfo(name, port, _FAMILIES[family], socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise UnreachableError(
            f"the name {host} cannot be resolved", hint="check host/ansible_host, or HostName in ~/.ssh/config"
        ) from error


def connect_tcp(
    host: str,
    port: int,
    timeout: float,
    *,
    what: str = "sshd",
    addresses: Sequence[Address] | None = None,
) -> socket.socket:
    """A connection to the first address of `host` that answers; `timeout` seconds for each."""
    failure: OSError | None = None
    for found, kind, protocol, _, address in addresses or resolve(host, port):
        sock = socket.socket(found, kind, protocol)
        sock.settimeout(timeout)
        try:
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = failure or error
            continue
        _tune(sock)
        return sock
    raise _no_connection(host, port, timeout, what, failure) from failure


def _tune(sock: socket.socket) -> None:
    """No delay for small writes (tcp(7), TCP_NODELAY), and an end to connections whose peer is gone."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _LINUX_TIMES.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _no_connection(host: str, port: int, timeout: float, what: str, error: OSError | None) -> UnreachableError:
    where = f"{host} port {port}"
    if isinstance(error, ConnectionRefusedError):
        return UnreachableError(f"{where} refused the connection", hint=f"is {what} running on this host and port?")
    if isinstance(error, TimeoutError):
        return UnreachableError(
            f"{where} did not answer within {timeout:g} s", hint="is the host up, and does a firewall drop packets?"
        )
    if error is not None and error.errno in _UNROUTED:
        return UnreachableError(f"there is no route to {where}", hint="check network, VPN or proxy_jump")
    return UnreachableError(f"no connection to {where}: {error}")
