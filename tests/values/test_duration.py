"""Durations: Go's notation and bare seconds, in nanoseconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.values import duration

S = 10**9


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("30s", 30 * S),
        ("0.5m", 30 * S),
        ("1m30s", 90 * S),
        ("1h2m3s", 3723 * S),
        ("2d", 172800 * S),
        ("1.5s", 3 * S // 2),
        (".5s", S // 2),
        ("1.s", S),
        ("500ms", S // 2),
        ("2500us", 2500000),
        ("2500µs", 2500000),
        ("2500μs", 2500000),
        ("17ns", 17),
        ("0s", 0),
        (0, 0),
        (5, 5 * S),
        (1.5, 3 * S // 2),
        ("5", 5 * S),
        ("1.25", 5 * S // 4),
        (" 5s ", 5 * S),
    ],
)
def test_durations_in_every_notation(written: float | str, read: int) -> None:
    assert duration.parse(written) == read


@pytest.mark.parametrize("written", ["", "s", "5 s", "5sec", "-5s", "5s!", "1m30", "five", -5, "1e3s", float("nan")])
def test_an_invalid_duration_is_refused(written: float | str) -> None:
    with pytest.raises(ValueError) as error:
        duration.parse(written)
    assert str(error.value) == f"'{written}' is not a duration such as 30s, 1m30s or 500ms"


@pytest.mark.parametrize(("written", "read"), [("0s", 0), ("1ms", 10**6), ("30s", 30 * S)])
def test_probe_times(written: str, read: int) -> None:
    assert duration.parse_probe(written) == read


def test_a_probe_time_below_a_millisecond_is_refused() -> None:
    with pytest.raises(ValueError) as error:
        duration.parse_probe("999us")
    assert str(error.value) == "'999us' is shorter than the engine's minimum of 1ms"


@pytest.mark.parametrize(
    ("written", "read"), [("10s", 10), ("1m", 60), ("1.5s", 2), ("1ms", 1), (0, 0), ("0s", 0), (-1, -1), ("-1", -1)]
)
def test_stop_timeouts_are_whole_seconds_rounded_up(written: float | str, read: int) -> None:
    assert duration.parse_seconds(written) == read


@pytest.mark.parametrize(
    ("read", "shown"), [(0, "0s"), (90 * S, "1m30s"), (3 * S // 2, "1s500ms"), (3600 * S, "1h"), (1001, "1us1ns")]
)
def test_durations_are_shown_in_units(read: int, shown: str) -> None:
    assert duration.show(read) == shown


@pytest.mark.parametrize(("read", "shown"), [(-1, "no limit"), (0, "0s"), (90, "1m30s")])
def test_seconds_are_shown_as_durations(read: int, shown: str) -> None:
    assert duration.show_seconds(read) == shown


@given(st.integers(min_value=0, max_value=2**62))
def test_a_shown_duration_reads_back(read: int) -> None:
    assert duration.parse(duration.show(read)) == read
