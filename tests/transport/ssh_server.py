"""An SSH server in this process, with the traits of sshd that the transport has to cope with.

Commands are really run, sockets and ports really connected to. Only for tests: it trusts its callers.
"""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_PARTIALLY_SUCCESSFUL,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

from deployer.transport.link import Link
from tests.transport.sftp_server import LocalSftp

STREAMLOCAL = "direct-streamlocal@openssh.com"
REFUSED = 2  # SSH_OPEN_CONNECT_FAILED, what OpenSSH answers to every refused stream


@dataclass
class Traits:
    """How the server behaves; may be changed while it runs."""

    host_keys: list[paramiko.PKey]
    passwords: dict[str, str] = field(default_factory=dict)
    keys: dict[str, set[bytes]] = field(default_factory=dict)
    both: bool = False  # a key and then a password
    streams: bool = True  # AllowStreamLocalForwarding
    tcp: bool = True  # AllowTcpForwarding
    max_sessions: int = 10
    commands: bool = True
    forced: str = ""  # ForceCommand
    sftp: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)
    max_auth_tries: int = 100
    greeting: str = ""  # what the login shell prints before it runs a command
    max_startups: int = 1000  # connections that are not logged in yet; further ones are closed
    kex: tuple[str, ...] = ()  # the only methods of key exchange


@dataclass
class SshServer:
    """A running server and what it saw."""

    traits: Traits
    port: int = 0
    logins: int = 0
    most_waiting: int = 0
    tried: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    transports: list[paramiko.Transport] = field(default_factory=list)

    def drop_all(self) -> None:
        """Close every connection, as a dying sshd does."""
        for transport in self.transports:
            transport.close()


class _Connection(paramiko.ServerInterface):
    def __init__(self, server: SshServer) -> None:
        self.server = server
        self.sessions = 0
        self.passed_key = False
        self.failures = 0
        self.next_path = ""
        self.streams: dict[int, socket.socket] = {}
        self.lock = threading.Lock()

    def get_allowed_auths(self, username: str) -> str:
        traits = self.server.traits
        if traits.both:
            return "password" if self.passed_key else "publickey"
        allowed = ["publickey"] if traits.keys else []
        return ",".join(allowed + (["password"] if traits.passwords else []))

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.server.tried.append(f"{username}:{key.get_name()}")
        if key.asbytes() not in self.server.traits.keys.get(username, set()):
            return self._failed()
        if self.server.traits.both:
            self.passed_key = True
            return AUTH_PARTIALLY_SUCCESSFUL
        return AUTH_SUCCESSFUL

    def check_auth_password(self, username: str, password: str) -> int:
        self.server.tried.append(f"{username}:password")
        if self.server.traits.both and not self.passed_key:
            return self._failed()
        good = self.server.traits.passwords.get(username) == password
        return AUTH_SUCCESSFUL if good else self._failed()

    def _failed(self) -> int:
        self.failures += 1
        return AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        traits = self.server.traits
        if kind == STREAMLOCAL:
            return self._connect(chanid, socket.AF_UNIX, self.next_path) if traits.streams else REFUSED
        with self.lock:
            if kind != "session" or self.sessions >= traits.max_sessions:
                return REFUSED
            self.sessions += 1
        return OPEN_SUCCEEDED

    def _connect(self, chanid: int, family: int, address: Any) -> int:
        sock = socket.socket(family)
        try:
            sock.connect(address)
        except OSError:
            sock.close()
            return REFUSED
        self.streams[chanid] = sock
        return OPEN_SUCCEEDED

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        if not self.server.traits.tcp:
            return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        return self._connect(chanid, socket.AF_INET, destination)

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        if not self.server.traits.commands:
            return False
        self.server.commands.append(command.decode())
        self._start(channel, command.decode())
        return True

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        if self.server.traits.forced:
            self._start(channel, "")
            return True
        return self.server.traits.sftp and super().check_channel_subsystem_request(channel, name)

    def _start(self, channel: paramiko.Channel, command: str) -> None:
        command = self.server.traits.forced or command
        threading.Thread(target=self._run, args=(channel, command), daemon=True).start()

    def _run(self, channel: paramiko.Channel, command: str) -> None:
        environment = {**os.environ, **self.server.traits.environment}
        process = subprocess.Popen(
            ["/bin/sh", "-c", self.server.traits.greeting + command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            bufsize=0,
        )
        assert process.stdin and process.stdout and process.stderr
        stdin, stdout, stderr = process.stdin, process.stdout, process.stderr

        def feed() -> None:
            with suppress(OSError):
                _copy(lambda: channel.recv(65536), stdin.write)
            with suppress(OSError):
                stdin.close()

        threading.Thread(target=feed, daemon=True).start()
        errors = threading.Thread(target=_copy, args=(lambda: stderr.read(65536), channel.sendall_stderr), daemon=True)
        errors.start()
        with suppress(OSError):
            _copy(lambda: stdout.read(65536), channel.sendall)
        errors.join()
        with suppress(OSError, EOFError):
            channel.send_exit_status(process.wait())
            channel.close()
        with self.lock:
            self.sessions -= 1


class _Transport(paramiko.Transport):
    """Notes where a stream is to go, which paramiko's server side does not hand on."""

    owner: _Connection

    def _parse_channel_open(self, m: paramiko.Message) -> None:
        copy = paramiko.Message(m.asbytes())
        kind = copy.get_text()
        if kind == STREAMLOCAL:
            for _ in range(3):
                copy.get_int()
            self.owner.next_path = copy.get_text()
        super()._parse_channel_open(m)  # type: ignore[misc]  # a private member, unknown to the stubs


def _copy(read: Callable[[], bytes], write: Callable[[bytes], object]) -> None:
    while data := read():
        write(data)


def _pump(channel: paramiko.Channel, sock: socket.socket) -> None:
    def back() -> None:
        with suppress(OSError, EOFError):
            _copy(lambda: sock.recv(65536), channel.sendall)
            channel.close()

    thread = threading.Thread(target=back, daemon=True)
    thread.start()
    with suppress(OSError, EOFError):
        _copy(lambda: channel.recv(65536), sock.sendall)
    with suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
    thread.join()
    sock.close()


def _serve(client: socket.socket, server: SshServer) -> None:
    transport = _Transport(client)
    if server.traits.kex:
        link: Any = Link
        transport._kex_info = link._kex_info  # type: ignore[attr-defined]  # private
        transport.get_security_options().kex = server.traits.kex
    transport.owner = _Connection(server)
    for key in server.traits.host_keys:
        transport.add_server_key(key)
    transport.set_subsystem_handler("sftp", paramiko.SFTPServer, LocalSftp)
    server.transports.append(transport)
    try:
        transport.start_server(server=transport.owner)
    except (paramiko.SSHException, EOFError):
        return
    while transport.is_active():
        channel = transport.accept(1)
        if channel is None:
            continue
        sock = transport.owner.streams.pop(channel.get_id(), None)
        if sock is not None:
            threading.Thread(target=_pump, args=(channel, sock), daemon=True).start()


@contextmanager
def ssh_server(traits: Traits) -> Iterator[SshServer]:
    """A server on a port of 127.0.0.1 for the length of a block."""
    server = SshServer(traits)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    server.logins += 1
                    waiting = [one for one in server.transports if one.is_active() and not one.is_authenticated()]
                    server.most_waiting = max(server.most_waiting, len(waiting))
                    if len(waiting) >= server.traits.max_startups:
                        client.close()
                        continue
                    threading.Thread(target=_serve, args=(client, server), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            server.drop_all()
