"""Records written to a simulated host."""

from __future__ import annotations

import pytest

from deployer.applying.history import write
from deployer.engine.simulated import SimulatedEngine
from deployer.model.history import KEPT, numbers
from tests.model.test_history import RECORD


@pytest.fixture
def engine() -> SimulatedEngine:
    return SimulatedEngine()


def test_numbers_grow_and_the_oldest_go(engine: SimulatedEngine) -> None:
    for number in range(1, KEPT + 4):
        assert write(engine, RECORD, None) == number
    assert numbers(engine.list_volumes(), "shop") == list(range(4, KEPT + 4))


def test_what_is_known_is_not_asked_again(engine: SimulatedEngine) -> None:
    assert write(engine, RECORD, []) == 1


def test_a_number_that_another_took_meanwhile_is_passed_over(engine: SimulatedEngine) -> None:
    engine.create_volume({"Name": "deployer.history.shop.1", "Labels": {"deployer.history.who": "another"}})
    assert write(engine, RECORD, []) == 2
