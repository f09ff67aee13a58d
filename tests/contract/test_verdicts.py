"""The recorded verdicts on containers that an engine has really made: created, read back, compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from deployer.diagnostics import Origin
from deployer.engine.observe import read_container, read_image
from deployer.fields.container import CONTAINER
from deployer.fields.field import Change, View
from deployer.model.desired import Address, Kind, Resource
from deployer.model.settings import Settings
from deployer.planning.diff import Comparison, diff
from tests.contract.sandbox import Sandbox, each_engine_of_one_store
from tests.contract.test_vectors import VECTORS, made
from tests.fields.declare import declare
from tests.fields.test_vectors import recorded_of

pytestmark = each_engine_of_one_store

EFFECTS = {
    "update": {Change.UPDATE},
    "network_connect": {Change.RECONNECT},
}


@pytest.mark.parametrize("vector", VECTORS, ids=[f"{each['id']} {each['field']}" for each in VECTORS])
def test_every_declaration_gets_its_verdict(sandbox: Sandbox, vector: dict[str, Any]) -> None:
    key = made(sandbox, vector)
    wrong = []
    for case in vector["cases"]:
        kept = {"command": vector["create"]["Cmd"]} if "Cmd" in vector["create"] else {}
        found = differences(sandbox, key, kept | case["declared"], recorded_of(vector, case["declared"]))
        effects = {effect for _, effect in found}
        right = {
            "no_change": not effects,
            "recreate": Change.REPLACE in effects,
        }.get(case["verdict"], effects == EFFECTS.get(case["verdict"]))
        if not right:
            wrong.append(f"{json.dumps(case['declared'])} should be {case['verdict']}: {found}")
    assert wrong == []


def differences(
    sandbox: Sandbox, key: str, declared: dict[str, Any], recorded: Mapping[str, Any] | None = None
) -> list[tuple[str, Change]]:
    """What a live container and a declaration differ in, and what that takes."""
    live = read_container(sandbox.inspect(key))
    image = read_image(sandbox.engine.inspect_image(live.image_id) or {})
    values = declare(CONTAINER, declared).values
    listed = sandbox.engine.list_containers()
    ids = {str(name).lstrip("/"): str(entry["Id"]) for entry in listed for name in entry["Names"]}
    view = View(values, live.values, live.name, recorded or {}, image.values, ids)
    resource = Resource(Address("web1", Kind.CONTAINER, live.name), Origin("play.yml", 1, 1), Settings(), values)
    found = diff(Comparison(CONTAINER, resource, view, frozenset()))
    return [(f"{each.name}: {each.old} → {each.new}", each.effect) for each in found]
