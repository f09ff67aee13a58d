"""Engines on this machine and on TCP."""

from __future__ import annotations

import datetime
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from deployer.errors import UnreachableError
from deployer.reach.connection import ConnectionSpec, TlsFiles
from deployer.reach.connectors import ConnectionType
from deployer.transport.local import LocalSocket
from deployer.transport.pool import HttpPool, Request
from deployer.transport.streams import Dialer
from deployer.transport.tcp import TcpEngine
from tests.transport.fake_engine import Canned, FakeEngine, fake_engine

GET_VERSION = Request("GET", "/version", timeout=5)


def version(dialer: Dialer) -> str:
    pool = HttpPool(dialer)
    try:
        return str(json.loads(pool.fetch(GET_VERSION).body)["Version"])
    finally:
        pool.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[FakeEngine]:
    with fake_engine(tmp_path / "engine.sock") as running:
        yield running


class TestLocal:
    def test_it_answers(self, engine: FakeEngine) -> None:
        assert version(LocalSocket(str(engine.socket), 5)) == "26.1.5"

    def test_a_kept_connection_is_used_again(self, engine: FakeEngine) -> None:
        pool = HttpPool(LocalSocket(str(engine.socket), 5))
        for _ in range(3):
            pool.fetch(GET_VERSION)
        pool.close()
        assert engine.connections == 1

    def test_no_socket(self, tmp_path: Path) -> None:
        with pytest.raises(UnreachableError, match=r"there is no Docker socket at .*none\.sock on this machine"):
            version(LocalSocket(str(tmp_path / "none.sock"), 5))

    def test_a_stopped_engine(self, tmp_path: Path) -> None:
        path = tmp_path / "dead.sock"
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
        with pytest.raises(UnreachableError, match="the engine is stopped"):
            version(LocalSocket(str(path), 5))


class TestAnswers:
    """That have no end, or come too slowly."""

    @pytest.mark.parametrize("length", [{"Content-Length": str(10**15)}, {}])
    def test_a_large_answer_is_not_read_to_its_end(
        self, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch, length: dict[str, str]
    ) -> None:
        monkeypatch.setattr("deployer.transport.pool.LARGEST", 200_000)
        engine.answers["GET /info"] = Canned(headers=length, chunks=(b"x" * 65536,) * 64, endless=bool(length))
        pool = HttpPool(LocalSocket(str(engine.socket), 5))
        with pytest.raises(
            UnreachableError, match=r"^the Docker engine at .* answered GET /info with more than 64 MiB$"
        ):
            pool.fetch(Request("GET", "/info", timeout=5))
        assert pool.fetch(GET_VERSION).status == 200
        pool.close()

    def test_an_answer_of_the_largest_size_is_read(self, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("deployer.transport.pool.LARGEST", 65536 * 3)
        engine.answers["GET /info"] = Canned(chunks=(b"x" * 65536,) * 3)
        engine.answers["GET /whole"] = Canned(body=b"x" * 65536 * 3)
        pool = HttpPool(LocalSocket(str(engine.socket), 5))
        for target in ("/info", "/whole"):
            assert pool.fetch(Request("GET", target, timeout=5)).body == b"x" * 65536 * 3
        pool.close()
        assert engine.connections == 1

    @pytest.mark.parametrize("lines", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "])
    def test_an_answer_that_drips_is_given_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: bytes
    ) -> None:
        monkeypatch.setattr("deployer.transport.pool.LONGEST", 0.1)
        ended = threading.Event()

        def drip(sock: socket.socket) -> None:
            with sock, suppress(OSError):
                sock.sendall(lines)
                while not ended.wait(0.05):
                    sock.sendall(b"x")

        with dripping(tmp_path / "engine.sock", drip) as path:
            pool = HttpPool(LocalSocket(path, 5))
            with pytest.raises(UnreachableError, match=r"did not answer GET /info within 0\.3 s$"):
                pool.fetch(Request("GET", "/info", timeout=0.2))
            pool.close()
            ended.set()


@contextmanager
def dripping(path: Path, drip: Callable[[socket.socket], None]) -> Iterator[str]:
    """A socket whose every connection is given to `drip`."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            with suppress(OSError):
                while True:
                    threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield str(path)
        listener.shutdown(socket.SHUT_RDWR)


Signer: TypeAlias = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


def certificate(folder: Path, name: str, *, signer: Signer | None) -> Signer:
    """A key and its certificate, written to NAME.key and NAME.pem; a CA's when nobody signs it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer[0].subject if signer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(signer[1] if signer else key, hashes.SHA256())
    )
    (folder / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / f"{name}.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made, key


@contextmanager
def listening(engine: FakeEngine, context: ssl.SSLContext | None) -> Iterator[int]:
    """Serve the engine's socket on a TCP port."""

    def pump(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def serve(client: socket.socket) -> None:
        with suppress(OSError):
            stream = context.wrap_socket(client, server_side=True) if context else client
            inside = socket.socket(socket.AF_UNIX)
            inside.connect(str(engine.socket))
            threading.Thread(target=pump, args=(inside, stream), daemon=True).start()
            pump(stream, inside)

    def accept(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


class TestTcp:
    def spec(self, port: int, tls: TlsFiles | None = None) -> ConnectionSpec:
        return ConnectionSpec(
            name="web1", kind=ConnectionType.TCP, host="127.0.0.1", port=port, tls=tls, connect_timeout=5.0
        )

    @pytest.fixture
    def secured(self, engine: FakeEngine, tmp_path: Path) -> Iterator[int]:
        authority = certificate(tmp_path, "ca", signer=None)
        certificate(tmp_path, "server", signer=authority)
        certificate(tmp_path, "client", signer=authority)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
        context.load_verify_locations(tmp_path / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        with listening(engine, context) as port:
            yield port

    def files(self, folder: Path, *, ca: bool = True, client: bool = True, verify: bool = True) -> TlsFiles:
        return TlsFiles(
            str(folder / "ca.pem") if ca else "",
            str(folder / "client.pem") if client else "",
            str(folder / "client.key") if client else "",
            verify=verify,
        )

    def test_plain(self, engine: FakeEngine) -> None:
        with listening(engine, None) as port:
            assert version(TcpEngine(self.spec(port))) == "26.1.5"

    def test_encrypted_with_certificates_on_both_sides(self, secured: int, tmp_path: Path) -> None:
        assert version(TcpEngine(self.spec(secured, self.files(tmp_path)))) == "26.1.5"

    def test_an_untrusted_server(self, secured: int, tmp_path: Path) -> None:
        with pytest.raises(UnreachableError, match="its TLS certificate is not trusted"):
            version(TcpEngine(self.spec(secured, self.files(tmp_path, ca=False))))

    def test_verification_can_be_turned_off(self, secured: int, tmp_path: Path) -> None:
        assert version(TcpEngine(self.spec(secured, self.files(tmp_path, ca=False, verify=False)))) == "26.1.5"

    def test_a_missing_client_certificate(self, secured: int, tmp_path: Path) -> None:
        """In TLS 1.3 the server may say so, or only close, after the client took the connection for made."""
        with pytest.raises(UnreachableError) as caught:
            version(TcpEngine(self.spec(secured, self.files(tmp_path, client=False))))
        assert "client certificate" in caught.value.hint

    def test_files_that_cannot_be_read(self) -> None:
        with pytest.raises(UnreachableError, match=r"the TLS files \(/none\.pem\) cannot be used"):
            TcpEngine(self.spec(1, TlsFiles(ca="/none.pem")))

    def test_connection_refused(self, engine: FakeEngine) -> None:
        with listening(engine, None) as port:
            pass
        with pytest.raises(UnreachableError) as caught:
            version(TcpEngine(self.spec(port)))
        assert caught.value.message == f"127.0.0.1 port {port} refused the connection"
        assert caught.value.hint == "is the Docker engine running on this host and port?"
