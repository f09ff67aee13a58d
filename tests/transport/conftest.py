"""A host for the transport's tests: an SSH server and an engine, both in this process."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from deployer.reach.connection import ConnectionSpec
from deployer.transport.known_hosts import add_key
from tests.transport.fake_engine import FakeEngine, fake_engine
from tests.transport.ssh_server import SshServer, Traits, ssh_server


@functools.cache
def ed25519_text(name: str, passphrase: str = "") -> str:
    """A private key in OpenSSH's format; the same one for the same name."""
    seed = name.encode().ljust(32, b".")
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, encryption).decode()


@functools.cache
def ed25519_key(name: str) -> paramiko.PKey:
    import io

    return paramiko.Ed25519Key.from_private_key(io.StringIO(ed25519_text(name)))


@dataclass
class Remote:
    """A server with user `deploy`, whose key and known_hosts lie in `folder`."""

    server: SshServer
    engine: FakeEngine
    folder: Path
    known_hosts: Path
    key_file: Path
    extra: dict[str, Any] = field(default_factory=dict)

    def spec(self, **changes: Any) -> ConnectionSpec:
        return ConnectionSpec(
            **{
                "name": "web1",
                "host": "127.0.0.1",
                "port": self.server.port,
                "user": "deploy",
                "private_key_files": (str(self.key_file),),
                "known_hosts_files": (str(self.known_hosts),),
                "identity_agent": "none",
                "identities_only": True,
                "docker_socket": str(self.engine.socket),
                "connect_timeout": 5.0,
                **changes,
            }
        )

    def write_key(self, name: str, passphrase: str = "") -> Path:
        path = self.folder / f"{name}{'.encrypted' if passphrase else ''}"
        path.write_text(ed25519_text(name, passphrase))
        return path

    def trust(self, port: int, key: paramiko.PKey) -> None:
        add_key(str(self.known_hosts), f"[127.0.0.1]:{port}", key.get_name(), key.asbytes())


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    host_key = ed25519_key("host")
    traits = Traits([host_key], keys={"deploy": {ed25519_key("client").asbytes()}})
    with fake_engine(tmp_path / "engine.sock") as engine, ssh_server(traits) as server:
        found = Remote(server, engine, tmp_path, tmp_path / "known_hosts", tmp_path / "client")
        found.write_key("client")
        found.trust(server.port, host_key)
        yield found
