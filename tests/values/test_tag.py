"""Tags that are versions."""

import pytest

from deployer.values import tag

TAGS = [
    "1.4.0",
    "1.4.2",
    "1.4.10",
    "1.5.0",
    "1.4",
    "1.5",
    "v1.4.99",
    "1.4.11-rc1",
    "1.4-alpine",
    "1.6-alpine",
    "latest",
]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("1.4.x", "1.4.10"),
        ("1.x", "1.5"),
        ("1.x-alpine", "1.6-alpine"),
        ("vx.x.x", ""),
        ("2.x", ""),
        ("v1.4.x", "v1.4.99"),
    ],
)
def test_the_newest_of_a_pattern(pattern: str, expected: str) -> None:
    assert tag.newest(pattern, TAGS) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [("1.4.2", "1.5.0"), ("1.4", "1.5"), ("1.5", ""), ("1.4-alpine", "1.6-alpine"), ("latest", ""), ("2.0", "")],
)
def test_a_newer_one_of_the_same_form(now: str, expected: str) -> None:
    assert tag.newer(now, TAGS) == expected


@pytest.mark.parametrize("text", ["1.4", "latest", "1.4.x/y", "nginx"])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(ValueError, match="is not a pattern of versions"):
        tag.parse_pattern(text)
