"""The engine with injected failures fails where it should, and only there."""

from __future__ import annotations

import pytest

from deployer.errors import EngineError, UnreachableError
from deployer.simulated import SimulatedEngine
from tests.engine.faulty import Faults, connection_lost, with_faults


def test_the_nth_write_fails_and_the_others_do_not() -> None:
    faults = Faults(at=2)
    engine = with_faults(SimulatedEngine(), faults)
    engine.create_volume({"Name": "one"})
    with pytest.raises(EngineError, match="injected"):
        engine.create_volume({"Name": "two"})
    engine.create_volume({"Name": "three"})
    assert [volume["Name"] for volume in engine.list_volumes()] == ["one", "three"]
    assert faults.writes == ["create_volume"] * 3


def test_a_lost_answer_leaves_the_write_done() -> None:
    engine = with_faults(SimulatedEngine(), Faults(at=1, error=connection_lost(), done=True))
    with pytest.raises(UnreachableError):
        engine.create_volume({"Name": "one"})
    assert [volume["Name"] for volume in engine.list_volumes()] == ["one"]


def test_a_host_that_stays_away() -> None:
    simulated = SimulatedEngine()
    engine = with_faults(simulated, Faults(at=1, error=connection_lost(), for_ever=True))
    for name in ("one", "two"):
        with pytest.raises(UnreachableError):
            engine.create_volume({"Name": name})
    with pytest.raises(UnreachableError):
        engine.list_volumes()
    assert simulated.list_volumes() == []
