"""An image goes from one host to another without passing this machine: the first one logs in to the second.

The first one runs `docker save … | ssh … docker load`. Its ssh gets the login from this machine, by an agent that signs
once (`lending`); no file is written on either host.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Collection, Iterator
from typing import Any, Final

from deployer.errors import NotOfferedError, ResourceError
from deployer.interfaces import CommandResult, Login
from deployer.reach.connection import ConnectionSpec
from deployer.transport import commands
from deployer.transport.candidates import agent_keys, offered_blob
from deployer.transport.lean import paramiko
from deployer.transport.lending import LoginAgent, serve
from deployer.transport.link import ChannelRefusedError, Link, LinkLostError
from deployer.transport.streams import ConnectionLostError

_NAME: Final = "deployer-receiver"
"""Under which ssh knows the key of the second host."""

_SILENCE: Final = 1800.0
"""Seconds that it may take: nothing is said while an image is sent."""

_SHOWN: Final = 200
"""Characters of what its commands said that are shown."""

_RSA: Final = "ssh-rsa"
_SSH: Final = (
    "BatchMode=yes", "StrictHostKeyChecking=yes", "UserKnownHostsFile=none", "GlobalKnownHostsFile=none",
    f"HostKeyAlias={_NAME}", "CheckHostIP=no", "PreferredAuthentications=publickey", "IdentityFile=none",
    "ControlPath=none", "ClearAllForwardings=yes", "ForwardAgent=no", "LogLevel=ERROR", "ConnectTimeout=10",
    "ServerAliveInterval=15",
)  # fmt: skip


def login_of(spec: ConnectionSpec, link: Link, docker: str) -> Login:
    """The login of a connection, for another host. Raises `NotOfferedError` where it was not made with a key, or not
    directly."""
    key, server = link.login_key, link.get_remote_server_key()
    if key is None or spec.sudo_password:
        raise NotOfferedError(f"{spec.address} is not reached with a key alone")
    return Login(
        user=spec.user,
        host=spec.host,
        port=spec.port,
        docker=docker,
        host_key_type=server.get_name(),
        host_key=server.asbytes(),
        proves=lambda data, proof: bool(server.verify_ssh_sig(data, paramiko.Message(proof))),
        public=offered_blob(key),
        sign=lambda data, algorithm: _signed(spec, key, data, algorithm or None),
    )


def _signed(spec: ConnectionSpec, key: Any, data: bytes, algorithm: str | None) -> bytes:
    """Keys that an agent holds are asked for again: its connection was closed after the login."""
    if not isinstance(key, paramiko.AgentKey):
        signature: bytes = key.sign_ssh_data(data, algorithm).asbytes()
        return signature
    with agent_keys(spec.identity_agent) as held:
        found = next((each for each in held if each.asbytes() == key.asbytes()), None)
        return b"" if found is None else bytes(found.sign_ssh_data(data, algorithm))


def give(spec: ConnectionSpec, link: Link, docker: str, reference: str, without: Collection[str], to: Login) -> None:
    """Raises `NotOfferedError`, `ResourceError` and `UnreachableError`. `without`: members of the archive that the
    other host does not need."""
    with link.lending:
        found = _run(spec, link, f"exec sh -c {shlex.quote(_script(docker, reference, without, to))}", LoginAgent(to))
    if found.status != 0:
        said = " ".join(f"{found.errors}{found.output}".split())[-_SHOWN:]
        raise ResourceError(f"{said or 'it ended without a reason'}")


def _run(spec: ConnectionSpec, link: Link, command: str, agent: LoginAgent) -> CommandResult:
    try:
        channel = link.open_session_channel()
    except LinkLostError as error:
        raise ConnectionLostError(f"the SSH connection to {spec.address} was lost") from error
    except ChannelRefusedError as refused:
        raise NotOfferedError(f"{spec.address} runs no commands: {refused}") from refused
    try:
        channel.request_forward_agent(lambda opened: serve(opened, agent))
        channel.exec_command(command)
        return commands.result_of(channel, _SILENCE)
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise ConnectionLostError(f"the SSH connection to {spec.address} was lost") from error
    finally:
        channel.close()


def _script(docker: str, reference: str, without: Collection[str], to: Login) -> str:
    """Ends all that it began when this machine goes away: then its input ends."""
    save = f"{docker} save {shlex.quote(reference)}"
    names = shlex.join(sorted(without))
    cut = f"if tar --version 2>/dev/null | grep -q GNU; then tar -f - --delete {names}; else cat; fi"
    receive = shlex.join(("ssh", *_options(to), f"{to.user}@{to.host}", f"{to.docker} load -q"))
    return (
        "exec 3<&0; (cat <&3; kill -TERM 0) >/dev/null 2>&1 & w=$!; "
        f"{save}{f' | ({cut})' if without else ''} | {receive}; s=$?; kill $w; exit $s"
    )


def _options(to: Login) -> Iterator[str]:
    kinds = f"rsa-sha2-512,rsa-sha2-256,{_RSA}" if to.host_key_type == _RSA else to.host_key_type
    known = f"/bin/echo {_NAME} {to.host_key_type} {base64.b64encode(to.host_key).decode()}"
    for option in (*_SSH, f"Port={to.port}", f"HostKeyAlgorithms={kinds}", f"KnownHostsCommand={known}"):
        yield "-o"
        yield option
    yield from ("-F", "none", "-T")
