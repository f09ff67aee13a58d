"""Records written to a simulated host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from deployer.applying.history import start, write
from deployer.model.history import KEPT, last_records, read_records
from deployer.model.operations import CreateVolume, Operation, PullImage, RemoveImage
from deployer.model.volume_names import numbers
from deployer.simulated import SimulatedEngine
from tests.applying.engines import surrounded
from tests.model.test_history import RECORD


@pytest.fixture
def engine() -> SimulatedEngine:
    return SimulatedEngine()


def test_numbers_grow_and_the_oldest_go(engine: SimulatedEngine) -> None:
    for number in range(1, KEPT + 4):
        assert write(engine, RECORD, None) == number
    assert numbers(engine.list_volumes(), "shop") == list(range(4, KEPT + 4))


def test_known_volumes_are_not_read_again(engine: SimulatedEngine) -> None:
    assert write(engine, RECORD, []) == 1


def test_a_number_that_another_took_meanwhile_is_passed_over(engine: SimulatedEngine) -> None:
    engine.create_volume({"Name": "deployer.history.shop.1", "Labels": {"deployer.history.who": "another"}})
    assert write(engine, RECORD, []) == 2


def test_the_start_of_a_run_is_replaced_by_its_end(engine: SimulatedEngine) -> None:
    begun = replace(RECORD, result="started")
    assert write(engine, RECORD, None) == 1
    assert start(engine, begun, None) == 2
    assert [found.result for found in read_records(engine.list_volumes())] == ["started", "ok"]
    assert write(engine, RECORD, None, started=2) == 2
    names = sorted(str(found["Name"]) for found in engine.list_volumes())
    assert names == ["deployer.history.shop.1", "deployer.history.shop.2"]
    assert start(engine, begun, None) == 3
    for number in range(4, KEPT + 4):
        assert write(engine, RECORD, None) == number
    assert numbers(engine.list_volumes(), "shop") == list(range(4, KEPT + 4))


ONE, TWO = "docker.io/library/one:1", "docker.io/library/two:1"


def pulled(engine: SimulatedEngine, *done: Operation) -> list[str]:
    """The names on record after a run that did this."""
    write(engine, RECORD, None, done)
    return [name for name, _ in last_records(engine.list_volumes())["shop"].pulled]


def test_pulled_images_stay_on_record_while_they_exist(engine: SimulatedEngine) -> None:
    for reference in (ONE, TWO, "docker.io/library/by-hand:1"):
        engine.pull_image(reference, "", None, lambda _message: None)
    assert pulled(engine) == []
    assert pulled(engine, PullImage(ONE)) == [ONE]
    assert pulled(engine) == [ONE]
    assert pulled(engine, PullImage(TWO)) == [ONE, TWO]
    engine.remove_image(ONE)
    assert pulled(engine) == [ONE, TWO]
    assert pulled(engine, RemoveImage(ONE)) == [TWO]


def test_it_stays_on_record_however_many_runs_follow(engine: SimulatedEngine) -> None:
    engine.pull_image(ONE, "", None, lambda _message: None)
    assert pulled(engine, PullImage(ONE)) == [ONE]
    for _ in range(KEPT + 5):
        assert pulled(engine) == [ONE]


def test_images_are_only_listed_after_a_run_that_changed_any(engine: SimulatedEngine) -> None:
    def refuse(name: str, _args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        assert name != "list_images"
        return call()

    write(surrounded(engine, refuse), RECORD, None, [CreateVolume("data", {})])
