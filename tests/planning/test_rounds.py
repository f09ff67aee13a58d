"""Every field, from its table to a simulated engine and back: applied, changed, removed, and nothing left each time."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from deployer.errors import InputError
from deployer.fields.container import CONTAINER
from deployer.fields.field import Field
from deployer.simulated import SimulatedEngine
from tests.planning.build import play
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
    "configs": {"configs": {"app": {"content": "one"}, "db": {"content": "two"}}},
    "secrets": {"secrets": {"app": {"content": "one"}, "db": {"content": "two"}}},
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


MODES: dict[str, dict[str, Any]] = {
    "user networks": {"networks": {"front": {}, "back": {}}},
    "host": {"network_mode": "host"},
    "none": {"network_mode": "none"},
    "container": {"network_mode": "container:db"},
}
MACS: dict[str, Any] = {"front": {"mac_address": "02:42:ac:11:00:0a"}, "back": {"mac_address": "02:42:ac:11:00:0b"}}
DROPPED: dict[str, dict[str, Any]] = {
    **{
        row.name: {row.name: row.other if row.told else row.example}
        for row in CONTAINER.fields
        if row.name not in IMPOSSIBLE | {"network_mode"}
    },
    "first-mac": {"networks": {**MODES["user networks"]["networks"], "front": MACS["front"]}},
    "second-mac": {"networks": {**MODES["user networks"]["networks"], "back": MACS["back"]}},
}
WITHOUT_EFFECT = {"oom_kill_disable", "mem_swappiness"}
"""What the kernel of the simulated host does not support."""


def composed(mode: str, containers: dict[str, dict[str, Any]]) -> str:
    """A play with these containers under one network mode, by name."""
    used: dict[str, Any] = {"networks": {"front": {}, "back": {}}, "volumes": {"data": {}}}
    made = {name: {"image": "web:1"} | MODES[mode] | keys for name, keys in containers.items()}
    return str(yaml.safe_dump({**used, "containers": {"db": {"image": "db:1"}, **made}}))


def has_effect(mode: str, name: str, keys: dict[str, Any]) -> bool:
    """Whether it can be declared, and is not dropped when it is read."""
    try:
        found = play(composed(mode, {"web": keys})).container("web")
    except InputError:
        return False
    return found is not None and bool(found.values.get(name, True)) and name not in WITHOUT_EFFECT


@pytest.mark.parametrize(
    ("mode", "version"),
    [("user networks", "20.10"), ("user networks", "28.5"), ("host", "26.1"), ("none", "28.5"), ("container", "20.10")],
)
def test_whatever_is_no_longer_declared_is_seen_under_every_network_mode(mode: str, version: str) -> None:
    """One container for each field."""
    host = Host(SimulatedEngine(version))
    written = {
        f"{number:02}.{name}": (keys | COMPANY.get(name, {}), COMPANY.get(name, {}))
        for number, (name, keys) in enumerate(DROPPED.items())
        if has_effect(mode, name, keys | COMPANY.get(name, {}))
    }
    too_new = {
        found.address.name for found in host.plan(composed(mode, {n: k for n, (k, _) in written.items()})).refusals
    }
    kept = {name: both for name, both in written.items() if name not in too_new}
    host.converge(composed(mode, {name: keys for name, (keys, _) in kept.items()}))
    left = composed(mode, {name: keys for name, (_, keys) in kept.items()})
    assert {change.address.name for change in host.plan(left).changes} == set(kept)
    assert len(kept) > len(CONTAINER.fields) / 2
