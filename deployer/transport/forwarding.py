"""Connections to a port of this machine, each passed on through a stream of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from deployer.errors import DeployerError
from deployer.interfaces import Stream
from deployer.transport.streams import CHUNK


class Listener:
    """Listens from the beginning; `serve` accepts until it is interrupted. Raises OSError if the port is taken."""

    def __init__(self, address: str, port: int) -> None:
        self._server = socket.create_server((address, port))

    @property
    def port(self) -> int:
        return int(self._server.getsockname()[1])

    def serve(self, connect: Callable[[], Stream], failed: Callable[[DeployerError], object]) -> None:
        """`connect` opens the stream of one connection; `failed` is told why that was not possible."""
        while True:
            client, _ = self._server.accept()
            threading.Thread(target=_pass_on, args=(client, connect, failed), name="forward", daemon=True).start()

    def close(self) -> None:
        self._server.close()


def _pass_on(client: socket.socket, connect: Callable[[], Stream], failed: Callable[[DeployerError], object]) -> None:
    with client:
        try:
            stream = connect()
        except DeployerError as error:
            failed(error)
            return
        stream.settimeout(None)
        sending = threading.Thread(target=_send, args=(client, stream), name="forward-out", daemon=True)
        sending.start()
        try:
            with suppress(DeployerError, OSError):
                while data := stream.read(CHUNK):
                    client.sendall(data)
                client.shutdown(socket.SHUT_WR)
                sending.join()
        finally:
            stream.close()


def _send(client: socket.socket, stream: Stream) -> None:
    with suppress(DeployerError, OSError):
        while data := client.recv(CHUNK):
            stream.write(data)
        stream.end_writing()
