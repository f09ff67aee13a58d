"""Opens an authenticated SSH connection; every failure has its own message."""

from __future__ import annotations

from typing import Any

from deployer.errors import UnreachableError
from deployer.reach.connection import ConnectionSpec, HostKeyChecking
from deployer.transport import known_hosts
from deployer.transport.auth import authenticate
from deployer.transport.keys import KeyRing
from deployer.transport.lean import paramiko
from deployer.transport.link import Link, Wire
from deployer.transport.sockets import KEEPALIVE


class HandshakeRefusedError(UnreachableError):
    """The server or a proxy closed the connection before the key exchange; another attempt may succeed."""


def log_in(sock: Any, spec: ConnectionSpec, ring: KeyRing) -> Link:
    """Handshake, check of the host key and login over an open stream; closes it when one of them fails."""
    link = Link(sock, timeout=spec.connect_timeout)
    try:
        _shake_hands(link, spec)
        authenticate(link, spec, ring)
        link.set_keepalive(KEEPALIVE)
    except BaseException:
        link.close()
        raise
    return link


def _shake_hands(link: Link, spec: ConnectionSpec) -> None:
    name = _known_name(spec)
    known = known_hosts.find_keys(spec.known_hosts_files, name)
    options = link.get_security_options()
    options.key_types = known_hosts.algorithms_first(known, tuple(options.key_types))
    try:
        link.start_client(timeout=3 * spec.connect_timeout)
    except paramiko.ssh_exception.IncompatiblePeer as error:
        raise UnreachableError(
            f"{spec.address} and this program share no SSH algorithm: {error}",
            hint="paramiko needs curve25519 or ecdh key exchange, aes-ctr or aes-gcm, and an ed25519, ecdsa or RSA key "
            "with SHA-2; update the server's sshd",
        ) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise _no_handshake(link, spec, error) from error
    if not link.initial_kex_done:
        raise UnreachableError(f"{spec.address} did not complete the SSH handshake in time")
    _check_host_key(link, spec, name, known)


def _no_handshake(link: Link, spec: ConnectionSpec, error: Exception) -> UnreachableError:
    """sshd says in one line why it refuses an address. From OpenSSH 9.8 on, that line is the same for MaxStartups,
    which another attempt passes, and for PerSourcePenalties after failed logins, to which it adds nothing."""
    first = link.sock.first_bytes if isinstance(link.sock, Wire) else b""
    line = "" if first.startswith(b"SSH-") else first.decode(errors="replace").strip().partition("\n")[0].strip()
    reason = f"it said '{line}'" if line else link.disconnect_reason or str(error) or "connection closed"
    again = not line or "MaxStartups" in line or line == "Not allowed at this time"
    return (HandshakeRefusedError if again else UnreachableError)(
        f"{spec.address} did not complete the SSH handshake: {reason}",
        hint="is it an SSH server? One that is overloaded (MaxStartups) or saw failed logins from here "
        "(PerSourcePenalties) accepts connections again later",
    )


def _known_name(spec: ConnectionSpec) -> str:
    return (spec.host_key_alias or spec.address).lower()


def _check_host_key(link: Link, spec: ConnectionSpec, name: str, known: tuple[known_hosts.KnownKey, ...]) -> None:
    key = link.get_remote_server_key()
    kind, blob = key.get_name(), key.asbytes()
    shown = f"{kind} {known_hosts.fingerprint(blob)}"
    revoked = next((entry for entry in known if entry.revoked and entry.blob == blob), None)
    if revoked is not None:
        raise UnreachableError(f"the host key of {name} ({shown}) is revoked at {revoked.place}")
    if spec.host_key_checking is HostKeyChecking.NO or any(entry.blob == blob for entry in known):
        return
    same_kind = [entry for entry in known if not entry.revoked]
    if same_kind:
        raise _changed(spec, name, shown, same_kind)
    if spec.host_key_checking is HostKeyChecking.ACCEPT_NEW:
        _remember(spec, name, kind, blob)
        return
    raise _unknown(spec, name, shown)


def _changed(spec: ConnectionSpec, name: str, shown: str, entries: list[known_hosts.KnownKey]) -> UnreachableError:
    places = ", ".join(f"{entry.place} ({entry.kind} {known_hosts.fingerprint(entry.blob)})" for entry in entries)
    return UnreachableError(
        f"the host key of {name} has changed: the server shows {shown}, known is {places}",
        hint="someone may be intercepting the connection; if the host was reinstalled: "
        f"ssh-keygen -R '{name}' -f {entries[0].file}, then {_keyscan(spec, entries[0].file)}",
    )


def _unknown(spec: ConnectionSpec, name: str, shown: str) -> UnreachableError:
    file = spec.known_hosts_files[0] if spec.known_hosts_files else "~/.ssh/known_hosts"
    return UnreachableError(
        f"the host key of {name} is not known: the server shows {shown}",
        hint=f"compare the fingerprint, then: {_keyscan(spec, file)}; or set host_key_checking: accept-new",
    )


def _keyscan(spec: ConnectionSpec, file: str) -> str:
    port = "" if spec.port == 22 else f"-p {spec.port} "
    return f"ssh-keyscan {port}{spec.host} >> {file}"


def _remember(spec: ConnectionSpec, name: str, kind: str, blob: bytes) -> None:
    if not spec.known_hosts_files:
        return
    file = spec.known_hosts_files[0]
    try:
        known_hosts.add_key(file, name, kind, blob)
    except OSError as error:
        raise UnreachableError(f"the new host key of {name} cannot be added to {file}: {error.strerror}") from error
