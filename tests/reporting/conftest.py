"""Golden files."""

import pytest

from tests.reporting.golden import Golden


@pytest.fixture
def golden(update_golden: bool) -> Golden:
    return Golden(update=update_golden)
