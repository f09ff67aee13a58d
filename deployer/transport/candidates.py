"""The keys to offer to a server, in OpenSSH's order: named keys, the agent's keys, default keys."""

from __future__ import annotations

import base64
import binascii
import copy
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct, field

from deployer.reach.connection import ConnectionSpec
from deployer.transport.keys import KeyRing, KeyUnusableError, PassphraseNeededError
from deployer.transport.lean import paramiko

DEFAULT_KEYS = ("id_rsa", "id_ecdsa", "id_ed25519")
"""Tried from ~/.ssh where no key is named: ssh_config(5), IdentityFile, less the types paramiko cannot use."""

Candidate: TypeAlias = tuple[str, paramiko.PKey]
"""What to call the key in a message, and the key."""

_AgentKeys: TypeAlias = tuple[paramiko.AgentKey, ...]


class Candidates(Struct):
    """The keys of one login. `notes` collects why some keys cannot be offered."""

    spec: ConnectionSpec
    ring: KeyRing
    agent_keys: _AgentKeys
    notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Candidate]:
        """Each key once, loaded on demand."""
        seen: set[bytes] = set()
        for label, key in self._in_order(seen):
            public = offered_blob(key)
            if public not in seen:
                seen.add(public)
                yield label, key

    def _in_order(self, seen: set[bytes]) -> Iterator[Candidate]:
        spec = self.spec
        if spec.private_key:
            yield from self._named("the key given in a variable", self._from_text)
        for path in spec.private_key_files:
            yield from self._from_file(path)
        for agent_key in self.agent_keys:
            if not spec.identities_only or agent_key.asbytes() in seen:
                yield f"agent key {agent_key.comment or agent_key.get_name()}", agent_key
        if not (spec.private_key or spec.private_key_files or spec.identities_only):
            for name in DEFAULT_KEYS:
                default = Path(os.path.expanduser("~/.ssh")) / name  # noqa: PTH111
                if default.exists():
                    yield from self._from_file(str(default))

    def _from_text(self) -> paramiko.PKey:
        return self.ring.from_text(self.spec.private_key, self.spec.private_key_passphrase)

    def _from_file(self, path: str) -> Iterator[Candidate]:
        public = _public_part(path) or _public_part(f"{path}.pub")
        certificate = Path(f"{path}-cert.pub")
        for label, key in self._named(
            path, lambda: self.ring.from_file(path, self.spec.private_key_passphrase), public
        ):
            yield from self._certified(label, key, certificate)
            yield label, key

    def _certified(self, label: str, key: paramiko.PKey, certificate: Path) -> Iterator[Candidate]:
        """The key with the certificate beside its file."""
        if not certificate.exists():
            return
        twin = copy.copy(key)
        try:
            twin.load_certificate(str(certificate))
        except (OSError, ValueError, paramiko.SSHException):
            self.notes.append(f"certificate {certificate} cannot be read")
            return
        yield f"{label} with its certificate", twin

    def _named(self, label: str, load: Callable[[], paramiko.PKey], public: bytes = b"") -> Iterator[Candidate]:
        """The key itself, or the agent's copy of a key that cannot be loaded: encrypted, or only its .pub is here."""
        try:
            yield label, load()
        except (KeyUnusableError, FileNotFoundError) as error:
            known = error.public if isinstance(error, PassphraseNeededError) and error.public else public
            held = next((key for key in self.agent_keys if known and key.asbytes() == known), None)
            if held is not None:
                yield f"{label} (held by the agent)", held
            elif isinstance(error, FileNotFoundError):
                self.notes.append(f"private key {label} does not exist")
            else:
                self.notes.append(str(error))


def offered_blob(key: paramiko.PKey) -> bytes:
    """The public part sent to the server: the certificate if the key has one."""
    return key.public_blob.key_blob if key.public_blob else key.asbytes()


def _public_part(path: str) -> bytes:
    """The key in a `.pub` file, b"" where there is none."""
    try:
        fields = Path(path).read_text(encoding="utf-8", errors="replace").split(None, 2)
        return base64.b64decode(fields[1], validate=True)
    except (OSError, IndexError, binascii.Error):
        return b""


@contextmanager
def agent_keys(identity_agent: str) -> Iterator[_AgentKeys]:
    """The keys of the agent at a socket path; "" asks SSH_AUTH_SOCK, "none" nobody. No agent means no keys."""
    path = os.environ.get("SSH_AUTH_SOCK", "") if identity_agent in ("", "SSH_AUTH_SOCK") else identity_agent
    if not path or path == "none":
        yield ()
        return
    with socket.socket(socket.AF_UNIX) as connection:
        agent: Any = paramiko.agent.AgentSSH()
        try:
            connection.settimeout(10)
            connection.connect(path)
            agent._connect(connection)
        except (OSError, paramiko.SSHException):
            yield ()
            return
        yield agent.get_keys()
