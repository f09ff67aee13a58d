"""Other spellings of what an engine has are no change, and what differs is one: see `neighbours`."""

from __future__ import annotations

import json

import pytest

from deployer.fields.container import CONTAINER
from deployer.interfaces import Json
from deployer.planning.context import version
from tests.contract.neighbours import NEIGHBOURS, Neighbour
from tests.contract.sandbox import SLEEP, Sandbox, each_engine_of_one_store
from tests.contract.test_verdicts import differences
from tests.fields.declare import declare

pytestmark = each_engine_of_one_store


def needs_newer(sandbox: Sandbox, written: Json) -> bool:
    """Whether a declaration is refused on the engine, which would drop what it does not know."""
    have = version(sandbox.engine.describe().api)
    values = declare(CONTAINER, written).values
    needs = (since for name, value in values.items() for _, since in CONTAINER.row(name).needs(value))
    return any(have < version(since) for since in needs)


@pytest.mark.parametrize("neighbour", NEIGHBOURS, ids=[each.name for each in NEIGHBOURS])
def test_every_spelling_gets_its_verdict(sandbox: Sandbox, neighbour: Neighbour) -> None:
    if sandbox.version < (neighbour.since,):
        assert all(needs_newer(sandbox, declared) for declared in neighbour.same)
        return
    sandbox.volumes.append("eng-vw")
    own = {} if neighbour.image != "busybox:1" else {"Cmd": SLEEP}
    key = sandbox.create("n", {"Image": neighbour.image, **own, **neighbour.config, "HostConfig": dict(neighbour.host)})
    kept = {"command": own["Cmd"]} if own and "Cmd" not in neighbour.config else {}
    wrong = []
    for declared in neighbour.same:
        if found := differences(sandbox, key, kept | dict(declared)):
            wrong.append(f"{json.dumps(declared)} is the same: {found}")
    for declared in neighbour.other:
        if not differences(sandbox, key, kept | dict(declared)):
            wrong.append(f"{json.dumps(declared)} is something else")
    assert wrong == []
