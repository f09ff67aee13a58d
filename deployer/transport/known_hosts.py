"""OpenSSH's known_hosts files: which keys a host is known by, and how to add one.

Understands several files, patterns (`*.int,!db.int`), `[host]:port`, hashed names and `@revoked`. Lines of
`@cert-authority` and lines that cannot be read are passed over: they vouch for no plain key.
Source: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
"""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

REVOKED = "@revoked"
_MARKERS = (REVOKED, "@cert-authority")
_PATTERN = re.compile(r"[*?!\[]")
_MIN_FIELDS = 3


class KnownKey(Struct, frozen=True):
    """One line that speaks of the host: `kind` is the key's type (`ssh-ed25519`), `blob` the key in SSH's encoding."""

    file: str
    line: int
    kind: str
    blob: bytes
    revoked: bool = False

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def find_keys(files: Iterable[str], name: str) -> tuple[KnownKey, ...]:
    """The keys that `files` list for `name` (`web1`, `[web1]:2222`), in order. Files that do not exist list none."""
    wanted = name.lower()
    return tuple(key for file in files for key in _keys_in(file, wanted))


def fingerprint(blob: bytes) -> str:
    """As `ssh-keygen -l` prints it: `SHA256:` and unpadded base64."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def add_key(file: str, name: str, kind: str, blob: bytes) -> None:
    """Append the host's key, making file (mode 0600) and directory (0700) where they are missing. Raises OSError."""
    path = Path(file)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    line = f"{name.lower()} {kind} {base64.b64encode(blob).decode()}\n"
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = "\n" + line
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def algorithms_first(known: Iterable[KnownKey], supported: tuple[str, ...]) -> tuple[str, ...]:
    """`supported` host key algorithms with those of known key types first, so that a server with several keys shows
    the one that can be checked. An `ssh-rsa` key signs with `rsa-sha2-*` (RFC 8332)."""
    kinds = {key.kind for key in known if not key.revoked}
    names = {algorithm for algorithm in supported if algorithm in kinds or (_is_rsa(algorithm) and "ssh-rsa" in kinds)}
    return tuple(sorted(supported, key=lambda algorithm: algorithm not in names))


def _is_rsa(algorithm: str) -> bool:
    return algorithm.startswith("rsa-sha2-")


def _keys_in(file: str, name: str) -> Iterator[KnownKey]:
    try:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for number, line in enumerate(text.splitlines(), start=1):
        if not _may_match(line, name):
            continue
        key = _parse(file, number, line, name)
        if key is not None:
            yield key


def _may_match(line: str, name: str) -> bool:
    """A cheap test that spares most lines of a long file the full one."""
    return (
        "|1|" in line or name in line.lower() or _PATTERN.search(line.split(" ", 2)[0]) is not None or line[:1] == "@"
    )


def _parse(file: str, number: int, line: str, name: str) -> KnownKey | None:
    fields = line.split()
    marker = fields.pop(0) if fields and fields[0] in _MARKERS else ""
    if len(fields) < _MIN_FIELDS or fields[0].startswith("#") or marker == "@cert-authority":
        return None
    names, kind, encoded = fields[:_MIN_FIELDS]
    if not _names_match(names, name):
        return None
    try:
        blob = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return None
    return KnownKey(file, number, kind, blob, revoked=marker == REVOKED)


def _names_match(names: str, name: str) -> bool:
    if names.startswith("|"):
        return _hash_matches(names, name)
    patterns = names.lower().split(",")
    if any(_glob(pattern[1:], name) for pattern in patterns if pattern.startswith("!")):
        return False
    return any(_glob(pattern, name) for pattern in patterns if not pattern.startswith("!"))


def _glob(pattern: str, name: str) -> bool:
    """OpenSSH's patterns know `*` and `?` only: brackets stand for themselves."""
    return fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))


def _hash_matches(hashed: str, name: str) -> bool:
    """`|1|SALT|HASH`, both base64: HASH is HMAC-SHA1 of the name under SALT."""
    parts = hashed.split("|")
    if len(parts) != 4 or parts[1] != "1":
        return False
    try:
        salt, expected = base64.b64decode(parts[2]), base64.b64decode(parts[3])
    except binascii.Error:
        return False
    return hmac.compare_digest(hmac.digest(salt, name.encode(), "sha1"), expected)
