"""The engine of this machine, through its Unix socket."""

from __future__ import annotations

import socket
from pathlib import Path

from deployer.errors import UnreachableError
from deployer.transport.streams import Stream, end_socket_writing, socket_usable


class LocalSocket:
    """A Unix socket here; `timeout` is in seconds."""

    def __init__(self, path: str, timeout: float) -> None:
        self._path = path
        self._timeout = timeout

    @property
    def where(self) -> str:
        return f"the Docker engine at {self._path}"

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

    def close(self) -> None:
        """Streams are closed by their users."""


def _explain(path: str, error: OSError) -> UnreachableError:
    if isinstance(error, FileNotFoundError):
        return UnreachableError(
            f"there is no Docker socket at {path} on this machine",
            hint="is Docker installed and started? Another place is given with docker_socket",
        )
    if isinstance(error, PermissionError):
        return UnreachableError(
            f"this user may not open the Docker socket {path}", hint="add the user to group docker, or run as root"
        )
    if isinstance(error, ConnectionRefusedError):
        what = "but nothing answers: the engine is stopped" if Path(path).is_socket() else "which is not a socket"
        return UnreachableError(f"there is {path} on this machine, {what}", hint="systemctl start docker")
    return UnreachableError(f"no connection to {path}: {error.strerror or error}")
