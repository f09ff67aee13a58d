"""Pages whose commands are run."""

import pytest


@pytest.fixture
def update(update_golden: bool) -> bool:
    """Whether pages are to be rewritten."""
    return update_golden
