"""The state file of a simulated host. Several processes may use it at once: each operation holds the lock file and
reads the state again if another process changed it; a write replaces the whole file."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from deployer.errors import DeployerError, UnreachableError
from deployer.simulated.state import State


class StateFile:
    """One path, and the version of the file that was read last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int] | None = None

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Excludes other processes during one operation."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def read_if_changed(self) -> State | None:
        """The stored state; None if there is none or it did not change since the last read."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return None
        version = (stat.st_ino, stat.st_mtime_ns)
        if version == self._seen:
            return None
        try:
            state = State.from_json(self.path.read_text("utf-8"))
        except (ValueError, TypeError) as exc:
            raise DeployerError(
                f"{self.path} does not hold the state of a simulated host: {exc}",
                hint="remove the file to begin with an empty host",
            ) from exc
        self._seen = version
        return state

    def write(self, state: State) -> None:
        """Replaces the file atomically, readable only by its owner."""
        descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(state.to_json())
        Path(temporary).replace(self.path)
        stat = self.path.stat()
        self._seen = (stat.st_ino, stat.st_mtime_ns)


def default_state_path(host: str) -> Path:
    """`$XDG_STATE_HOME/deployer/simulated/HOST.json`, with the name quoted as in URLs. Raises `UnreachableError`
    without that variable and without a home directory."""
    base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111
    if base.startswith("~"):
        raise UnreachableError("there is no folder for the state of simulated hosts", hint="set XDG_STATE_HOME or HOME")
    return Path(base, "deployer", "simulated", f"{quote(host, safe=' :@')}.json")
