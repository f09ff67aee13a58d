"""The command line: parses, calls the runner, prints."""

from __future__ import annotations

from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line and return the exit code, see `deployer.errors.ExitCode`."""
    from deployer.cli.boundary import run

    return run(args)
