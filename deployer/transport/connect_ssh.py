"""Begins an SSH connection. paramiko takes 0.1 s to load, in which a server may prepare to answer."""

from __future__ import annotations

from deployer.interfaces import Host
from deployer.reach.connection import ConnectionSpec
from deployer.transport.sockets import connect_sshd
from deployer.transport.streams import Opening


def open_host(spec: ConnectionSpec, opening: Opening) -> Host:
    """Connects and logs in; raises `UnreachableError`."""
    begun = None if spec.jumps or spec.proxy_command else connect_sshd(spec)
    from deployer.transport.ssh import SshHost

    host = SshHost(spec, opening.ssh(), begun)
    host.link()
    return opening.over(host)
