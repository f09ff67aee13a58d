"""Which hosts are still read, on a terminal."""

import io
import threading
import time
from collections.abc import Callable

import pytest

from deployer.reporting.reading import ReadingProgress, reading_words

TEN = [f"a{number}" for number in range(1, 11)]


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (["a2"], "reading 9 of 10: a2"),
        (TEN, "reading 0 of 10: a[1:10]"),
        ([f"host-{letter}" for letter in "abcdefgh"], "reading 2 of 10: host-a, host-b, host-c, host-d, host-e,…"),
    ],
)
def test_the_hosts_that_have_not_answered_are_named(left: list[str], words: str) -> None:
    assert reading_words(10, left) == words


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not condition() and time.monotonic() < ends:
        time.sleep(0.01)
    assert condition()


def test_they_are_shown_when_it_takes_long_and_are_gone_at_the_end() -> None:
    stream = io.StringIO()
    reading = ReadingProgress(stream, lambda text: text.replace("a10", "***"), after=0.0)
    reading(10, TEN)
    until(lambda: "reading 0 of 10: a[1:10]" in stream.getvalue())
    reading(10, ["a10"])
    until(lambda: "reading 9 of 10: ***" in stream.getvalue())
    reading(10, ())
    ended = stream.getvalue()
    assert ended.endswith("\x1b[2K") or ended.rstrip().endswith("\x1b[2K")
    reading(2, ["a1"])
    until(lambda: "reading 1 of 2: a1" in stream.getvalue())
    reading(2, ())
    assert "a10" not in stream.getvalue()


def test_what_takes_no_time_shows_and_loads_nothing() -> None:
    stream, before = io.StringIO(), threading.active_count()
    reading = ReadingProgress(stream, str)
    reading(1, ["a1"])
    reading(1, ())
    until(lambda: threading.active_count() == before)
    assert stream.getvalue() == ""
