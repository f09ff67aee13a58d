"""The command line: parses arguments, calls a use case, prints the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

_OBJECTS = 100_000
"""Allocations between two garbage collections. A run keeps most of its objects until the end."""

_INTERRUPTED = 130


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line and return the exit code, see `deployer.errors.ExitCode`."""
    from deployer.cli.boundary import run

    return run(args)


def program() -> NoReturn:
    """The command `deployer`: run one command line and end the process.

    The garbage collector would take a tenth of the time of a run without changes, so it runs rarely.
    """
    import gc
    import signal
    import sys

    gc.set_threshold(_OBJECTS, 20, 20)
    code = main()
    gc.freeze()
    if code == _INTERRUPTED:
        # A second Ctrl-C ends it at once, while threads end.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code)
