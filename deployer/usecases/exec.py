"""Runs a command in containers of several hosts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing, suppress
from typing import Final, Protocol, TypeVar

from msgspec import Struct

from deployer.applying.commands import exit_code, payloads
from deployer.errors import DeployerError, EngineError, ExitCode, UnreachableError, boundary
from deployer.interfaces import Clock, Engine, ExecQuery, Stream
from deployer.model.plan import Unreachable
from deployer.usecases.fleet import Fleet
from deployer.usecases.inspect_hosts import Row

_LONGEST: Final = 1024 * 1024
"""Bytes of a line that are kept together."""

Item = TypeVar("Item")


class Ended(Struct, frozen=True):
    """A command in one container. `code` is None where it did not run, or nobody knows; `error` says why."""

    row: Row
    code: int | None = None
    error: str = ""
    hint: str = ""
    lost: bool = False

    @property
    def exit_code(self) -> int:
        if self.code is not None:
            return self.code
        return ExitCode.UNREACHABLE if self.lost else ExitCode.FAILED


def worst(ended: Sequence[Ended], unreachable: Sequence[Unreachable]) -> int:
    """The greatest exit code; hosts that were not reached count as 4."""
    return max([*(found.exit_code for found in ended), ExitCode.UNREACHABLE if unreachable else 0])


class Write(Protocol):
    """Takes a line without its end, of stdout (1) or stderr (2)."""

    def __call__(self, row: Row, stream: int, text: str) -> object: ...


def on_all(fleet: Fleet, rows: Sequence[Row], query: ExecQuery, clock: Clock, forks: int, write: Write) -> list[Ended]:
    """In all containers at once, up to `forks`; in their order. Lines come as they are written."""

    def one(row: Row) -> Ended:
        def work(engine: Engine, key: str, stream: Stream) -> int | None:
            for number, text in lines_of(stream):
                write(row, number, text)
            return exit_code(engine, key, clock)

        return guarded(fleet, row, query, work)

    return in_parallel(rows, forks, one)


def in_parallel(
    items: Sequence[Item], forks: int, work: Callable[[Item], Ended], abandon: Callable[[], object] = lambda: None
) -> list[Ended]:
    """In their order. `abandon` is called after an interrupt."""
    threads = ThreadPoolExecutor(max(1, min(forks, len(items))), thread_name_prefix="command")
    try:
        working = [threads.submit(work, item) for item in items]
        for _ in as_completed(working):
            pass
        return [each.result() for each in working]
    except BaseException:
        threads.shutdown(wait=False, cancel_futures=True)
        abandon()
        raise
    finally:
        # Interrupted, it does not wait for commands that do not end.
        threads.shutdown(wait=False, cancel_futures=True)


def guarded(fleet: Fleet, row: Row, query: ExecQuery, work: Callable[[Engine, str, Stream], int | None]) -> Ended:
    """Starts the command; `work` gets its id and its stream, which is closed at the end, and returns its exit code."""

    def begin(engine: Engine) -> tuple[Engine, str, Stream]:
        key = engine.create_exec(row.id, query)
        return engine, key, engine.start_exec(key, query.size)

    try:
        with boundary():
            engine, key, stream = fleet.with_room(row.host, begin)
            with closing(stream):
                return Ended(row, work(engine, key, stream))
    except DeployerError as error:
        return Ended(row, None, error.message, error.hint, isinstance(error, UnreachableError))


def lines_of(stream: Stream) -> Iterator[tuple[int, str]]:
    pending: dict[int, bytes] = {}
    for number, data in payloads(stream):
        *lines, rest = (pending.get(number, b"") + data).split(b"\n")
        if len(rest) > _LONGEST:
            lines, rest = [*lines, rest], b""
        pending[number] = rest
        yield from ((number, _text(line)) for line in lines)
    yield from ((number, _text(rest)) for number, rest in sorted(pending.items()) if rest)


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode(errors="replace")


class Input:
    """Sends what `read` gives to a command, in a thread that ends with the process; b"" ends the command's input."""

    def __init__(self, stream: Stream, read: Callable[[], bytes]) -> None:
        self._stream = stream
        self._read = read
        threading.Thread(target=self._send, name="stdin", daemon=True).start()

    def _send(self) -> None:
        with suppress(DeployerError, OSError, ValueError):
            while data := self._read():
                self._stream.write(data)
            self._stream.end_writing()


class Resizing:
    """Gives the command's terminal the size of this one with `resize`: at first, and after each `changed`."""

    def __init__(
        self, resize: Callable[[tuple[int, int]], object], size: Callable[[], tuple[int, int]], clock: Clock
    ) -> None:
        self._resize = resize
        self._size = size
        self._clock = clock
        self._changed = threading.Event()
        self._ended = False
        self.changed()
        threading.Thread(target=self._follow, name="size", daemon=True).start()

    def changed(self) -> None:
        """May be called by a handler of a signal."""
        self._changed.set()

    def close(self) -> None:
        self._ended = True
        self._changed.set()

    def _follow(self) -> None:
        while self._changed.wait() and not self._ended:
            self._changed.clear()
            for pause in (0.05, 0.1, 0.2, 0.4, 0.8):
                # Old engines refuse it before the command has started.
                with suppress(UnreachableError, EngineError):
                    self._resize(self._size())
                    break
                self._clock.sleep(pause)
