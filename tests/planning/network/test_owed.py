"""Endpoints that a killed run took from containers to recreate a network."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from deployer.applying.history import start
from deployer.model.operations import ConnectNetwork
from deployer.model.plan import OwedEndpoint
from tests.model.test_history import RECORD
from tests.planning.build import applied, changes, nothing, plan, play, steps
from tests.planning.hosts import Host

FRONT = "networks: {front: {internal: INTERNAL}}\n"
WEB = "web: {image: 'web:1', networks: {front: {aliases: [www]}}}"
OLD = "old: {image: 'web:1', networks: {front: {aliases: [past]}}}"
BEFORE = FRONT.replace("INTERNAL", "false") + f"containers: {{{WEB}, {OLD}}}"
AFTER = FRONT.replace("INTERNAL", "true") + f"containers: {{{WEB}}}"


@pytest.mark.parametrize("done", range(1, 6))
def test_every_container_gets_its_endpoint_back_at_the_next_run(done: int) -> None:
    host = Host()
    host.converge(BEFORE)
    found = host.plan(AFTER)
    assert {(owed.network, len(owed.container)) for owed in found.endpoints} == {("front", 64)}
    begun = replace(RECORD, result="started", endpoints=found.endpoints)
    start(host.engine, begun, None)
    host.execute(replace(found, steps=found.steps[:done]))
    host.converge(AFTER)
    for name, alias in (("web", "www"), ("old", "past")):
        inspected = host.engine.inspect_container(name)
        assert inspected is not None
        assert alias in inspected["NetworkSettings"]["Networks"]["front"]["Aliases"]


def test_what_was_given_back_and_what_is_gone_is_nothing_to_do() -> None:
    host = applied(BEFORE)
    owed = {"shop": (OwedEndpoint("old-1", "front", {}), OwedEndpoint("gone-1", "front", {}))}
    assert nothing(plan(BEFORE, replace(host, owed=owed)))
    assert nothing(plan(AFTER.replace("true", "false"), replace(host, owed=owed)))


def off(network: str = "front") -> OwedEndpoint:
    return OwedEndpoint("old-1", network, {"Aliases": ["past"]})


def test_the_step_is_planned_and_owed_until_it_is_done() -> None:
    wish = AFTER.replace("true", "false")
    host = applied(BEFORE)
    away = tuple(replace(found, attached={}) if found.name == "old" else found for found in host.containers)
    found = plan(wish, replace(host, containers=away, owed={"shop": (off(),)}))
    assert changes(found) == ["~ container.old (connected to front again, left by an interrupted run)"]
    assert steps(found) == ["#1 container.old, ConnectNetwork front old-1, left by an interrupted run"]
    operation = found.steps[0].operation
    assert isinstance(operation, ConnectNetwork)
    assert operation.endpoint == {"Aliases": ["past"]}
    assert found.endpoints == (off(),)
    assert nothing(plan(wish, replace(host, containers=away, owed={"blog": (off(),)})))
    assert steps(plan(BEFORE, replace(host, owed={"shop": (off(),)}))) == []
    lost = plan(wish, replace(host, containers=away, owed={"shop": (off("back"),)}))
    assert (lost.steps, lost.endpoints) == ((), (off("back"),))
    assert lost.notes == ("old was disconnected from network back, which no longer exists",)


def test_a_container_of_another_play_or_one_that_is_selected_is_planned_as_declared() -> None:
    host = applied(BEFORE)
    away = tuple(replace(found, attached={}) for found in host.containers)
    owed = {"shop": (OwedEndpoint("web-1", "front", {}),)}
    found = plan(BEFORE, replace(host, containers=away, owed=owed))
    assert "left by an interrupted run" not in str(found)
    unselected = play(BEFORE.replace("web: {", "web: {tags: x, "), tags=("y",))
    assert "ConnectNetwork front web-1" in str(plan(unselected, replace(host, containers=away, owed=owed)))
