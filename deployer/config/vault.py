"""Ansible's vault format, both ways: text in, text out; passwords come from `vault_secrets`.

A vaulted text is a header line `$ANSIBLE_VAULT;1.1;AES256` (1.2 and a fourth field name an id) and hex lines that hold
salt, HMAC-SHA256 and AES-256-CTR ciphertext. Plain text and passwords never appear in a repr or an error.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import os
from collections.abc import Callable, Iterable
from typing import ClassVar

from msgspec import Struct

from deployer.errors import DeployerError
from deployer.interfaces import Guarded

HEADER = "$ANSIBLE_VAULT"
DEFAULT_ID = "default"
_CIPHER = "AES256"
_BLOCK = 16
_ITERATIONS = 10_000
_SALT_SIZE = 32
_LINE = 80


class VaultError(DeployerError):
    """A vaulted text cannot be read or written: no password, a wrong one, or damaged text."""


class VaultSecret(Guarded, frozen=True):
    """A password and its id."""

    hidden: ClassVar[tuple[str, ...]] = ("password",)
    label: str
    password: bytes


class VaultSecrets(Struct, frozen=True):
    """The passwords of a run, in the given order. `learn` receives every decrypted value."""

    secrets: tuple[VaultSecret, ...] = ()
    learn: Callable[[Iterable[str]], object] = tuple

    def decrypt(self, text: str | bytes) -> str:
        """The plain text; raises `VaultError` if no password fits, or the text is damaged or not UTF-8."""
        try:
            return self.decrypt_bytes(text).decode("utf-8")
        except UnicodeDecodeError as error:
            raise VaultError("the decrypted content is not UTF-8 text") from error

    def decrypt_bytes(self, text: str | bytes) -> bytes:
        """The plain bytes. Passwords with the id in the header are tried first."""
        return self.unlock(text)[0]

    def unlock(self, text: str | bytes) -> tuple[bytes, VaultSecret]:
        """The plain bytes, and the password that fits, with the label in the header of the text."""
        envelope = _open_envelope(text)
        if not self.secrets:
            raise VaultError(
                "encrypted, and no vault password is given",
                hint="give one with --vault-password-file FILE or --vault-id LABEL@SOURCE",
            )
        ordered = sorted(self.secrets, key=lambda secret: secret.label != envelope.label)
        for secret in ordered:
            plain = envelope.decrypt(secret.password)
            if plain is not None:
                return plain, VaultSecret(envelope.label, secret.password)
        raise VaultError(_no_fit(len(ordered), envelope.label))


def _no_fit(count: int, label: str) -> str:
    named = "" if label == DEFAULT_ID else f" (the text names the id '{label}')"
    if count == 1:
        return f"the vault password does not match{named}: HMAC verification failed"
    return f"none of the {count} vault passwords matches{named}: HMAC verification failed"


def is_encrypted(text: str | bytes) -> bool:
    """Whether the text begins with a vault header."""
    return text.startswith(HEADER) if isinstance(text, str) else text.startswith(HEADER.encode())


def encrypt(plain: str | bytes, secret: VaultSecret, *, random: Callable[[int], bytes] = os.urandom) -> str:
    """The vaulted text with a newline at its end; `random(32)` returns the salt. Refuses vaulted text."""
    if is_encrypted(plain):
        raise VaultError("the input is encrypted already")
    content = plain.encode() if isinstance(plain, str) else plain
    salt = random(_SALT_SIZE)
    keys = _derive(secret.password, salt)
    fill = _BLOCK - len(content) % _BLOCK
    ciphertext = keys.apply_cipher(content + bytes([fill]) * fill)
    parts = (salt, keys.digest(ciphertext), ciphertext)
    body = binascii.hexlify(b"\n".join(binascii.hexlify(part) for part in parts)).decode("ascii")
    lines = [_header(secret.label), *(body[start : start + _LINE] for start in range(0, len(body), _LINE))]
    return "\n".join(lines) + "\n"


def decrypt(text: str | bytes, secret: VaultSecret) -> str:
    """The plain text, using one password."""
    return VaultSecrets((secret,)).decrypt(text)


def _header(label: str) -> str:
    if label in ("", DEFAULT_ID):
        return f"{HEADER};1.1;{_CIPHER}"
    return f"{HEADER};1.2;{_CIPHER};{label}"


class _Keys(Guarded, frozen=True):
    hidden: ClassVar[tuple[str, ...]] = ("cipher", "mac", "counter")
    cipher: bytes
    mac: bytes
    counter: bytes

    def digest(self, ciphertext: bytes) -> bytes:
        return hmac.digest(self.mac, ciphertext, "sha256")

    def apply_cipher(self, data: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        stream = Cipher(algorithms.AES(self.cipher), modes.CTR(self.counter)).encryptor()
        return stream.update(data) + stream.finalize()


def _derive(password: bytes, salt: bytes) -> _Keys:
    material = hashlib.pbkdf2_hmac("sha256", password, salt, _ITERATIONS, 80)
    return _Keys(material[:32], material[32:64], material[64:])


class _Envelope(Struct, frozen=True):
    label: str
    salt: bytes
    mac: bytes
    ciphertext: bytes

    def decrypt(self, password: bytes) -> bytes | None:
        """The plain bytes, or None if the password is wrong."""
        keys = _derive(password, self.salt)
        if not hmac.compare_digest(keys.digest(self.ciphertext), self.mac):
            return None
        padded = keys.apply_cipher(self.ciphertext)
        fill = padded[-1] if padded else 0
        if not 1 <= fill <= _BLOCK or not padded.endswith(bytes([fill]) * fill):
            raise VaultError("the vaulted text is damaged: wrong padding")
        return padded[:-fill]


def _open_envelope(text: str | bytes) -> _Envelope:
    try:
        content = text if isinstance(text, str) else text.decode("ascii")
    except UnicodeDecodeError as error:
        raise VaultError("the vaulted text is damaged: it is not ASCII") from error
    lines = [line.strip() for line in content.strip().splitlines()]
    fields = lines[0].split(";") if lines else [""]
    if fields[0] != HEADER:
        raise VaultError(f"not a vaulted text: it does not begin with {HEADER}")
    if len(fields) < 3 or fields[2].strip() != _CIPHER:
        raise VaultError(f"the vault cipher is not {_CIPHER}")
    label = fields[3].strip() if len(fields) > 3 else ""
    try:
        salt, mac, ciphertext = map(binascii.unhexlify, binascii.unhexlify("".join(lines[1:])).split(b"\n", 2))
    except ValueError as error:
        raise VaultError("the vaulted text is damaged: its body is not three hex fields") from error
    return _Envelope(label or DEFAULT_ID, salt, mac, ciphertext)
