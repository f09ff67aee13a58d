"""The types of connection: one row for each, of which nothing is opened here."""

from __future__ import annotations

from enum import Enum
from typing import Final

from msgspec import Struct


class Kind(Enum):
    """How a host is reached."""

    SSH = "ssh"
    LOCAL = "local"
    TCP = "tcp"
    SIMULATED = "simulated"


class Connector(Struct, frozen=True):
    """`words`: values of the variable `connection`; `schemes`: those of `docker_host`. `module`: its `open_host` makes
    a `Host` from a `ConnectionSpec` and a `transport.streams.Opening`."""

    kind: Kind
    words: tuple[str, ...]
    module: str
    schemes: tuple[str, ...] = ()


CONNECTORS: Final = (
    Connector(Kind.SSH, ("ssh", "smart", "paramiko", "paramiko_ssh"), "deployer.transport.connect_ssh", ("ssh",)),
    Connector(Kind.LOCAL, ("local",), "deployer.transport.local"),
    Connector(Kind.TCP, ("tcp",), "deployer.transport.tcp", ("tcp", "https", "http")),
    Connector(Kind.SIMULATED, ("simulated",), "deployer.simulated.host"),
)

BY_KIND: Final = {connector.kind: connector for connector in CONNECTORS}
