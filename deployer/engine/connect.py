"""From a `ConnectionSpec` to an engine that answered."""

from __future__ import annotations

import shlex
import threading
from typing import TYPE_CHECKING

from deployer.interfaces import Engine
from deployer.reach.connection import ConnectionSpec, Kind
from deployer.transport.sockets import connect_sshd
from deployer.transport.streams import Dialer

_PATIENCE = 10.0
"""Seconds that a script on this machine may take."""


if TYPE_CHECKING:
    from collections.abc import Callable

    from deployer.transport.opening import SharedSsh
    from deployer.transport.ssh import SshHost


def connect(spec: ConnectionSpec) -> Engine:
    """Reach one host's engine and agree on an API version; raises `UnreachableError`. For several, see `Connections`.

    `GET /version` is the one request this makes: it is the test of reachability as well.
    """
    connections = Connections()
    return connections.open(spec, on_close=connections.close)


class Connections:
    """The engines of one run, whose SSH hosts share decrypted keys and jump hosts. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shared: SharedSsh | None = None
        self._hosts: dict[str, SshHost] = {}

    def connect(self, spec: ConnectionSpec) -> Engine:
        """As the function of that name; the engine must be closed before this."""
        return self.open(spec, on_close=None)

    def open(self, spec: ConnectionSpec, on_close: Callable[[], None] | None) -> Engine:
        """`on_close` is called when the engine is closed."""
        if spec.kind is Kind.SIMULATED:
            from deployer.simulated import open_simulated

            simulated: Engine = open_simulated(spec)
            return simulated
        dialer = self._dialer(spec)
        # Not before the host answers: other threads may load it while this one waits for that.
        from deployer.engine.agreeing import agree

        return agree(dialer, on_close)

    def close(self) -> None:
        """End the connections to jump hosts."""
        with self._lock:
            shared, self._shared = self._shared, None
        if shared is not None:
            shared.close()

    def __enter__(self) -> Connections:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _dialer(self, spec: ConnectionSpec) -> Dialer:
        """Imports only what the kind needs: paramiko costs 0.1 s, in which a server may prepare to answer."""
        if spec.kind is Kind.LOCAL:
            from deployer.transport.local import LocalSocket

            return LocalSocket(spec.docker_socket, spec.connect_timeout)
        if spec.kind is Kind.TCP:
            from deployer.transport.tcp import TcpEngine

            return TcpEngine(spec)
        begun = None if spec.jumps or spec.proxy_command else connect_sshd(spec)
        from deployer.transport.opening import SharedSsh
        from deployer.transport.ssh import SshHost

        with self._lock:
            if self._shared is None:
                self._shared = SharedSsh()
            self._hosts[spec.name] = host = SshHost(spec, self._shared, begun)
        host.link()
        return host

    def free_space(self, spec: ConnectionSpec, folder: str) -> int | None:
        """Bytes free in a folder of a host that `open` reached; None where no way leads to an answer: over TCP, and
        where the server runs no commands."""
        if spec.kind is Kind.LOCAL:
            return _local_space(folder)
        said = self.run_script(spec, f"df -Pk {shlex.quote(folder)}")
        return None if said is None else _space_of(said)

    def run_script(self, spec: ConnectionSpec, script: str) -> str | None:
        """What a POSIX script prints on a host that `open` reached, cut off at 64 KiB; None where none can be run: over
        TCP, and where the server runs no commands."""
        if spec.kind is Kind.LOCAL:
            return _run_here(script)
        host = self._hosts.get(spec.name)
        if host is None:
            return None
        from deployer.transport import commands
        from deployer.transport.link import ChannelRefusedError, LinkLostError

        try:
            return commands.run(host.link(), f"exec sh -c {shlex.quote(script)}").output
        except (ChannelRefusedError, LinkLostError):
            return None


def _run_here(script: str) -> str | None:
    import subprocess

    try:
        return subprocess.run(
            ("sh", "-c", script),
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_PATIENCE,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None


def _local_space(folder: str) -> int | None:
    import shutil

    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _space_of(said: str) -> int | None:
    """The fourth column of POSIX `df -Pk`, in KiB."""
    columns = said.strip().rpartition("\n")[2].split()
    return int(columns[3]) * 1024 if len(columns) >= 6 and columns[3].isdigit() else None
