"""Reads input files whole, with limits of size and time. Also the state directory."""

from __future__ import annotations

import errno
import os
import select
import stat
from pathlib import Path
from typing import BinaryIO, Final

LIMIT: Final = 16 * 1024 * 1024
"""Bytes; an inventory of ten thousand hosts has about two million."""

PATIENCE: Final = 10.0
"""Seconds that a pipe may be silent: `<(pass show vault)` asks for nothing meanwhile."""


def state_folder() -> Path | None:
    """`$XDG_STATE_HOME/deployer`, for data between runs. None without that variable and without a home directory."""
    base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111
    return None if base.startswith("~") else Path(base, "deployer")


def read_file(path: Path | str) -> bytes:
    """A file, a pipe or `/dev/null`. Raises OSError, its `strerror` for the user; also for other devices, for more than
    `LIMIT`, and for a pipe without a writer."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        mode = os.fstat(descriptor).st_mode
        is_pipe = stat.S_ISFIFO(mode)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "Is a directory", str(path))
        if not (is_pipe or stat.S_ISREG(mode) or os.path.samefile(path, os.devnull)):  # noqa: PTH121
            raise OSError(errno.EINVAL, "it is not a file", str(path))
        return _read(descriptor, str(path), is_pipe=is_pipe)
    finally:
        os.close(descriptor)


def open_file(path: Path | str) -> BinaryIO:
    """A file that is read in any order. Raises OSError as `read_file`, and for a pipe."""
    if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
        raise OSError(errno.EINVAL, "it is not a file", str(path))
    return Path(path).open("rb")


def read_text(path: Path | str, encoding: str = "utf-8") -> str:
    """As `read_file`; raises UnicodeDecodeError too."""
    return read_file(path).decode(encoding)


def _read(descriptor: int, path: str, *, is_pipe: bool) -> bytes:
    found = bytearray()
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while True:
        if is_pipe and not poll.poll(PATIENCE * 1000):
            raise TimeoutError(errno.ETIMEDOUT, f"nothing was written to this pipe for {PATIENCE:g} s", path)
        piece = os.read(descriptor, 65536)
        if not piece:
            return bytes(found)
        found += piece
        if len(found) > LIMIT:
            raise OSError(errno.EFBIG, f"it has more than {LIMIT // 1024**2} MiB", path)
