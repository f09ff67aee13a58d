"""One SSH connection a host, and streams to its engine over it.

Streams go to the Docker socket (`direct-streamlocal`). Where the server refuses that, or `docker_command` is given,
they go through a command, `docker system dial-stdio`.
"""

from __future__ import annotations

import socket
import threading
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, NoReturn

from deployer.errors import NotOfferedError, UnreachableError
from deployer.interfaces import Login
from deployer.reach.connection import ConnectionSpec
from deployer.transport.channels import ChannelSocket
from deployer.transport.commands import begin_sudo, result_of, run, start
from deployer.transport.link import FORBIDDEN, ChannelRefusedError, Link, LinkLostError
from deployer.transport.opening import SharedLink, SharedSsh
from deployer.transport.shells import SshShell
from deployer.transport.streams import (
    ConnectionLostError,
    DuplexStream,
    Stream,
    StreamRefusedError,
    explaining_stream,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from deployer.transport.diagnosis import CommandFailure
    from deployer.transport.sftp import SftpFiles


class _Route(Enum):
    """How streams reach the engine. UNTRIED goes to the socket and learns from the first refusal."""

    UNTRIED = "untried"
    SOCKET = "socket"
    COMMAND = "command"


_SCRIPTS = 2
"""Scripts that work at the same time: each takes one of the sessions that the server allows a connection."""


class SshHost:
    """A host reached over SSH: connects when first asked, and again after the connection was lost.

    Safe to use from several threads.
    """

    def __init__(self, spec: ConnectionSpec, shared: SharedSsh, begun: socket.socket | None = None) -> None:
        """`begun`: a connection to its sshd, not yet spoken on."""
        self.spec = spec
        self._shared_link = SharedLink(spec, shared, begun)
        self._finding_out = threading.Lock()
        self._route = _Route.COMMAND if spec.docker_command else _Route.UNTRIED
        self._opening_files = threading.Lock()
        self._files: SftpFiles | None = None
        self._no_files: NotOfferedError | None = None
        self._shell = SshShell(self.link, spec, threading.Semaphore(_SCRIPTS))

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
            if self._route is not _Route.UNTRIED:
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
        """The connection, recreated when there is none; raises `UnreachableError`."""
        return self._shared_link.get()

    def shell(self) -> SshShell:
        """The same one each time: it remembers that the server runs none."""
        return self._shell

    def files(self) -> SftpFiles:
        """Raises `NotOfferedError` where the server transfers no files."""
        from deployer.transport.sftp import SftpFiles, open_sftp

        with self._opening_files:
            if self._no_files is not None:
                raise NotOfferedError(self._no_files.message, hint=self._no_files.hint)
            if self._files is None or not self._files.usable:
                try:
                    self._files = SftpFiles(open_sftp(self.link(), self.spec.address), self.spec.address)
                except NotOfferedError as error:
                    # A channel may be refused for the moment only.
                    if not isinstance(error.__cause__, ChannelRefusedError):
                        self._no_files = error
                    raise
            return self._files

    def connect(self, address: str, port: int) -> DuplexStream:
        """A TCP connection that the host makes; raises `NotOfferedError`, `UnreachableError`."""
        by = self.spec.address
        try:
            sock = ChannelSocket(self.link().open_tcp(address, port))
        except ChannelRefusedError as refused:
            if str(refused) == FORBIDDEN:
                hint = "sshd_config: AllowTcpForwarding, PermitOpen"
                raise NotOfferedError(f"{by} does not forward to {address} port {port}", hint=hint) from refused
            raise UnreachableError(f"{by} cannot connect to {address} port {port}: {refused}") from refused
        except LinkLostError as error:
            raise ConnectionLostError(f"the SSH connection to {by} was lost") from error
        explaining = partial(explaining_stream, f"the connection to {address} port {port} by way of {by}")
        return DuplexStream(sock, sock.recv, sock.end_writing, sock.close, explaining)

    @property
    def gives(self) -> bool:
        return self.spec.forward_agent and not self.spec.sudo_password

    def login(self) -> Login:
        from deployer.transport.giving import login_of

        return login_of(self.spec, self.link(), self.spec.docker)

    def give(self, reference: str, without: Collection[str], to: Login) -> None:
        from deployer.transport.giving import give

        give(self.spec, self.link(), self.spec.docker, reference, without, to)

    def close(self) -> None:
        self._shared_link.close()

    def _open(self, link: Link) -> ChannelSocket:
        stream = None if self._route is _Route.COMMAND else self._by_socket(link)
        return stream or self._by_command(link)

    def _by_socket(self, link: Link) -> ChannelSocket | None:
        """None if the first stream is refused; the command may still work."""
        try:
            channel = link.open_unix_socket(self.spec.docker_socket)
        except ChannelRefusedError as refused:
            if self._route is _Route.SOCKET:
                raise self._diagnose(link, None) from refused
            return None
        self._route = _Route.SOCKET
        return ChannelSocket(channel)

    def _by_command(self, link: Link) -> ChannelSocket:
        command = self._command()
        try:
            channel = start(link, command)
        except ChannelRefusedError as refused:
            if self._route is _Route.COMMAND:
                raise StreamRefusedError(f"the server opens no further session (MaxSessions): {refused}") from refused
            raise self._diagnose(link, None) from refused

        if self.spec.sudo_password and (said := begin_sudo(channel, self.spec.sudo_password)):
            from deployer.transport.diagnosis import CommandFailure

            channel.close()
            raise self._diagnose(link, CommandFailure(command, None, said))
        self._route = _Route.COMMAND

        def on_no_answer(beginning: bytes) -> NoReturn:
            from deployer.transport.diagnosis import CommandFailure

            if not self.spec.docker_command:
                self._route = _Route.UNTRIED
            result = result_of(channel)
            said = result.errors or beginning.decode(errors="replace") + result.output
            raise self._diagnose(link, CommandFailure(command, result.status, said))

        return ChannelSocket(channel, on_no_answer)

    def _command(self) -> str:
        return f"{self.spec.docker} system dial-stdio"

    def _diagnose(self, link: Link, failure: CommandFailure | None) -> UnreachableError:
        from deployer.transport.diagnosis import explain, probe_command, read_findings

        try:
            output = run(link, probe_command(self.spec.docker_socket)).output
        except (ChannelRefusedError, LinkLostError):
            output = ""
        return explain(self.spec, read_findings(output), failure)
