"""Private keys in every format that ssh-keygen and openssl write, and those that an agent holds."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from deployer.reach.connection import ConnectionSpec
from deployer.transport.candidates import Candidates, agent_keys
from deployer.transport.keys import KeyRing, KeyUnusableError, PassphraseNeededError


def generate(folder: Path, *arguments: str, passphrase: str = "") -> Path:
    path = folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-f", str(path), "-N", passphrase, *arguments], check=True)
    return path


def public_blob(path: Path) -> str:
    return Path(f"{path}.pub").read_text().split()[1]


@pytest.mark.parametrize("passphrase", ["", "open sesame"])
@pytest.mark.parametrize(
    "arguments",
    [
        ("-t", "ed25519"),
        ("-t", "ecdsa"),
        ("-t", "ecdsa", "-b", "521"),
        ("-t", "rsa", "-b", "2048"),
        ("-t", "rsa", "-b", "2048", "-m", "PEM"),
        ("-t", "rsa", "-b", "2048", "-m", "PKCS8"),
        ("-t", "ecdsa", "-m", "PKCS8"),
    ],
    ids=" ".join,
)
def test_a_key_of_ssh_keygen_is_loaded(tmp_path: Path, arguments: tuple[str, ...], passphrase: str) -> None:
    path = generate(tmp_path, *arguments, passphrase=passphrase)
    ring = KeyRing()
    assert ring.from_file(str(path), passphrase).get_base64() == public_blob(path)
    assert ring.from_text(path.read_text(), passphrase).get_base64() == public_blob(path)


@pytest.mark.parametrize("arguments", [("-t", "ed25519"), ("-t", "rsa", "-m", "PEM"), ("-t", "ecdsa", "-m", "PKCS8")])
def test_an_encrypted_key_asks_for_its_passphrase(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    path = generate(tmp_path, *arguments, passphrase="open sesame")
    with pytest.raises(PassphraseNeededError, match=f"private key {path} is encrypted"):
        KeyRing().from_file(str(path), "")
    with pytest.raises(KeyUnusableError, match="its passphrase is wrong or it is damaged"):
        KeyRing().from_file(str(path), "wrong one")


@pytest.mark.parametrize("text", ["", "no key at all", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END-----"])
def test_files_that_are_not_keys(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.write_text(text)
    with pytest.raises(KeyUnusableError, match=f"private key {path} cannot be loaded"):
        KeyRing().from_file(str(path), "")


def test_a_key_is_decrypted_once_a_run(tmp_path: Path) -> None:
    path = generate(tmp_path, "-t", "ed25519", passphrase="open sesame")
    ring = KeyRing()
    first = ring.from_file(str(path), "open sesame")
    path.unlink()
    assert ring.from_file(str(path), "open sesame") is first


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A running ssh-agent; its socket."""
    path = tmp_path / "agent.sock"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.DEVNULL) as process:
        while not path.exists():
            assert process.poll() is None
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        try:
            yield path
        finally:
            process.terminate()


def labels(spec: ConnectionSpec) -> tuple[list[str], list[str]]:
    """What is offered, and why something is not."""
    with agent_keys(spec.identity_agent) as held:
        candidates = Candidates(spec, KeyRing(), held)
        return [label for label, _ in candidates], candidates.notes


class TestOrder:
    @pytest.fixture(autouse=True)
    def home(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        (tmp_path / ".ssh").mkdir()
        return tmp_path

    def add(self, path: Path) -> None:
        subprocess.run(["ssh-add", "-q", str(path)], check=True, env=os.environ, stdin=subprocess.DEVNULL)

    def test_named_keys_come_before_the_agents(self, agent: Path, tmp_path: Path) -> None:
        held = tmp_path / "held"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "held", "-f", str(held)], check=True)
        self.add(held)
        named = generate(tmp_path, "-t", "ed25519")
        spec = ConnectionSpec(name="web1", private_key_files=(str(named),))
        assert labels(spec) == ([str(named), "agent key held"], [])

    def test_identities_only_leaves_the_agents_other_keys_out(self, agent: Path, tmp_path: Path) -> None:
        held = tmp_path / "held"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(held)], check=True)
        self.add(held)
        named = generate(tmp_path, "-t", "ed25519")
        spec = ConnectionSpec(name="web1", private_key_files=(str(named),), identities_only=True)
        assert labels(spec) == ([str(named)], [])

    def test_the_agent_replaces_an_encrypted_key(self, agent: Path, tmp_path: Path) -> None:
        path = generate(tmp_path, "-t", "ed25519")
        self.add(path)
        subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "open sesame", "-f", str(path)], check=True)
        spec = ConnectionSpec(name="web1", private_key_files=(str(path),), identities_only=True)
        assert labels(spec) == ([f"{path} (held by the agent)"], [])

    def test_a_public_key_file_names_a_key_of_the_agent(self, agent: Path, tmp_path: Path) -> None:
        path = generate(tmp_path, "-t", "ed25519")
        self.add(path)
        path.unlink()
        spec = ConnectionSpec(name="web1", private_key_files=(f"{path}.pub",), identities_only=True)
        assert labels(spec) == ([f"{path}.pub (held by the agent)"], [])

    def test_default_keys_are_tried_when_none_is_named(self, home: Path) -> None:
        generate(home, "-t", "ed25519").rename(home / ".ssh" / "id_ed25519")
        assert labels(ConnectionSpec(name="web1")) == ([str(home / ".ssh" / "id_ed25519")], [])
        assert labels(ConnectionSpec(name="web1", identities_only=True)) == ([], [])

    def test_a_certificate_beside_the_key_is_offered_first(self, tmp_path: Path) -> None:
        authority = tmp_path / "ca"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(authority)], check=True)
        path = generate(tmp_path, "-t", "ed25519")
        sign = ["ssh-keygen", "-q", "-s", str(authority), "-I", "me", "-n", "deploy", f"{path}.pub"]
        subprocess.run(sign, check=True)
        spec = ConnectionSpec(name="web1", private_key_files=(str(path),))
        assert labels(spec) == ([f"{path} with its certificate", str(path)], [])

    def test_a_missing_agent_is_not_an_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone.sock"))
        assert labels(ConnectionSpec(name="web1")) == ([], [])


def test_a_converted_key_signs_what_its_public_part_verifies(tmp_path: Path) -> None:
    path = generate(tmp_path, "-t", "rsa", "-b", "2048", "-m", "PKCS8")
    key = KeyRing().from_file(str(path), "")
    signature = paramiko.Message(key.sign_ssh_data(b"data", "rsa-sha2-512").asbytes())
    assert paramiko.RSAKey(data=base64.b64decode(public_blob(path))).verify_ssh_sig(b"data", signature)
