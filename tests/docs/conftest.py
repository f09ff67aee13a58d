"""`--update-golden` writes into the pages what their commands print, instead of comparing."""

import contextlib

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    # tests/reporting has the same option; whichever folder is named first brings it.
    with contextlib.suppress(ValueError):
        parser.addoption("--update-golden", action="store_true", help="rewrite outputs shown in README.md and docs/")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    """Whether pages are to be rewritten."""
    return bool(request.config.getoption("--update-golden", default=False))
