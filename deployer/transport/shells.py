"""Shells: of this machine, and of one that is reached over SSH."""

from __future__ import annotations

import shlex
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING

from deployer.errors import NotOfferedError, ResourceError
from deployer.interfaces import Body, CommandResult
from deployer.transport.streams import BodyError, ConnectionLostError, pieces

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from deployer.reach.connection import ConnectionSpec
    from deployer.transport.link import Link

_PATIENCE = 10.0
"""Seconds that a script on this machine may take."""

_LARGEST = 16 * 1024 * 1024
"""Bytes of output that are read of a script that may take long."""

_SUDO = "files are written with the rights of `become`: sudo must let this user run sh, or leave 'become' out"

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

    def perform(self, script: str, content: Body = ()) -> CommandResult:
        import subprocess
        import tempfile

        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            try:
                process = subprocess.Popen(("sh", "-c", script), stdin=subprocess.PIPE, stdout=output, stderr=errors)
            except OSError as error:
                raise ResourceError(f"a script on this machine failed: {error}") from error
            assert process.stdin is not None
            try:
                with suppress(BrokenPipeError), process.stdin as stream:
                    for piece in pieces(content):
                        stream.write(piece)
            except BodyError as error:
                raise error.__cause__ or error from None
            finally:
                process.wait()
            return CommandResult(process.returncode, _text(output), _text(errors))


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_LARGEST).decode(errors="replace")


class SshShell:
    """`link` gives the connection, which `spec` describes; `scripts` is held while one works."""

    def __init__(self, link: Callable[[], Link], spec: ConnectionSpec, scripts: AbstractContextManager[object]) -> None:
        self._link = link
        self._scripts = scripts
        self._address = spec.address
        self._become = f"{spec.become} " if spec.become else ""
        self._password = spec.sudo_password
        self._instead: str | None = None

    def run(self, script: str) -> CommandResult:
        from deployer.transport import commands

        return self._whole(script, lambda whole: commands.run(self._link(), f"exec {whole}"))

    def perform(self, script: str, content: Body = ()) -> CommandResult:
        from deployer.transport import commands

        def perform(whole: str) -> CommandResult:
            with self._scripts:
                return commands.perform(self._link(), f"exec {self._become}{whole}", self._password, content)

        return self._whole(script, perform)

    def _whole(self, script: str, work: Callable[[str], CommandResult]) -> CommandResult:
        from deployer.transport.link import ChannelRefusedError, LinkLostError

        if self._instead is not None:
            raise self._another_command(self._instead)
        try:
            found = work(f"sh -c {shlex.quote(f'echo {shlex.quote(_BEGUN)}; {script}')}")
        except ChannelRefusedError as refused:
            raise NotOfferedError(
                f"{self._address} offers no shell: the server allows socket forwarding only ({refused})"
            ) from refused
        except LinkLostError as error:
            raise ConnectionLostError(f"the SSH connection to {self._address} was lost") from error
        said, begun, output = found.output.partition(f"{_BEGUN}\n")
        if not begun:
            instead = " ".join(f"{said} {found.errors}".split())[:200]
            if self._become:
                raise ResourceError(f"{self._address} runs no commands as another user: {instead}", hint=_SUDO)
            self._instead = instead
            raise self._another_command(instead)
        return CommandResult(found.status, output, found.errors)

    def _another_command(self, said: str) -> NotOfferedError:
        what = f"{self._address} offers no shell: the server runs another command instead (ForceCommand)"
        return NotOfferedError(what + (f", which said: {said}" if said else ""))
