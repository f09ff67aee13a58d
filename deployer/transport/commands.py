"""Short commands on the server, over sessions of a `Link`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from deployer.interfaces import Body, CommandResult
from deployer.reach.connection import SUDO_PROMPT, SUDO_READY
from deployer.transport.lean import paramiko
from deployer.transport.link import ChannelRefusedError, Link, LinkLostError
from deployer.transport.streams import BodyError, pieces

if TYPE_CHECKING:
    from collections.abc import Callable

_LIMIT = 65536
"""Bytes of a command's output that are kept."""

_PATIENCE = 5.0
"""Seconds that the exit status and the last output of an ended command may take to arrive."""

_LONGEST = 60.0
"""Seconds that a short command may take in all."""


_PATIENCE_WITH_WORK = 600.0
"""Seconds that a command may work without a word, such as a validation, or a checksum of much data."""

_LARGEST = 16 * 1024 * 1024
"""Bytes of its output that are kept."""

_UNTIL_SUDO = 30.0
"""Seconds of silence that sudo may take to ask, or to begin; PAM delays the answer to a wrong password."""


def start(link: Link, command: str) -> paramiko.Channel:
    """Start a command; raises `ChannelRefusedError` or `LinkLostError`."""
    channel = link.open_session_channel()
    try:
        channel.exec_command(command)
    except (paramiko.SSHException, EOFError, OSError) as error:
        channel.close()
        if link.is_active():
            raise ChannelRefusedError(f"the server runs no commands: {error}") from error
        raise LinkLostError(link.disconnect_reason) from error
    return channel


def result_of(channel: paramiko.Channel, patience: float = _PATIENCE) -> CommandResult:
    """Read an ended or ending command to its end; what does not come within so many seconds is left out."""
    channel.settimeout(patience)
    output = _read(channel.recv, longest=max(patience, _LONGEST))
    errors = _read(channel.recv_stderr)
    known = channel.status_event.wait(_PATIENCE) and channel.exit_status >= 0
    return CommandResult(channel.exit_status if known else None, output, errors)


def begin_sudo(channel: paramiko.Channel, password: str) -> str:
    """Give sudo the password when it asks. Returns "" once it runs its command, otherwise what was said instead; a
    second question means that the password is wrong."""
    said, asked = "", False
    channel.settimeout(_UNTIL_SUDO)
    try:
        while SUDO_READY not in said:
            chunk = channel.recv_stderr(_LIMIT)
            said += chunk.decode(errors="replace")
            if not chunk or said.count(SUDO_PROMPT) > 1 or len(said) > _LIMIT:
                return said or "it ended without output"
            if SUDO_PROMPT in said and not asked:
                asked = True
                channel.sendall(password.encode() + b"\n")
        channel.settimeout(None)
    except OSError as error:
        return said or str(error) or "no answer"
    return ""


def run(link: Link, command: str) -> CommandResult:
    """Run a short command without input to its end; raises `ChannelRefusedError` or `LinkLostError`."""
    channel = start(link, command)
    try:
        channel.shutdown_write()
        return result_of(channel)
    finally:
        channel.close()


def perform(link: Link, command: str, password: str, content: Body) -> CommandResult:
    """Run a command that may take long, with input; it is given `password` where sudo asks for it. Raises as `run`, and
    what reading `content` raises. The end of the input is not told: told to a command that has just ended, it makes
    sshd end the connection."""
    channel = start(link, command)
    try:
        if password and (said := begin_sudo(channel, password)):
            return CommandResult(None, "", said)
        try:
            for piece in pieces(content):
                channel.sendall(piece)
        except BodyError as error:
            raise error.__cause__ or error from None
        except OSError:
            # The command ended without reading all: its exit status says why.
            if not link.is_active():
                raise LinkLostError(link.disconnect_reason) from None
        channel.settimeout(_PATIENCE_WITH_WORK)
        output = _read(channel.recv, _LARGEST, _PATIENCE_WITH_WORK)
        if not link.is_active():
            raise LinkLostError(link.disconnect_reason)
        found = result_of(channel)
        return CommandResult(found.status, output, found.errors)
    finally:
        channel.close()


def _read(receive: Callable[[int], bytes], limit: int = _LIMIT, longest: float = _LONGEST) -> str:
    data, until = bytearray(), time.monotonic() + longest
    try:
        while len(data) < limit and time.monotonic() < until and (chunk := receive(_LIMIT)):
            data += chunk
    except TimeoutError:
        pass
    return data.decode(errors="replace")
