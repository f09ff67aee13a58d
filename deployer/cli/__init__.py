"""The command line: parses, calls the runner, prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

_OBJECTS = 100_000
"""New objects after which Python looks for garbage; a run mostly makes what it needs until the end."""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line and return the exit code, see `deployer.errors.ExitCode`."""
    from deployer.cli.boundary import run

    return run(args)


def program() -> NoReturn:
    """The command `deployer`: one command line, and the end of the process.

    A tenth of a run without changes would be spent on looking for garbage in what was just loaded, again at the end.
    """
    import gc
    import sys

    gc.set_threshold(_OBJECTS, 20, 20)
    code = main()
    gc.freeze()
    sys.exit(code)
