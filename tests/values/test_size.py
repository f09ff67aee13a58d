"""Byte sizes: every unit Docker's own tools take, binary whatever the spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.values import size

MIB = 1024**2


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("64m", 64 * MIB),
        ("64M", 64 * MIB),
        ("64mb", 64 * MIB),
        ("64MB", 64 * MIB),
        ("64MiB", 64 * MIB),
        ("64 MiB", 64 * MIB),
        (" 64m ", 64 * MIB),
        ("65536k", 64 * MIB),
        ("67108864", 64 * MIB),
        (67108864, 64 * MIB),
        ("6291456b", 6 * MIB),
        ("1.5G", 1536 * MIB),
        ("0.5m", MIB // 2),
        ("1t", 1024**4),
        ("1p", 1024**5),
        ("0", 0),
        (0, 0),
        ("1.0000001k", 1024),
    ],
)
def test_sizes_are_binary_in_every_spelling(written: int | str, read: int) -> None:
    assert size.parse(written) == read


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("64x", "'64x' is not a size such as 512m, 1.5g or 67108864"),
        ("", "'' is not a size such as 512m, 1.5g or 67108864"),
        ("m", "'m' is not a size such as 512m, 1.5g or 67108864"),
        ("-1", "'-1' is not a size such as 512m, 1.5g or 67108864"),
        ("1_000", "'1_000' is not a size such as 512m, 1.5g or 67108864"),
        ("1e3", "'1e3' is not a size such as 512m, 1.5g or 67108864"),
        ("64 m b", "'64 m b' is not a size such as 512m, 1.5g or 67108864"),
        (-1, "-1 is negative"),
        ("0.5", "'0.5' is less than one byte, which would be read as 0, no limit"),
        ("0.0001k", "'0.0001k' is less than one byte, which would be read as 0, no limit"),
    ],
)
def test_an_invalid_size_is_refused(written: int | str, message: str) -> None:
    with pytest.raises(ValueError) as error:
        size.parse(written)
    assert str(error.value) == message


@pytest.mark.parametrize("written", [-1, "-1", " -1 "])
def test_minus_one_means_unlimited(written: int | str) -> None:
    assert size.parse_or_unlimited(written) == -1


@pytest.mark.parametrize(
    ("read", "shown"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1536 B"),
        (512 * MIB, "512 MiB"),
        (1536 * MIB, "1536 MiB"),
        (1024**3, "1 GiB"),
        (1024**4, "1 TiB"),
        (-1, "unlimited"),
    ],
)
def test_sizes_are_shown_in_the_largest_unit_that_loses_nothing(read: int, shown: str) -> None:
    assert size.show(read) == shown


@given(st.integers(min_value=0, max_value=2**63 - 1))
def test_a_shown_size_reads_back(read: int) -> None:
    assert size.parse(size.show(read)) == read
