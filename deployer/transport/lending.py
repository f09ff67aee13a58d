"""An agent for a single login, as another host forwards it to its ssh (draft-ietf-sshm-ssh-agent).

It signs once, and only for a connection of which ssh has proved that it ends at the host of the login: OpenSSH binds
agents to their connections since 8.9 (PROTOCOL.agent, section 1). Older ones get no signature.
"""

from __future__ import annotations

import threading
from typing import Final

from deployer.interfaces import Login
from deployer.transport.lean import paramiko

_FAILURE, _SUCCESS = b"\x05", b"\x06"
_LIST, _LISTED, _SIGN, _SIGNED, _EXTENSION = 11, 12, 13, 14, 27
_BIND: Final = "session-bind@openssh.com"
_USERAUTH_REQUEST: Final = 50
_METHODS: Final = ("publickey", "publickey-hostbound-v00@openssh.com")
_RSA: Final = {2: "rsa-sha2-256", 4: "rsa-sha2-512"}
"""Flags of a request to sign (RFC 8332)."""

_LARGEST: Final = 256 * 1024


class LoginAgent:
    """Answers the requests of one ssh."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self._session = b""
        self._signed = False

    def answer(self, request: bytes) -> bytes:
        message = paramiko.Message(request)
        kind = message.get_byte()[0] if request else 0
        if kind == _LIST:
            found = paramiko.Message()
            found.add_byte(bytes((_LISTED,)))
            found.add_int(1)
            found.add_string(self._login.public)
            found.add_string("deployer")
            return found.asbytes()
        if kind == _EXTENSION and message.get_text() == _BIND:
            return self._bind(message)
        return self._sign(message) if kind == _SIGN else _FAILURE

    def _bind(self, message: paramiko.Message) -> bytes:
        key, session, proof = message.get_binary(), message.get_binary(), message.get_binary()
        is_forwarded = message.get_boolean()
        if is_forwarded or self._session or key != self._login.host_key or not self._login.proves(session, proof):
            return _FAILURE
        self._session = session
        return _SUCCESS

    def _sign(self, message: paramiko.Message) -> bytes:
        public, data, flags = message.get_binary(), message.get_binary(), message.get_int()
        if self._signed or public != self._login.public or not self._is_login(data):
            return _FAILURE
        self._signed = True
        signed = paramiko.Message()
        signed.add_byte(bytes((_SIGNED,)))
        signed.add_string(self._login.sign(data, _RSA.get(flags, "")))
        return signed.asbytes()

    def _is_login(self, data: bytes) -> bool:
        """Whether it is what a login as this user in the proved connection signs (RFC 4252, section 7)."""
        message = paramiko.Message(data)
        session, kind = message.get_binary(), message.get_byte()
        user, service, method = message.get_text(), message.get_text(), message.get_text()
        is_bound = bool(self._session) and session == self._session
        is_request = kind == bytes((_USERAUTH_REQUEST,)) and service == "ssh-connection" and method in _METHODS
        return is_bound and is_request and user == self._login.user


def serve(channel: paramiko.Channel, agent: LoginAgent) -> None:
    """Answers on a channel that a server opened, in a thread, until it is closed."""

    def work() -> None:
        try:
            while size := int.from_bytes(_exactly(channel, 4), "big"):
                answer = agent.answer(_exactly(channel, size)) if size <= _LARGEST else _FAILURE
                channel.sendall(len(answer).to_bytes(4, "big") + answer)
                if size > _LARGEST:
                    return
        except (OSError, EOFError, ValueError, paramiko.SSHException):
            return
        finally:
            channel.close()

    threading.Thread(target=work, name="login", daemon=True).start()


def _exactly(channel: paramiko.Channel, size: int) -> bytes:
    """Raises `EOFError` at the end."""
    data = b""
    while len(data) < size:
        more = channel.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data
