"""Private keys: read once a run, whatever their format, and shared by all hosts.

Deriving the key of a passphrase takes 0.1 s and more (bcrypt), which a fleet must not pay for every host.
OpenSSH's format is described in its PROTOCOL.key file; it shows type and public part without the passphrase.
"""

from __future__ import annotations

import base64
import binascii
import io
import struct
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from deployer.transport.lean import paramiko

if TYPE_CHECKING:
    from collections.abc import Callable

_OPENSSH_BEGIN = "-----BEGIN OPENSSH PRIVATE KEY-----"
_OPENSSH_MAGIC = b"openssh-key-v1\x00"
_PEM_CLASSES: dict[str, type[paramiko.PKey]] = {
    "-----BEGIN RSA PRIVATE KEY-----": paramiko.RSAKey,
    "-----BEGIN EC PRIVATE KEY-----": paramiko.ECDSAKey,
}


class KeyUnusableError(Exception):
    """Why a private key cannot be used, as text for the user."""


class PassphraseNeededError(KeyUnusableError):
    """The key is encrypted and no passphrase is known; `public` is its public part, b"" where the format hides it."""

    def __init__(self, message: str, public: bytes) -> None:
        super().__init__(message)
        self.public = public


class _Header(Struct, frozen=True):
    """What an OpenSSH private key file shows without its passphrase."""

    kind: str
    public: bytes
    encrypted: bool


class KeyRing:
    """Loads each key once. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: dict[tuple[str, str], paramiko.PKey | KeyUnusableError] = {}

    def from_file(self, path: str, passphrase: str) -> paramiko.PKey:
        """Raises `KeyUnusableError`, `PassphraseNeededError`, `FileNotFoundError`."""
        return self._once((path, passphrase), lambda: _parse(_read(path), passphrase, f"private key {path}"))

    def from_text(self, text: str, passphrase: str) -> paramiko.PKey:
        """A key given as text, as a vault holds it."""
        return self._once((text, passphrase), lambda: _parse(text, passphrase, "the private key given in a variable"))

    def _once(self, key: tuple[str, str], load: Callable[[], paramiko.PKey]) -> paramiko.PKey:
        with self._lock:
            if key not in self._loaded:
                try:
                    self._loaded[key] = load()
                except KeyUnusableError as error:
                    self._loaded[key] = error
            found = self._loaded[key]
        if isinstance(found, KeyUnusableError):
            raise found
        return found


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeyUnusableError(f"private key {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise KeyUnusableError(f"{path} is not a private key in a text format") from error


def _parse(text: str, passphrase: str, what: str) -> paramiko.PKey:
    text = text.strip() + "\n"
    first = text.split("\n", 1)[0].strip()
    header = _openssh_header(text, what) if first == _OPENSSH_BEGIN else None
    encrypted = header.encrypted if header else "ENCRYPTED" in text.split("\n\n", 1)[0]
    if encrypted and not passphrase:
        raise PassphraseNeededError(f"{what} is encrypted and no passphrase is given", header.public if header else b"")
    try:
        native = _class_of(header.kind) if header else _PEM_CLASSES.get(first)
        if native is not None:
            return native.from_private_key(io.StringIO(text), passphrase or None)
        return _from_other_format(text, passphrase)
    except (paramiko.SSHException, ValueError, TypeError, IndexError) as error:
        reason = "its passphrase is wrong or it is damaged" if encrypted else "it is damaged or of an unknown type"
        raise KeyUnusableError(f"{what} cannot be loaded: {reason}") from error


def _class_of(kind: str) -> type[paramiko.PKey] | None:
    if kind == "ssh-rsa":
        return paramiko.RSAKey
    if kind == "ssh-ed25519":
        return paramiko.Ed25519Key
    return paramiko.ECDSAKey if kind.startswith("ecdsa-sha2-") else None


def _openssh_header(text: str, what: str) -> _Header:
    try:
        body = base64.b64decode("".join(text.split("\n")[1:-2]))
        if not body.startswith(_OPENSSH_MAGIC):
            raise ValueError
        rest = body[len(_OPENSSH_MAGIC) :]
        cipher, rest = _string(rest)
        _, rest = _string(rest)
        _, rest = _string(rest)
        public, _ = _string(rest[4:])
        kind, _ = _string(public)
    except (binascii.Error, ValueError, struct.error) as error:
        raise KeyUnusableError(f"{what} cannot be loaded: it is damaged") from error
    return _Header(kind.decode(), public, encrypted=cipher != b"none")


def _string(data: bytes) -> tuple[bytes, bytes]:
    """SSH's `string`: a length of four bytes, then as many."""
    (length,) = struct.unpack(">I", data[:4])
    return data[4 : 4 + length], data[4 + length :]


def _from_other_format(text: str, passphrase: str) -> paramiko.PKey:
    """PKCS#8, which paramiko does not read, by way of OpenSSH's format."""
    from cryptography.hazmat.primitives import serialization

    loaded = serialization.load_pem_private_key(text.encode(), passphrase.encode() or None)
    as_openssh = loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()
    native = _class_of(_openssh_header(as_openssh, "key").kind)
    if native is None:
        raise ValueError("unknown type")
    return native.from_private_key(io.StringIO(as_openssh))
