"""The types of connection: one row for each, of which nothing is opened here."""

from __future__ import annotations

from enum import Enum
from typing import Final

from msgspec import Struct


class ConnectionType(Enum):
    """How a host is reached."""

    SSH = "ssh"
    LOCAL = "local"
    TCP = "tcp"
    SIMULATED = "simulated"


class Connector(Struct, frozen=True):
    """`words`: values of the variable `connection`; `schemes`: those of `docker_host`. `module`: its `open_host` makes
    a `Host` from a `ConnectionSpec` and a `transport.streams.Opening`. `reads`: settings of `reach.names`."""

    kind: ConnectionType
    words: tuple[str, ...]
    module: str
    reads: frozenset[str]
    schemes: tuple[str, ...] = ()


_ALL: Final = frozenset({"host", "connection", "timeout", "docker_host"})
_SSH: Final = frozenset(
    {"port", "user", "password", "private_key_file", "private_key", "private_key_passphrase", "ssh_args"}
    | {"ssh_common_args", "ssh_extra_args", "host_key_checking", "known_hosts_file", "forward_agent", "proxy_jump"}
    | {"become", "become_user", "become_method", "become_password", "docker_socket", "docker_command"}
)

CONNECTORS: Final = (
    Connector(
        kind=ConnectionType.SSH,
        words=("ssh", "smart", "paramiko", "paramiko_ssh"),
        module="deployer.transport.connect_ssh",
        reads=_ALL | _SSH,
        schemes=("ssh",),
    ),
    Connector(
        kind=ConnectionType.LOCAL, words=("local",), module="deployer.transport.local", reads=_ALL | {"docker_socket"}
    ),
    Connector(
        kind=ConnectionType.TCP,
        words=("tcp",),
        module="deployer.transport.tcp",
        reads=_ALL | {"port", "tls_ca", "tls_cert", "tls_key", "tls_verify"},
        schemes=("tcp", "https", "http"),
    ),
    Connector(
        kind=ConnectionType.SIMULATED,
        words=("simulated",),
        module="deployer.simulated.host",
        reads=_ALL | {"docker_socket"},
    ),
)

BY_KIND: Final = {connector.kind: connector for connector in CONNECTORS}
