"""Other spellings of what an engine has are no change, and what differs is one: see `neighbours`."""

from __future__ import annotations

import json

import pytest

from tests.contract.neighbours import NEIGHBOURS, Neighbour
from tests.contract.test_verdicts import differences
from tests.contract.worlds import SLEEP, World


@pytest.mark.parametrize("neighbour", NEIGHBOURS, ids=[each.name for each in NEIGHBOURS])
def test_every_spelling_gets_its_verdict(world: World, neighbour: Neighbour) -> None:
    if world.version < (neighbour.since,):
        pytest.skip("the engine does not know it")
    world.volumes.append("eng-vw")
    own = {} if neighbour.image != "busybox:1" else {"Cmd": SLEEP}
    key = world.create("n", {"Image": neighbour.image, **own, **neighbour.config, "HostConfig": dict(neighbour.host)})
    kept = {"command": own["Cmd"]} if own and "Cmd" not in neighbour.config else {}
    wrong = []
    for declared in neighbour.same:
        if found := differences(world, key, kept | dict(declared)):
            wrong.append(f"{json.dumps(declared)} is the same: {found}")
    for declared in neighbour.other:
        if not differences(world, key, kept | dict(declared)):
            wrong.append(f"{json.dumps(declared)} is something else")
    assert wrong == []
