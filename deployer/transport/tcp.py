"""An engine that listens on TCP, with or without TLS."""

from __future__ import annotations

import socket
import ssl

from deployer.errors import UnreachableError
from deployer.interfaces import Host
from deployer.reach.connection import ConnectionSpec, TlsFiles
from deployer.transport.sockets import connect_tcp
from deployer.transport.streams import EngineOnly, Opening, Stream, end_socket_writing, socket_usable


class TcpEngine(EngineOnly):
    """Streams to `spec.host:spec.port`, inside TLS when `spec.tls` is given."""

    def __init__(self, spec: ConnectionSpec) -> None:
        self._spec = spec
        self.where = f"the Docker engine at {spec.host} port {spec.port}"
        self._context = _context(spec.tls) if spec.tls else None

    @property
    def loss_hint(self) -> str:
        if self._spec.tls is None or self._spec.tls.cert:
            return ""
        return "if the engine requires a client certificate, set tls_cert and tls_key"

    def dial(self) -> Stream:
        spec = self._spec
        sock = connect_tcp(spec.host, spec.port, spec.connect_timeout, what="the Docker engine")
        if self._context is None:
            return sock
        try:
            return self._context.wrap_socket(sock, server_hostname=spec.host)
        except ssl.SSLCertVerificationError as error:
            sock.close()
            raise UnreachableError(
                f"{self.where}: its TLS certificate is not trusted: {error.verify_message}",
                hint="set tls_ca to the CA that signed it",
            ) from error
        except OSError as error:
            sock.close()
            raise UnreachableError(
                f"{self.where}: the TLS handshake failed: {error.strerror or error}",
                hint="the engine may require a client certificate (tls_cert, tls_key), or not use TLS on this port",
            ) from error

    def usable(self, stream: Stream) -> bool:
        return isinstance(stream, socket.socket) and socket_usable(stream)

    def end_writing(self, stream: Stream) -> None:
        end_socket_writing(stream)

    def close(self) -> None:
        """Streams are closed by their users."""


def open_host(spec: ConnectionSpec, opening: Opening) -> Host:
    return opening.over(TcpEngine(spec))


def _context(files: TlsFiles) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=files.ca or None)
        if files.cert:
            context.load_cert_chain(files.cert, files.key or None)
    except OSError as error:
        names = ", ".join(name for name in (files.ca, files.cert, files.key) if name)
        raise UnreachableError(f"the TLS files ({names}) cannot be used: {error.strerror or error}") from error
    if not files.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
