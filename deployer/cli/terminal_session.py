"""This terminal as that of a command elsewhere: every key goes there, also Ctrl-C, and so does its size."""

from __future__ import annotations

import os
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from deployer.applying.commands import payloads
from deployer.interfaces import Clock, Stream
from deployer.usecases.exec import Input, Resizing


def has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def size() -> tuple[int, int]:
    """Rows and columns."""
    found = os.get_terminal_size(sys.stdout.fileno())
    return found.lines, found.columns


def converse(stream: Stream, resize: Callable[[tuple[int, int]], object], clock: Clock) -> None:
    """Until the command ends. The output is passed through."""
    resizing = Resizing(resize, size, clock)
    before = signal.signal(signal.SIGWINCH, lambda _number, _frame: resizing.changed())
    try:
        with _raw(sys.stdin.fileno()):
            Input(stream, lambda: os.read(sys.stdin.fileno(), 4096))
            while data := stream.read():
                _write_all(sys.stdout.fileno(), data)
    finally:
        resizing.close()
        signal.signal(signal.SIGWINCH, before)


def pass_through(stream: Stream, *, stdin: bool) -> None:
    """The input of this process, and its output and errors, until the command ends."""
    if stdin:
        Input(stream, lambda: os.read(sys.stdin.fileno(), 65536))
    for number, data in payloads(stream):
        target = sys.stderr if number == 2 else sys.stdout
        target.flush()
        target.buffer.write(data)
        target.buffer.flush()


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
