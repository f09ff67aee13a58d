"""SSH channels as sockets."""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    import paramiko

_ANSWER = re.compile(rb"HTTP/1\.[01] [0-9]{3}[ \r]")
_MOST_BEFORE = 65536
"""Bytes that may come before an answer."""

_LONGEST_BEFORE = 60.0
"""Seconds from the first of these bytes to the answer."""

_BUFFER = 32768
"""Bytes read at once; the size of an SSH data packet."""


class ChannelSocket:
    """One byte stream over an SSH connection.

    `on_no_answer` is given for a stream that a command carries. Output before the first HTTP answer is skipped: login
    shells may print some. Without an answer it is called with the output, and raises the error that explains it.
    """

    def __init__(self, channel: paramiko.Channel, on_no_answer: Callable[[bytes], NoReturn] | None = None) -> None:
        self._channel = channel
        self._on_no_answer = on_no_answer
        self._started = False
        self._ahead = b""

    @property
    def usable(self) -> bool:
        """Whether the other side still reads."""
        return not (self._channel.closed or self._channel.eof_received)

    def settimeout(self, seconds: float | None) -> None:
        """How long a read or write may wait before it raises TimeoutError."""
        self._channel.settimeout(seconds)

    def sendall(self, data: bytes) -> None:
        try:
            self._channel.sendall(data)
        except TimeoutError:
            raise
        except OSError:
            if not self._channel.recv_ready():
                self._explain(b"")
            raise

    def recv(self, size: int) -> bytes:
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
        data = self._channel.recv(size)
        if self._started or self._on_no_answer is None:
            return data
        return self._begin(data, size)

    def end_writing(self) -> None:
        """Signal the end of the data to the other side."""
        self._channel.shutdown_write()

    def close(self) -> None:
        with contextlib.suppress(OSError, EOFError):
            self._channel.close()

    def _begin(self, data: bytes, size: int) -> bytes:
        """The beginning of the answer, without what a login shell printed before it."""
        found, until = _ANSWER.search(data), time.monotonic() + _LONGEST_BEFORE
        while found is None:
            if len(data) > _MOST_BEFORE or time.monotonic() > until:
                self._explain(data)
            try:
                more = self._channel.recv(_BUFFER)
            except TimeoutError:
                if not data:
                    raise
                self._explain(data)
            if not more:
                self._explain(data)
            data += more
            found = _ANSWER.search(data)
        self._started = True
        answer = data[found.start() :]
        self._ahead = answer[size:]
        return answer[:size]

    def _explain(self, beginning: bytes) -> None:
        """Raises the error that ended the stream, if it is known."""
        if not self._started and self._on_no_answer is not None:
            self._on_no_answer(beginning)
