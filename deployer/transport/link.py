"""One SSH connection to one server: paramiko's Transport with what it lacks.

Adds channels to Unix sockets on the server (`direct-streamlocal@openssh.com`, OpenSSH's PROTOCOL file, section 2.4),
which paramiko 5.1 cannot open. They are made from private members of Transport; `tests/transport/test_link.py` holds
the installed paramiko to them.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from deployer.transport.lean import paramiko

_READ_AHEAD = 65536
"""Bytes taken from the kernel at once; an SSH packet is read as a header of one cipher block and then its rest."""

_FIRST = 200
_BASE: Any = paramiko.Transport
_RFC8731 = "curve25519-sha256"
_CURVE25519 = f"{_RFC8731}@libssh.org"
_PLACE = _BASE._preferred_kex.index(_CURVE25519)
_STREAMLOCAL = "direct-streamlocal@openssh.com"
_CHANNEL_OPEN = b"\x5a"  # SSH_MSG_CHANNEL_OPEN, RFC 4254 section 5.1


FORBIDDEN = "Administratively prohibited"
"""How paramiko words the refusal of a channel that the server does not allow (RFC 4254 section 5.1, code 1)."""


class ChannelRefusedError(Exception):
    """The server would not open the channel."""


class LinkLostError(Exception):
    """The SSH connection ended."""


class Link(paramiko.Transport):
    """A paramiko Transport whose channels can also end at a Unix socket on the server."""

    # The method has two names: OpenSSH's own, and since RFC 8731 a shorter one, which a server may insist on.
    _kex_info: ClassVar = {**_BASE._kex_info, _RFC8731: _BASE._kex_info[_CURVE25519]}
    _preferred_kex = (*_BASE._preferred_kex[:_PLACE], _RFC8731, *_BASE._preferred_kex[_PLACE:])

    # Seconds between looks at the keepalive timer while nothing arrives. Data and `close` wake it at once.
    _active_check_timeout = 1.0

    def __init__(self, sock: Any, *, timeout: float) -> None:
        super().__init__(sock)
        self.banner_timeout = timeout
        self.handshake_timeout = timeout
        self.auth_timeout = max(timeout, 30.0)
        self.channel_timeout = timeout
        self.disconnect_reason = ""
        self.after_close: Callable[[], object] | None = None
        self.login_key: paramiko.PKey | None = None
        self.lending = threading.Lock()
        """Held while its server gets an agent: which one, is known of the connection and not of a channel."""

    def open_unix_socket(self, path: str) -> paramiko.Channel:
        """A channel to the socket at `path` on the server; raises `ChannelRefusedError` or `LinkLostError`.

        OpenSSH answers a missing socket, a closed one and forbidden forwarding alike (code 2), so the refusal says
        nothing about the reason.
        """
        private: Any = self
        number, opened, channel = self._announce_channel(private)
        message = paramiko.Message()
        message.add_byte(_CHANNEL_OPEN)
        message.add_string(_STREAMLOCAL)
        for field in (number, channel.in_window_size, channel.in_max_packet_size):
            message.add_int(field)
        message.add_string(path)
        message.add_string("")
        message.add_int(0)
        try:
            private._send_user_message(message)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise LinkLostError(self.disconnect_reason) from error
        answered = opened.wait(self.channel_timeout)
        if not self.is_active():
            raise LinkLostError(self.disconnect_reason)
        accepted: bool = private._channels.get(number) is channel
        if not (answered and accepted):
            raise ChannelRefusedError(path)
        return channel

    def open_session_channel(self) -> paramiko.Channel:
        """A channel for one command; raises `ChannelRefusedError` (MaxSessions) or `LinkLostError`."""
        return self._open("session")

    def open_tcp(self, host: str, port: int) -> paramiko.Channel:
        """A channel to a TCP port that the server connects to; raises `ChannelRefusedError` or `LinkLostError`."""
        return self._open("direct-tcpip", (host, port), ("127.0.0.1", 0))

    def close(self) -> None:
        """Close the connection at once; the reading thread ends."""
        if isinstance(self.sock, socket.socket):
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
        super().close()
        after, self.after_close = self.after_close, None
        if after is not None:
            after()

    def _open(
        self, kind: str, to: tuple[str, int] | None = None, origin: tuple[str, int] | None = None
    ) -> paramiko.Channel:
        try:
            return self.open_channel(kind, to, origin)
        except paramiko.ChannelException as error:
            raise ChannelRefusedError(error.text) from error
        except (paramiko.SSHException, EOFError, OSError) as error:
            if self.is_active() and isinstance(error, paramiko.SSHException):
                raise ChannelRefusedError(str(error)) from error
            raise LinkLostError(self.disconnect_reason) from error

    def _announce_channel(self, private: Any) -> tuple[int, threading.Event, paramiko.Channel]:
        """Register a channel that the answer to a request will find; returns its number and the event of the answer."""
        if not self.is_active():
            raise LinkLostError(self.disconnect_reason)
        with self.lock:
            number: int = private._next_channel()
            channel = paramiko.Channel(number)
            private_channel: Any = channel
            opened = self.channel_events[number] = threading.Event()
            private._channels.put(number, channel)
            self.channels_seen[number] = True
            private_channel._set_transport(self)
            private_channel._set_window(self.default_window_size, self.default_max_packet_size)
        return number, opened, channel

    def _parse_disconnect(self, m: paramiko.Message) -> None:
        m.get_int()
        self.disconnect_reason = m.get_text()


class Wire(socket.socket):
    """The TCP socket under an SSH connection: reads ahead, and acknowledges what it reads without delay.

    sshd leaves Nagle's algorithm on for connections without a session channel, so an answer in two packets would
    wait for the kernel's delayed acknowledgement, 40 ms on Linux. TCP_QUICKACK holds for one acknowledgement only
    (tcp(7)) and is requested again after each read.
    """

    _is_tcp = True
    _ahead = b""
    first_bytes = b""
    """The first bytes from the other side; a server that is not SSH, or that refuses, may explain itself here."""

    @classmethod
    def over(cls, sock: socket.socket) -> Wire:
        """Take over a connected socket."""
        timeout = sock.gettimeout()
        wire = cls(sock.family, sock.type, sock.proto, fileno=sock.detach())
        wire.settimeout(timeout)
        wire._is_tcp = wire.family != socket.AF_UNIX
        wire._acknowledge()
        return wire

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        if not self._ahead:
            self._ahead = super().recv(_READ_AHEAD, flags)
            self.first_bytes = self.first_bytes or self._ahead[:_FIRST]
            self._acknowledge()
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        return data

    def _acknowledge(self) -> None:
        if self._is_tcp and hasattr(socket, "TCP_QUICKACK"):
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
