"""One SSH connection a host, and streams to its engine over it.

Streams go to the Docker socket (`direct-streamlocal`), or, where the server forbids that or `docker_command` is
given, through a command (`docker system dial-stdio`).
"""

from __future__ import annotations

import threading

from deployer.errors import UnreachableError
from deployer.transport.channels import ChannelSocket
from deployer.transport.connection import ConnectionSpec
from deployer.transport.keys import KeyRing
from deployer.transport.link import ChannelRefusedError, Link, LinkLostError, Wire
from deployer.transport.login import log_in
from deployer.transport.sockets import connect_tcp
from deployer.transport.streams import Stream


class SshHost:
    """A host reached over SSH: connects when first asked, and again after the connection was lost.

    Safe to use from several threads.
    """

    def __init__(self, spec: ConnectionSpec, ring: KeyRing) -> None:
        self.spec = spec
        self._ring = ring
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._by_command = bool(spec.docker_command)

    @property
    def where(self) -> str:
        return f"the Docker engine of {self.spec.address}"

    def usable(self, stream: Stream) -> bool:
        return isinstance(stream, ChannelSocket) and stream.usable

    def dial(self) -> ChannelSocket:
        """A new stream to the engine; raises `UnreachableError`."""
        link = self.link()
        if not self._by_command:
            try:
                return ChannelSocket(link.open_unix_socket(self.spec.docker_socket))
            except ChannelRefusedError:
                self._by_command = True
            except LinkLostError as error:
                raise self._lost() from error
        channel = link.open_session_channel()
        channel.exec_command(f"{self.spec.docker_command or 'docker'} system dial-stdio")
        return ChannelSocket(channel)

    def link(self) -> Link:
        with self._lock:
            if self._link is None or not self._link.is_active():
                spec = self.spec
                sock = Wire.over(connect_tcp(spec.host, spec.port, spec.connect_timeout))
                self._link = log_in(sock, spec, self._ring)
            return self._link

    def close(self) -> None:
        with self._lock:
            if self._link is not None:
                self._link.close()

    def _lost(self) -> UnreachableError:
        return UnreachableError(f"the SSH connection to {self.spec.address} was lost")
