"""This terminal as that of a command elsewhere: every key goes there, also Ctrl-C, and so does its size."""

from __future__ import annotations

import os
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

from deployer.applying.commands import exit_code
from deployer.interfaces import Clock, Engine, Stream
from deployer.usecases.exec import Input, Resizing


def size() -> tuple[int, int]:
    """Rows and columns."""
    found = os.get_terminal_size(sys.stdout.fileno())
    return found.lines, found.columns


def converse(engine: Engine, key: str, stream: Stream, clock: Clock) -> int | None:
    """Until the command ends; returns its exit code. The output is passed through."""
    resizing = Resizing(engine, key, size, clock)
    before = signal.signal(signal.SIGWINCH, lambda _number, _frame: resizing.changed())
    try:
        with _raw(sys.stdin.fileno()):
            Input(stream, lambda: os.read(sys.stdin.fileno(), 4096))
            while data := stream.read():
                _write_all(sys.stdout.fileno(), data)
    finally:
        resizing.close()
        signal.signal(signal.SIGWINCH, before)
    return exit_code(engine, key, clock)


@contextmanager
def _raw(descriptor: int) -> Iterator[None]:
    before = termios.tcgetattr(descriptor)
    tty.setraw(descriptor)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
