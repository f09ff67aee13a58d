"""The `password_hash` filter: sha512 and sha256 as crypt(3) has them, bcrypt. A salt must be given."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import bcrypt
from jinja2.exceptions import FilterArgumentError

_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ROUNDS = 5000
#: The identifier, how many groups of three digest bytes are written, the first group, and how it turns to the next.
_SCHEMES = {
    "sha512": ("6", 21, (0, 21, 42), (1, 2, 0)),
    "sha256": ("5", 10, (0, 10, 20), (2, 0, 1)),
}


def password_hash(
    password: object,
    hashtype: str = "sha512",
    salt: str | None = None,
    rounds: int | None = None,
    ident: str = "2b",
) -> str:
    """`$6$salt$…`, `$5$salt$…` or `$2b$12$…`; raises for another type and without a salt."""
    if not salt:
        raise FilterArgumentError(
            "password_hash needs a salt, or every run would differ: password_hash('sha512', salt)"
        )
    if hashtype in ("bcrypt", "blowfish"):
        return _bcrypt(str(password), salt, 12 if rounds is None else rounds, ident)
    if hashtype not in _SCHEMES:
        known = ", ".join((*_SCHEMES, "bcrypt"))
        raise FilterArgumentError(f"password_hash: there is no '{hashtype}'; known: {known}")
    return _sha_crypt(str(password).encode(), salt, hashtype, rounds)


def _bcrypt(password: str, salt: str, rounds: int, ident: str) -> str:
    if not re.fullmatch(r"[./A-Za-z0-9]{22}", salt):
        raise FilterArgumentError("password_hash: a salt for bcrypt has 22 characters out of ./A-Za-z0-9")
    return bcrypt.hashpw(password.encode(), f"${ident}${rounds:02}${salt}".encode()).decode("ascii")


def _sha_crypt(password: bytes, salt: str, kind: str, rounds: int | None) -> str:
    if not re.fullmatch(r"[./A-Za-z0-9]{1,16}", salt):
        raise FilterArgumentError("password_hash: a salt has up to 16 characters out of ./A-Za-z0-9")
    count = min(max(_ROUNDS if rounds is None else rounds, 1000), 999_999_999)
    digest = _stretched(password, salt.encode(), kind, count)
    shown = "" if count == _ROUNDS else f"rounds={count}$"
    return f"${_SCHEMES[kind][0]}${shown}{salt}${_encoded(digest, kind)}"


def _hash(kind: str, *parts: bytes) -> bytes:
    return hashlib.new(kind, b"".join(parts)).digest()


def _filled(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _stretched(password: bytes, salt: bytes, kind: str, rounds: int) -> bytes:
    """The digest after all rounds, as the specification of SHA-crypt lays it out."""
    length = len(password)
    alternate = _hash(kind, password, salt, password)
    bits = (length >> shift & 1 for shift in range(length.bit_length()))
    mixed = (alternate if bit else password for bit in bits)
    digest = _hash(kind, password, salt, _filled(alternate, length), *mixed)
    key = _filled(_hash(kind, password * length), length)
    grain = _filled(_hash(kind, salt * (16 + digest[0])), len(salt))
    for number in range(rounds):
        odd = number % 2
        middle = (grain if number % 3 else b"") + (key if number % 7 else b"")
        digest = _hash(kind, key if odd else digest, middle, digest if odd else key)
    return digest


def _encoded(digest: bytes, kind: str) -> str:
    text = "".join(_base64(tuple(digest[index] for index in group), 4) for group in _groups(kind))
    if kind == "sha512":
        return text + _base64((0, 0, digest[63]), 2)
    return text + _base64((0, digest[31], digest[30]), 3)


def _groups(kind: str) -> Iterator[tuple[int, ...]]:
    """Which digest bytes are written together."""
    _, count, first, turn = _SCHEMES[kind]
    group: tuple[int, ...] = first
    for _ in range(count):
        yield group
        group = tuple(group[position] + 1 for position in turn)


def _base64(group: tuple[int, ...], size: int) -> str:
    value = group[0] << 16 | group[1] << 8 | group[2]
    return "".join(_ALPHABET[value >> 6 * place & 63] for place in range(size))
