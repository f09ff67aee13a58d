"""CPU counts and CPU sets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.values import cpus


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (1.5, 1500000000),
        ("1.50", 1500000000),
        ("0.1", 100000000),
        (0.1 + 0.2, 300000000),
        (2, 2000000000),
        ("0", 0),
        ("1e1", 10000000000),
    ],
)
def test_cpus_are_billionths(written: float | str, read: int) -> None:
    assert cpus.parse(written) == read


@pytest.mark.parametrize("written", ["", "two", "-1", -0.5, "nan", "inf", "1,5", "1/2"])
def test_an_invalid_number_of_cpus_is_refused(written: float | str) -> None:
    with pytest.raises(ValueError) as error:
        cpus.parse(written)
    assert str(error.value) == f"'{written}' is not a number of CPUs such as 0.5 or 2"


@pytest.mark.parametrize(("read", "shown"), [(1500000000, "1.5"), (2000000000, "2"), (1, "0.000000001"), (0, "0")])
def test_cpus_are_shown_without_noise(read: int, shown: str) -> None:
    assert cpus.show(read) == shown


@given(st.integers(min_value=10**7, max_value=10**14))
def test_shown_cpus_read_back(read: int) -> None:
    assert cpus.parse(cpus.show(read)) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("0-1", "0-1"),
        ("0,1", "0-1"),
        ("3,0-2", "0-3"),
        ("0-2,4", "0-2,4"),
        ("4,4,4", "4"),
        (0, "0"),
        ("", ""),
        (" 0 , 2 ", "0,2"),
        ("7-7", "7"),
    ],
)
def test_sets_have_one_spelling(written: int | str, read: str) -> None:
    assert cpus.parse_set(written) == read


@pytest.mark.parametrize("written", ["a", "2-1", "1-", "-1", "0,,1", "0-1-2", -1])
def test_an_invalid_set_is_refused(written: int | str) -> None:
    with pytest.raises(ValueError) as error:
        cpus.parse_set(written)
    assert str(error.value) == f"'{written}' is not a set such as 0-2,4"


@given(st.sets(st.integers(min_value=0, max_value=300)))
def test_a_set_in_one_spelling_is_the_same_set(members: set[int]) -> None:
    spelled = cpus.parse_set(",".join(map(str, members)))
    assert cpus.parse_set(spelled) == spelled


@pytest.mark.parametrize("written", ["0.0000000001", 0.001, "0.0099"])
def test_a_limit_that_the_kernel_would_not_set_is_refused(written: float | str) -> None:
    with pytest.raises(ValueError) as error:
        cpus.parse(written)
    assert str(error.value) == f"'{written}' is less than 0.01, the smallest limit the kernel supports"
    assert (cpus.parse("0.01"), cpus.parse(0)) == (10_000_000, 0)
