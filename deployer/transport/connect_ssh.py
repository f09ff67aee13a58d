"""Begins an SSH connection. paramiko takes 0.1 s to load, in which a server may prepare to answer."""

from __future__ import annotations

import socket

from deployer.interfaces import Host
from deployer.reach.connection import ConnectionSpec
from deployer.transport.sockets import connect_sshd, resolve
from deployer.transport.streams import Opening


def open_host(spec: ConnectionSpec, opening: Opening) -> Host:
    """Connects and logs in; raises `UnreachableError`."""
    if spec.jumps or spec.proxy_command:
        return _logged_in(spec, opening)
    addresses = resolve(spec.host, spec.port, spec.address_family)
    with opening.gate.passing(addresses[0][4]):
        return _logged_in(spec, opening, connect_sshd(spec, addresses))


def _logged_in(spec: ConnectionSpec, opening: Opening, begun: socket.socket | None = None) -> Host:
    from deployer.transport.ssh import SshHost

    host = SshHost(spec, opening.ssh(), begun)
    host.link()
    return opening.over(host)
