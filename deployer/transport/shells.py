"""Shells: of this machine, and of one that is reached over SSH."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from deployer.errors import NotOfferedError, ResourceError
from deployer.interfaces import CommandResult
from deployer.transport.streams import ConnectionLostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deployer.transport.link import Link

_PATIENCE = 10.0
"""Seconds that a script on this machine may take."""

_BEGUN = "[shell]"
"""What a script writes first. A server that runs another command in its place (ForceCommand) does not."""


class LocalShell:
    def run(self, script: str) -> CommandResult:
        """Raises `ResourceError` for a script that does not end within 10 s."""
        import subprocess

        command, nothing = ("sh", "-c", script), subprocess.DEVNULL
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, stdin=nothing, timeout=_PATIENCE, errors="replace"
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ResourceError(f"a script on this machine failed: {error}") from error
        return CommandResult(done.returncode, done.stdout, done.stderr)


class SshShell:
    """`link` gives the connection, `address` names the host in messages."""

    def __init__(self, link: Callable[[], Link], address: str) -> None:
        self._link = link
        self._address = address

    def run(self, script: str) -> CommandResult:
        from deployer.transport import commands
        from deployer.transport.link import ChannelRefusedError, LinkLostError

        whole = f"exec sh -c {shlex.quote(f'echo {shlex.quote(_BEGUN)}; {script}')}"
        try:
            found = commands.run(self._link(), whole)
        except ChannelRefusedError as refused:
            raise NotOfferedError(
                f"{self._address} offers no shell: the server allows socket forwarding only ({refused})"
            ) from refused
        except LinkLostError as error:
            raise ConnectionLostError(f"the SSH connection to {self._address} was lost") from error
        said, begun, output = found.output.partition(f"{_BEGUN}\n")
        if not begun:
            instead = " ".join(f"{said} {found.errors}".split())[:200]
            raise NotOfferedError(
                f"{self._address} offers no shell: the server runs another command instead (ForceCommand)"
                + (f", which said: {instead}" if instead else "")
            )
        return CommandResult(found.status, output, found.errors)
