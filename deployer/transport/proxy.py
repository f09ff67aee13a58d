"""ProxyCommand: a local command whose standard input and output are the connection."""

from __future__ import annotations

import socket
import subprocess
import tempfile

from deployer.transport.link import Wire

_PATIENCE = 2.0
_SHOWN = 400
"""Characters of a command's complaint that are shown."""


class ProxyProcess:
    """A running ProxyCommand; it ends when its stream is closed."""

    def __init__(self, command: str) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  # read when the login fails, closed in `end`
            # ssh runs the command with the user's shell and `exec`, so that no shell stays in between.
            self._process = subprocess.Popen(
                f"exec {command}",
                shell=True,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._complaints,
                start_new_session=True,  # a terminal's Ctrl-C must not end it before the running step
            )
        self.stream = Wire.over(ours)

    def end(self) -> str:
        """Close the stream and collect the process, which is killed when it does not end within 2 s.

        Returns what it wrote to its standard error, the last lines of it.
        """
        self.stream.close()
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        with self._complaints:
            self._complaints.seek(0)
            return self._complaints.read().decode(errors="replace").strip()[-_SHOWN:]
