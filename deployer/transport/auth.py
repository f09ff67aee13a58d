"""SSH authentication: keys, then the password; also if the server requires both."""

from __future__ import annotations

from deployer.errors import UnreachableError
from deployer.reach.connection import ConnectionSpec
from deployer.transport.candidates import Candidates, agent_keys
from deployer.transport.keys import KeyRing
from deployer.transport.lean import paramiko
from deployer.transport.link import Link

_PUBLICKEY = "publickey"
_PASSWORD_METHODS = ("password", "keyboard-interactive")


class _Login:
    """One login in progress: what was tried, and what the server still accepts."""

    def __init__(self, link: Link, spec: ConnectionSpec) -> None:
        self.link = link
        self.spec = spec
        self.tried: list[str] = []
        self.accepted: tuple[str, ...] = (_PUBLICKEY, *_PASSWORD_METHODS)

    @property
    def done(self) -> bool:
        return self.link.is_authenticated()

    def offer_key(self, label: str, key: paramiko.PKey) -> None:
        self.tried.append(label)
        try:
            further = self.link.auth_publickey(self.spec.user, key)
        except paramiko.BadAuthenticationType as error:
            self.accepted = tuple(error.allowed_types)
        except paramiko.AuthenticationException as error:
            self._require_link(error)
        except paramiko.SSHException as error:
            self._require_link(error)
            self.tried[-1] += f" ({error})"
        else:
            self._note_further(further)

    def offer_password(self, password: str) -> None:
        self.tried.append("password")
        try:
            further = self.link.auth_password(self.spec.user, password)
        except paramiko.BadAuthenticationType as error:
            self.accepted = tuple(error.allowed_types)
        except paramiko.SSHException as error:
            self._require_link(error)
        else:
            self._note_further(further)

    def _note_further(self, further: list[str]) -> None:
        """Methods that the server requires in addition to an accepted one."""
        if further:
            self.accepted = tuple(further)
            self.tried[-1] += " (accepted, but the server requires more)"

    def _require_link(self, error: Exception) -> None:
        if not self.link.is_active():
            raise self.failure(self.link.disconnect_reason or "the server closed the connection") from error

    def failure(self, reason: str, notes: tuple[str, ...] = ()) -> UnreachableError:
        spec = self.spec
        parts = [f"login as {spec.user} at {spec.address} failed: {reason}"]
        parts.append(f"tried {', '.join(self.tried)}" if self.tried else "there was no key or password to try")
        parts.extend(notes)
        return UnreachableError("; ".join(parts), hint=self._hint(notes))

    def _hint(self, notes: tuple[str, ...]) -> str:
        spec = self.spec
        if any("passphrase" in note for note in notes):
            return "set private_key_passphrase (from a vault), or load the key into an agent with ssh-add"
        if "oo many" in self.link.disconnect_reason:
            return "name the right key in private_key_file, or set IdentitiesOnly in ~/.ssh/config"
        if _PUBLICKEY not in self.accepted and not spec.password:
            return f"the server accepts only {', '.join(self.accepted)}: set password (from a vault)"
        return f"check the user's name and that the key is in ~{spec.user}/.ssh/authorized_keys on the host"


def authenticate(link: Link, spec: ConnectionSpec, ring: KeyRing) -> None:
    """Log `spec.user` in; raises `UnreachableError` naming user and keys tried."""
    login = _Login(link, spec)
    with agent_keys(spec.identity_agent) as held:
        candidates = Candidates(spec, ring, held)
        for label, key in candidates:
            login.offer_key(label, key)
            if login.done:
                link.login_key = key
                return
            if _PUBLICKEY not in login.accepted:
                break
    if spec.password and any(method in login.accepted for method in _PASSWORD_METHODS):
        login.offer_password(spec.password)
        if login.done:
            return
    methods = ", ".join(login.accepted)
    raise login.failure(f"the server refused (it accepts {methods})", tuple(candidates.notes))
