"""This machine: its engine through a Unix socket, its shell and its files."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

from deployer.errors import UnreachableError
from deployer.interfaces import Host
from deployer.reach.connection import ConnectionSpec
from deployer.transport.shells import LocalShell
from deployer.transport.sockets import connect_tcp
from deployer.transport.streams import (
    DuplexStream,
    NoLogin,
    Opening,
    Stream,
    end_socket_writing,
    socket_stream,
    socket_usable,
)

if TYPE_CHECKING:
    from deployer.transport.local_files import LocalFiles


class LocalSocket(NoLogin):
    """A Unix socket here; `timeout` is in seconds."""

    def __init__(self, path: str, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self.where = f"the Docker engine at {path}"

    @property
    def loss_hint(self) -> str:
        return ""

    def dial(self) -> Stream:
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(self._timeout)
        try:
            sock.connect(self._path)
        except OSError as error:
            sock.close()
            raise _explain(self._path, error) from error
        return sock

    def usable(self, stream: Stream) -> bool:
        return isinstance(stream, socket.socket) and socket_usable(stream)

    def end_writing(self, stream: Stream) -> None:
        end_socket_writing(stream)

    def shell(self) -> LocalShell:
        return LocalShell()

    def files(self) -> LocalFiles:
        from deployer.transport.local_files import LocalFiles

        return LocalFiles()

    def connect(self, address: str, port: int) -> DuplexStream:
        sock = connect_tcp(address, port, self._timeout, what="a service")
        return socket_stream(sock, f"the connection to {address} port {port}")

    def close(self) -> None:
        """Streams are closed by their users."""


def open_host(spec: ConnectionSpec, opening: Opening) -> Host:
    return opening.over(LocalSocket(spec.docker_socket, spec.connect_timeout))


def _explain(path: str, error: OSError) -> UnreachableError:
    if isinstance(error, FileNotFoundError):
        return UnreachableError(
            f"there is no Docker socket at {path} on this machine",
            hint="is Docker installed and running? Set docker_socket if the socket is elsewhere",
        )
    if isinstance(error, PermissionError):
        return UnreachableError(
            f"this user may not open the Docker socket {path}", hint="add the user to group docker, or run as root"
        )
    if isinstance(error, ConnectionRefusedError):
        what = "but nothing answers: the engine is stopped" if Path(path).is_socket() else "which is not a socket"
        return UnreachableError(f"there is {path} on this machine, {what}", hint="systemctl start docker")
    return UnreachableError(f"no connection to {path}: {error.strerror or error}")
