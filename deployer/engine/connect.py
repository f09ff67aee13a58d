"""Connects to a host and its engine by a `ConnectionSpec`."""

from __future__ import annotations

import importlib
import os
import threading
from typing import TYPE_CHECKING

from deployer.interfaces import Engine, Files, Host, Login, Shell, Stream
from deployer.reach.connection import DEFAULT_SOCKET, ConnectionSpec
from deployer.reach.connectors import BY_KIND, ConnectionType
from deployer.transport.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from deployer.transport.opening import SharedSsh
    from deployer.transport.streams import Transport


def connect(spec: ConnectionSpec) -> Engine:
    """Connects to one host's engine and agrees on an API version; raises `UnreachableError`. For several hosts, see
    `Connections`. The only request is `GET /version`, which also tests whether the engine is reachable."""
    connections = Connections(on_close=lambda: connections.close())
    return connections.open(spec).engine()


def this_machine() -> ConnectionSpec:
    """The engine that the docker command uses here."""
    address = os.environ.get("DOCKER_HOST", "")
    socket = address.removeprefix("unix://") if address.startswith("unix://") else DEFAULT_SOCKET
    return ConnectionSpec(name="this machine", kind=ConnectionType.LOCAL, docker_socket=socket)


class Connections:
    """The hosts of one run. Those reached by SSH share decrypted keys and jump hosts. `on_close` is called when an
    engine is closed. Safe to use from several threads."""

    def __init__(self, on_close: Callable[[], None] | None = None) -> None:
        self.gate = Gate()
        self._lock = threading.Lock()
        self._shared: SharedSsh | None = None
        self._on_close = on_close

    def open(self, spec: ConnectionSpec) -> Host:
        """Raises `UnreachableError`. Imports only what the type of connection needs. The host must be closed before
        this."""
        module = importlib.import_module(BY_KIND[spec.kind].module)
        found: Host = module.open_host(spec, self)
        return found

    def over(self, transport: Transport) -> Host:
        return ConnectedHost(transport, self._on_close)

    def ssh(self) -> SharedSsh:
        from deployer.transport.opening import SharedSsh

        with self._lock:
            if self._shared is None:
                self._shared = SharedSsh(self.gate)
            return self._shared

    def close(self) -> None:
        """End the connections to jump hosts."""
        with self._lock:
            shared, self._shared = self._shared, None
        if shared is not None:
            shared.close()

    def __enter__(self) -> Connections:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class ConnectedHost:
    """`Host` over a transport."""

    def __init__(self, transport: Transport, on_close: Callable[[], None] | None) -> None:
        self._transport = transport
        self._on_close = on_close
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    def engine(self) -> Engine:
        with self._lock:
            if self._engine is None:
                # Imported after the host answers: other threads may load it meanwhile.
                from deployer.engine.agreeing import agree

                self._engine = agree(self._transport, self._on_close)
            return self._engine

    def shell(self) -> Shell:
        return self._transport.shell()

    def files(self) -> Files:
        return self._transport.files()

    def connect(self, address: str, port: int) -> Stream:
        return self._transport.connect(address, port)

    @property
    def gives(self) -> bool:
        return self._transport.gives

    def login(self) -> Login:
        return self._transport.login()

    def give(self, reference: str, without: Collection[str], to: Login) -> None:
        self._transport.give(reference, without, to)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
        else:
            self._transport.close()
