"""Every field, from its table to a simulated engine and back: applied, changed, removed, and nothing left each time."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from deployer.fields.container import CONTAINER
from deployer.fields.field import Field
from deployer.simulated import SimulatedEngine
from tests.planning.hosts import Host

COMPANY: dict[str, dict[str, Any]] = {
    "memswap_limit": {"mem_limit": "64m"},
    "cpu_period": {"cpu_quota": 50000},
    "auto_remove": {"state": "created"},
}
"""What a field needs beside it."""
NEEDS: dict[str, dict[str, Any]] = {
    "networks": {"networks": {"front": {}, "back": {}}},
    "volumes": {"volumes": {"data": {}}},
    "volumes_from": {"containers": {"db": {"image": "db:1"}}},
    "links": {"containers": {"db": {"image": "db:1"}}},
    "pid": {"containers": {"db": {"image": "db:1"}}},
}
IMPOSSIBLE = {"storage_opt"}
"""Refused by engines whose storage is not made for it, simulated ones too."""
ENGINES = ("20.10", "26.1", "28.5")
ROWS = [
    pytest.param(row, engine, id=f"{row.name}-{engine}")
    for row in CONTAINER.fields
    for engine in ENGINES
    if row.name not in IMPOSSIBLE
]


def wish(row: Field, written: Any) -> str:
    """A play with one container, or with the field left out for None."""
    keys = {} if written is None else {row.name: written} | COMPANY.get(row.name, {})
    play: dict[str, Any] = {"containers": {}}
    for section, resources in NEEDS.get(row.name, {}).items():
        play[section] = {**play.get(section, {}), **resources}
    play["containers"]["web"] = {"image": "web:1", **keys}
    return str(yaml.safe_dump(play))


@pytest.mark.parametrize(("row", "version"), ROWS)
def test_a_field_is_applied_changed_and_removed(row: Field, version: str) -> None:
    host = Host(SimulatedEngine(version))
    if row.since and version == "20.10" and host.plan(wish(row, row.example)).refusals:
        return
    for written in (row.example, row.other, None, row.example):
        host.converge(wish(row, written))
        assert {name for name in host.containers if "deployer" in name} == set()
