"""Where a probe asks, and which answers are good."""

from __future__ import annotations

import pytest

from deployer.values.probe import parse_port, parse_status, parse_where


def test_what_is_read() -> None:
    assert [parse_where(text) for text in (":8080/healthz?a=b", "80", ":1/")] == [
        (8080, "/healthz?a=b"),
        (80, "/"),
        (1, "/"),
    ]
    assert [parse_status(value) for value in (204, "200-399", "404")] == [(204, 204), (200, 399), (404, 404)]
    assert [parse_port(value) for value in (5432, ":80")] == [5432, 80]


@pytest.mark.parametrize("text", ["http://web/healthz", ":0/", ":65536", "/healthz", ":80/a b", ":80/\r\nX: y", ""])
def test_no_place(text: str) -> None:
    with pytest.raises(ValueError, match=r"such as :8080/healthz$|not a port"):
        parse_where(text)


@pytest.mark.parametrize("value", [0, 99, 600, "399-200", "2xx", "200-"])
def test_no_status(value: int | str) -> None:
    with pytest.raises(ValueError, match="is not a status such as 200, or a range such as 200-399"):
        parse_status(value)
