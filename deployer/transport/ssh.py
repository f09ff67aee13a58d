"""One SSH connection a host, and streams to its engine over it.

Streams go to the Docker socket (`direct-streamlocal`). Where the server refuses that, or `docker_command` is given,
they go through a command, `docker system dial-stdio`.
"""

from __future__ import annotations

import shlex
import socket
import threading
from enum import Enum
from typing import TYPE_CHECKING, NoReturn

from deployer.errors import UnreachableError
from deployer.reach.connection import DEFAULT_SOCKET, ConnectionSpec
from deployer.transport.channels import ChannelSocket
from deployer.transport.commands import CommandResult, run, start
from deployer.transport.link import ChannelRefusedError, Link, LinkLostError
from deployer.transport.opening import SharedLink, SharedSsh
from deployer.transport.streams import ConnectionLostError, Stream, StreamRefusedError

if TYPE_CHECKING:
    from deployer.transport.diagnosis import CommandFailure


class _Way(Enum):
    """How streams reach the engine. UNTRIED goes to the socket and learns from the first refusal."""

    UNTRIED = "untried"
    SOCKET = "socket"
    COMMAND = "command"


class SshHost:
    """A host reached over SSH: connects when first asked, and again after the connection was lost.

    Safe to use from several threads.
    """

    def __init__(self, spec: ConnectionSpec, shared: SharedSsh, begun: socket.socket | None = None) -> None:
        """`begun`: a connection to its sshd, not yet spoken on."""
        self.spec = spec
        self._shared_link = SharedLink(spec, shared, begun)
        self._finding_out = threading.Lock()
        self._way = _Way.COMMAND if spec.docker_command else _Way.UNTRIED

    @property
    def where(self) -> str:
        return f"the Docker engine of {self.spec.address}"

    @property
    def loss_hint(self) -> str:
        return ""

    def dial(self) -> ChannelSocket:
        """A new stream to the engine; raises `UnreachableError` or `StreamRefusedError`."""
        link = self.link()
        try:
            if self._way is not _Way.UNTRIED:
                return self._open(link)
            # One stream finds out the way for all others.
            with self._finding_out:
                return self._open(link)
        except LinkLostError as error:
            raise ConnectionLostError(f"the SSH connection to {self.spec.address} was lost") from error

    def usable(self, stream: Stream) -> bool:
        return isinstance(stream, ChannelSocket) and stream.usable

    def end_writing(self, stream: Stream) -> None:
        assert isinstance(stream, ChannelSocket)
        stream.end_writing()

    def link(self) -> Link:
        """The connection, made anew when there is none; raises `UnreachableError`."""
        return self._shared_link.get()

    def close(self) -> None:
        self._shared_link.close()

    def _open(self, link: Link) -> ChannelSocket:
        stream = None if self._way is _Way.COMMAND else self._by_socket(link)
        return stream or self._by_command(link)

    def _by_socket(self, link: Link) -> ChannelSocket | None:
        """None when the first stream is refused: then the command may do."""
        try:
            channel = link.open_unix_socket(self.spec.docker_socket)
        except ChannelRefusedError as refused:
            if self._way is _Way.SOCKET:
                raise self._diagnose(link, None) from refused
            return None
        self._way = _Way.SOCKET
        return ChannelSocket(channel)

    def _by_command(self, link: Link) -> ChannelSocket:
        command = self._command()
        try:
            channel = start(link, command)
        except ChannelRefusedError as refused:
            if self._way is _Way.COMMAND:
                raise StreamRefusedError(f"the server opens no further session (MaxSessions): {refused}") from refused
            raise self._diagnose(link, None) from refused

        self._way = _Way.COMMAND

        def on_nonsense(beginning: bytes) -> NoReturn:
            from deployer.transport.diagnosis import CommandFailure

            if not self.spec.docker_command:
                self._way = _Way.UNTRIED
            result = CommandResult.of(channel)
            said = result.errors or beginning.decode(errors="replace") + result.output
            raise self._diagnose(link, CommandFailure(command, result.status, said))

        return ChannelSocket(channel, on_nonsense)

    def _command(self) -> str:
        docker, socket = self.spec.docker_command or "docker", self.spec.docker_socket
        place = "" if socket == DEFAULT_SOCKET else f" -H {shlex.quote(f'unix://{socket}')}"
        return f"{docker}{place} system dial-stdio"

    def _diagnose(self, link: Link, failure: CommandFailure | None) -> UnreachableError:
        from deployer.transport.diagnosis import explain, probe_command, read_findings

        try:
            output = run(link, probe_command(self.spec.docker_socket)).output
        except (ChannelRefusedError, LinkLostError):
            output = ""
        return explain(self.spec, read_findings(output), failure)
