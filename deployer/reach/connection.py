"""Everything resolved about how to reach one host's engine: values only, no connection.

`resolve.connection_spec` computes a `ConnectionSpec` from inventory variables, command line and ssh_config;
`engine.connect` opens one.
"""

from __future__ import annotations

import shlex
from enum import Enum
from typing import ClassVar

from msgspec import Struct

from deployer.interfaces import Guarded
from deployer.reach.connectors import ConnectionType

DEFAULT_SOCKET = "/var/run/docker.sock"
"""Where the Docker engine listens unless told otherwise; distributions link /var/run to /run."""

DEFAULT_TIMEOUT = 10.0
"""Seconds for the TCP connection, the SSH banner and each later step of a login; Ansible's default."""

SUDO_PROMPT = "[deployer] password for sudo: "
"""The prompt that sudo uses, to distinguish it from other output."""

SUDO_READY = "[deployer] sudo is ready"
"""What is written to stderr before the command that sudo runs."""

SSH_PORT = 22
DOCKER_TLS_PORT = 2376


class HostKeyChecking(Enum):
    """What to do about an SSH host key; OpenSSH's words. A changed key is refused by all but NO."""

    STRICT = "strict"
    ACCEPT_NEW = "accept-new"
    NO = "no"


class AddressFamily(Enum):
    """Which of a name's addresses to connect to; OpenSSH's words."""

    ANY = "any"
    IPV4 = "inet"
    IPV6 = "inet6"


class TlsFiles(Struct, frozen=True):
    """PEM files for a TLS connection, "" for none; `verify` off accepts any server certificate."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    verify: bool = True


class ConnectionSpec(Guarded, frozen=True, kw_only=True):
    """One host. File names are absolute; secrets are left out of the repr.

    `docker_command` given means that the engine is reached by running it (`… system dial-stdio`) and not through
    the socket; `sudo_password` is given to it where it asks with `SUDO_PROMPT`. `become`: the words before a command
    that becomes another user, who then reaches the engine; it asks for the same password. `user` "" is the local
    user's name. `forward_agent`: whether the host may log in to other hosts with the keys of this machine. `jumps` are
    passed in order, the last connects to the host.
    """

    hidden: ClassVar[tuple[str, ...]] = ("private_key", "private_key_passphrase", "password", "sudo_password")
    name: str
    kind: ConnectionType = ConnectionType.SSH
    host: str = ""
    port: int = SSH_PORT
    user: str = ""
    private_key_files: tuple[str, ...] = ()
    private_key: str = ""
    private_key_passphrase: str = ""
    password: str = ""
    identities_only: bool = False
    identity_agent: str = ""
    forward_agent: bool = False
    known_hosts_files: tuple[str, ...] = ()
    host_key_alias: str = ""
    host_key_checking: HostKeyChecking = HostKeyChecking.STRICT
    docker_socket: str = DEFAULT_SOCKET
    docker_command: str = ""
    sudo_password: str = ""
    become: str = ""
    connect_timeout: float = DEFAULT_TIMEOUT
    jumps: tuple[ConnectionSpec, ...] = ()
    proxy_command: str = ""
    address_family: AddressFamily = AddressFamily.ANY
    tls: TlsFiles | None = None

    @property
    def address(self) -> str:
        """`host:port` as known_hosts and messages write it: `web1`, `[web1]:2222`."""
        return self.host if self.port == SSH_PORT else f"[{self.host}]:{self.port}"

    @property
    def docker(self) -> str:
        """The docker command there, for its engine."""
        docker, socket = self.docker_command or "docker", self.docker_socket
        return docker if socket == DEFAULT_SOCKET else f"{docker} -H {shlex.quote(f'unix://{socket}')}"


class CliConnectionOptions(Guarded, frozen=True):
    """What the command line says for all hosts. As in Ansible, a host's variables are stronger."""

    hidden: ClassVar[tuple[str, ...]] = ("password", "become_password")
    user: str = ""
    private_key_file: str = ""
    ssh_common_args: str = ""
    timeout: float | None = None
    password: str = ""
    become_password: str = ""
