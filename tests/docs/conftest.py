"""Pages whose commands are run."""

import pytest

from deployer.usecases import system
from tests.program import NoWaiting


@pytest.fixture
def update(update_golden: bool) -> bool:
    """Whether pages are to be rewritten."""
    return update_golden


@pytest.fixture(autouse=True)
def no_waiting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """On simulated hosts."""
    if not request.node.get_closest_marker("lab"):
        monkeypatch.setattr(system, "SystemClock", NoWaiting)
