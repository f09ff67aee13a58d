"""The program called in this process as a user's shell would call it: starting Python costs more than most runs."""

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from deployer.cli import boundary
from deployer.usecases import system


class NoWaiting(system.SystemClock):
    """Sleeping takes no time: on simulated hosts nothing happens meanwhile."""

    def __init__(self) -> None:
        self._slept = 0.0

    def now(self) -> float:
        return super().now() + self._slept

    def sleep(self, seconds: float) -> None:
        self._slept += seconds


def call(words: Sequence[str], folder: Path, environ: Mapping[str, str], out: io.StringIO, err: io.StringIO) -> int:
    """The exit code; `out` and `err` may be the same."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        stack.enter_context(contextlib.chdir(folder))
        stack.enter_context(_environ(environ))
        return int(boundary.run(words))


@contextlib.contextmanager
def _environ(wanted: Mapping[str, str]) -> Iterator[None]:
    before, stdin = dict(os.environ), sys.stdin
    os.environ.clear()
    os.environ.update(wanted)
    try:
        with Path(os.devnull).open() as sys.stdin:
            yield
    finally:
        sys.stdin = stdin
        os.environ.clear()
        os.environ.update(before)
