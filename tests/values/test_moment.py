"""Times of `--since` and `--until`."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from deployer.values import moment

NOW = datetime(2026, 1, 2, 12, 0, 0, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10m", datetime(2026, 1, 2, 10, 50, tzinfo=UTC)),
        ("1h30m", datetime(2026, 1, 2, 9, 30, tzinfo=UTC)),
        ("90", datetime(2026, 1, 2, 10, 58, 30, tzinfo=UTC)),
        ("2026-01-02T10:00:00Z", datetime(2026, 1, 2, 10, tzinfo=UTC)),
        ("2026-01-02T10:00", datetime(2026, 1, 2, 9, tzinfo=UTC)),
        ("2026-01-02", datetime(2026, 1, 1, 23, tzinfo=UTC)),
    ],
)
def test_moments(text: str, expected: datetime) -> None:
    assert moment.parse(text, NOW) == f"{expected.timestamp():.6f}"


def test_seconds_since_1970() -> None:
    assert moment.parse("1767355200.123456789", NOW) == "1767355200.123456789"


@pytest.mark.parametrize("text", ["", "yesterday", "10 minutes", "2026-13-01", "9" * 8 + "h" * 2, "99999999d"])
def test_nonsense(text: str) -> None:
    with pytest.raises(ValueError, match="neither a duration such as 10m nor a time"):
        moment.parse(text, NOW)
