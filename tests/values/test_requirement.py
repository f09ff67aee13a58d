"""Requirements on a number or a text."""

import pytest

from deployer.values.requirement import holds, least, parse


@pytest.mark.parametrize(
    ("written", "parsed", "fulfilling", "failing", "value"),
    [
        (">=262144", ">=262144", ("262144", "1048576"), ("65530", "", "many"), "262144"),
        ("> 10", ">10", ("11",), ("10",), "11"),
        ("<= 10", "<=10", ("10", "-1"), ("11",), "10"),
        ("<10", "<10", ("9",), ("10",), "9"),
        ("=1", "1", ("1",), ("0",), "1"),
        (4096, "4096", ("4096",), ("4097",), "4096"),
        ("cubic", "cubic", ("cubic",), ("bbr",), "cubic"),
        ("4096  131072 6291456", "4096 131072 6291456", ("4096\t131072\t6291456",), ("4096",), "4096 131072 6291456"),
    ],
)
def test_requirements(
    written: str | int, parsed: str, fulfilling: tuple[str, ...], failing: tuple[str, ...], value: str
) -> None:
    assert parse(written) == parsed
    assert all(holds(parsed, live) for live in fulfilling)
    assert not any(holds(parsed, live) for live in failing)
    assert least(parsed) == value


@pytest.mark.parametrize("written", ["", ">=", ">= many", "> 1 2"])
def test_what_is_none(written: str) -> None:
    with pytest.raises(ValueError):
        parse(written)
