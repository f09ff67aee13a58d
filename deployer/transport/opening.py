"""SSH connections: direct, through jump hosts, or through a ProxyCommand."""

from __future__ import annotations

import random
import socket
import threading
import time
from typing import Final

from msgspec.structs import replace

from deployer.errors import UnreachableError
from deployer.reach.connection import ConnectionSpec
from deployer.transport.gate import Gate
from deployer.transport.keys import KeyRing
from deployer.transport.link import ChannelRefusedError, Link, LinkLostError, Wire
from deployer.transport.login import HandshakeRefusedError, log_in
from deployer.transport.sockets import connect_sshd, resolve

_ATTEMPTS: Final = 6
_PAUSE: Final = 0.15
"""Seconds before the second attempt to log in, more or less; each further pause is twice as long."""


class SharedLink:
    """One connection that several threads use; made when first asked for, and again after it was lost.

    Threads that wait while another tries to connect share its failure, so that a host that is down costs one timeout.
    """

    def __init__(self, spec: ConnectionSpec, shared: SharedSsh, begun: socket.socket | None = None) -> None:
        self._spec = spec
        self._begun = begun
        self._shared = shared
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._attempts = 0
        self._failure: UnreachableError | None = None

    def get(self) -> Link:
        """Raises `UnreachableError`."""
        attempts = self._attempts
        with self._lock:
            if self._link is not None and self._link.is_active():
                return self._link
            if self._failure is not None and (self._attempts > attempts or self._link is None):
                raise UnreachableError(self._failure.message, hint=self._failure.hint)
            self._attempts += 1
            self._failure = None
            try:
                begun, self._begun = self._begun, None
                self._link = open_link(self._spec, self._shared, begun)
            except UnreachableError as error:
                self._failure = error
                raise
            return self._link

    def close(self) -> None:
        with self._lock:
            if self._link is not None:
                self._link.close()


class SharedSsh:
    """What the hosts of one run share: private keys once read, and one connection to each jump host.

    Safe to use from several threads. A jump host is one TCP connection and one login however many hosts lie behind
    it, so that its sshd's MaxStartups does not matter; one that cannot be reached is tried once.
    """

    def __init__(self, gate: Gate | None = None) -> None:
        self.gate = gate or Gate()
        self.ring = KeyRing()
        self._lock = threading.Lock()
        self._jumps: dict[tuple[ConnectionSpec, ...], SharedLink] = {}

    def jump(self, way: tuple[ConnectionSpec, ...]) -> Link:
        """The connection to the last host of `way`, through the others; raises `UnreachableError`."""
        with self._lock:
            if way not in self._jumps:
                self._jumps[way] = SharedLink(replace(way[-1], jumps=way[:-1]), self)
            jump = self._jumps[way]
        return jump.get()

    def close(self) -> None:
        """Close the connections to jump hosts, and those through them."""
        with self._lock:
            jumps, self._jumps = self._jumps, {}
        for jump in jumps.values():
            jump.close()


def open_link(spec: ConnectionSpec, shared: SharedSsh, begun: socket.socket | None = None) -> Link:
    """Connect, unless the connection is `begun`, and log in; raises `UnreachableError`. For a begun connection, the
    caller has passed the gate. Refused handshakes are retried with growing pauses."""
    for attempt in range(_ATTEMPTS):
        try:
            if begun is not None:
                sock, begun = begun, None
                return log_in(Wire.over(sock), spec, shared.ring)
            return _open_link(spec, shared)
        except HandshakeRefusedError:
            if attempt == _ATTEMPTS - 1:
                raise
        time.sleep(random.uniform(0.5, 1.5) * _PAUSE * 2**attempt)
    raise AssertionError


def _open_link(spec: ConnectionSpec, shared: SharedSsh) -> Link:
    if spec.jumps:
        with shared.gate.passing(spec.jumps):
            return _by_jump(spec, shared)
    if spec.proxy_command:
        # Such commands mostly log in to the same host on the way.
        with shared.gate.passing("ProxyCommand"):
            return _by_command(spec, shared)
    addresses = resolve(spec.host, spec.port, spec.address_family)
    with shared.gate.passing(addresses[0][4]):
        return log_in(Wire.over(connect_sshd(spec, addresses)), spec, shared.ring)


def _by_jump(spec: ConnectionSpec, shared: SharedSsh) -> Link:
    bastion = spec.jumps[-1]
    try:
        channel = shared.jump(spec.jumps).open_tcp(spec.host, spec.port)
    except UnreachableError as error:
        raise UnreachableError(f"jump host {bastion.name}: {error.message}", hint=error.hint) from error
    except LinkLostError as error:
        raise UnreachableError(f"the connection to jump host {bastion.name} was lost") from error
    except ChannelRefusedError as error:
        raise UnreachableError(
            f"jump host {bastion.name} could not connect to {spec.host} port {spec.port}: {error}",
            hint="does the name resolve there, is sshd up on the host, and does the jump host allow forwarding "
            "(AllowTcpForwarding)?",
        ) from error
    return log_in(channel, spec, shared.ring)


def _by_command(spec: ConnectionSpec, shared: SharedSsh) -> Link:
    from deployer.transport.proxy import ProxyProcess

    process = ProxyProcess(spec.proxy_command)
    try:
        link = log_in(process.stream, spec, shared.ring)
    except UnreachableError as error:
        said = process.end()
        raise type(error)(
            f"{error.message} (through ProxyCommand{', which said: ' + said if said else ''})", hint=error.hint
        ) from error
    link.after_close = process.end
    return link
