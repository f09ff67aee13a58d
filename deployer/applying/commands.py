"""Commands in running containers: their output and exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Final

from deployer.engine.logs import Frames
from deployer.errors import ResourceError, UnreachableError
from deployer.interfaces import Clock, Engine, ExecQuery, Guarded, Stream
from deployer.model.operations import RunCommand

_SETTLING: Final = 5.0
"""Seconds in which an engine may still call a command running whose output has ended."""

_LINES = 20
_LONGEST = 8192
"""The last lines and bytes of output that an error shows."""


def run_command(engine: Engine, clock: Clock, container: str, operation: RunCommand) -> None:
    """Raises `ResourceError` with its last output if it ends with another code than 0, or not in time."""
    code, said = output_of(engine, clock, container, operation.command, operation.timeout)
    if code:
        raise ResourceError(f"the command ended with code {code}{said}")


class Input(Guarded, frozen=True):
    """What a command reads. `ends`: whether it reads the end of it too."""

    hidden = ("data",)
    data: bytes
    ends: bool = True


def output_of(
    engine: Engine, clock: Clock, container: str, command: tuple[str, ...], timeout: float
) -> tuple[int, str]:
    """The exit code, and its last output behind a colon. Raises `ResourceError` if it does not end in time."""
    code, output = outcome(engine, clock, container, command, timeout, kept=slice(-_LONGEST, None))
    if code is None:
        raise ResourceError(f"the command did not end within {timeout:g}s{_said(output)}")
    return code, _said(output)


def outcome(
    engine: Engine,
    clock: Clock,
    container: str,
    command: tuple[str, ...],
    timeout: float,
    given: Input | None = None,
    *,
    kept: slice,
) -> tuple[int | None, bytes]:
    """The exit code, None if it does not end in time, and what is kept of its output."""
    key = engine.create_exec(container, ExecQuery(command, stdin=given is not None))
    until, output = clock.now() + timeout, b""
    with closing(engine.start_exec(key, None)) as stream:
        stream.settimeout(timeout)
        try:
            _give(stream, given)
            for _, data in payloads(stream):
                output = (output + data)[kept]
        except UnreachableError:
            if clock.now() < until:
                raise
            return None, output
    return exit_code(engine, key, clock) or 0, output


def _give(stream: Stream, given: Input | None) -> None:
    """A command that has ended reads nothing."""
    if given is None:
        return
    with suppress(UnreachableError):
        stream.write(given.data)
        if given.ends:
            stream.end_writing()


def is_revived(engine: Engine, container: str) -> bool:
    """Restarts a container that does not run, so that it reads its files again."""
    found = engine.inspect_container(container)
    if found is None or found["State"]["Status"] in ("running", "paused"):
        return False
    engine.restart_container(container, None)
    return True


def _said(output: bytes) -> str:
    lines = output.decode(errors="replace").strip().splitlines()[-_LINES:]
    return ":\n" + "\n".join(lines) if lines else ""


def exit_code(engine: Engine, key: str, clock: Clock) -> int | None:
    until = clock.now() + _SETTLING
    while (code := engine.exec_exit_code(key)) is None and clock.now() < until:
        clock.sleep(0.05)
    return code


def payloads(stream: Stream) -> Iterator[tuple[int, bytes]]:
    """Of a command without a terminal: the stream, 1 or 2, and what it wrote."""
    frames = Frames()
    while data := stream.read():
        yield from frames.feed(data)
