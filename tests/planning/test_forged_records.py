"""Records with values of wrong types, at every depth: they count as unknown, are named, and end no plan."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from deployer.fields.container import CONTAINER
from deployer.fields.network import NETWORK
from deployer.fields.table import Table
from deployer.fields.volume import VOLUME
from deployer.model import ownership
from deployer.model.desired import Desired
from deployer.model.history import read_records
from deployer.model.observed import Observed, Ownership, RecordedRun
from deployer.planning import rollback_to
from deployer.planning.drift import find_drift
from deployer.planning.policy import Policy
from deployer.planning.reconcile import destroy, reconcile
from tests.planning.build import applied, nothing, play
from tests.planning.test_rounds import IMPOSSIBLE, wish

ROWS = [row for row in CONTAINER.fields if row.name not in IMPOSSIBLE]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
KEYS = st.text(max_size=5) | st.just("$secret")
FORGED = st.recursive(
    SCALARS, lambda part: st.lists(part, max_size=2) | st.dictionaries(KEYS, part, max_size=2), max_leaves=4
)
SPEC = ownership.SPEC
POOL = {"subnet": "10.9.0.0/24", "ip_range": "10.9.0.0/25", "gateway": "10.9.0.1", "aux_addresses": {"a": "10.9.0.2"}}
FULL = {"ipam": {"driver": "default", "config": [POOL], "options": {"a": "b"}}}


@cache
def of_row(name: str) -> tuple[Observed, tuple[Desired, ...]]:
    """A host with the field as its example says, and plays with the example, the other value and none."""
    row = CONTAINER.row(name)
    plays = tuple(play(wish(row, written)) for written in (row.example, row.other, None))
    return applied(plays[0]), plays


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from places(part, (*path, key))


def replaced(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    made = {**tree} if isinstance(tree, Mapping) else [*tree]
    made[path[0]] = replaced(made[path[0]], path[1:], value)
    return made


def labels(spec: Any) -> dict[str, str]:
    return {"deployer.project": "shop", "deployer.resource": "container.web", SPEC: spec}


def owned(host: Observed, owner: Ownership) -> Observed:
    return replace(host, containers=tuple(replace(c, owner=owner) if c.name == "web" else c for c in host.containers))


@settings(max_examples=100)
@given(st.data())
def test_no_record_ends_a_plan(data: st.DataObject) -> None:
    host, plays = of_row(data.draw(st.sampled_from([row.name for row in ROWS])))
    web = host.container("web")
    assert web is not None
    honest = json.loads(json.dumps(dict(web.owner.recorded)))
    fields = replaced(honest, data.draw(st.sampled_from([*places(honest)])), data.draw(FORGED))
    spec = json.dumps({"format": 1, "fields": fields})
    seen = owned(host, ownership.read(labels(spec), "web"))
    before = json.dumps([{"name": "web", "action": "-/+", "fields": fields}])
    volumes = [
        {"Name": f"deployer.history.shop.{number}", "Labels": {"deployer.history.before": text}}
        for number, text in ((1, "[]"), (2, before))
    ]
    runs = {"shop": tuple(RecordedRun(each.number, each.before) for each in read_records(volumes))}
    for desired in plays:
        reconcile(desired, seen, Policy(prune=True))
        find_drift(desired, seen)
        destroy(desired, seen, Policy())
        rollback_to.roll_back_to(desired, replace(seen, runs=runs), Policy(), frozenset({"web"}), 1)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_what_deployer_records_can_be_read(row: Any) -> None:
    for written in (row.example, row.other):
        web = applied(play(wish(row, written))).container("web")
        assert web is not None
        assert web.owner.damaged == ()


@pytest.mark.parametrize(("kind", "table"), [("networks", NETWORK), ("volumes", VOLUME)])
def test_what_deployer_records_of_networks_and_volumes_can_be_read(kind: str, table: Table) -> None:
    for row in table.fields:
        for written in (row.example, row.other, FULL.get(row.name, row.other)):
            host = applied(str(yaml.safe_dump({kind: {"own": {row.name: written}}})))
            owners = [*(each.owner for each in host.networks), *(each.owner for each in host.volumes)]
            (own,) = (owner for owner in owners if owner.resource.endswith(".own"))
            assert row.name in own.recorded
            assert own.damaged == ()


@pytest.mark.parametrize(
    ("spec", "where"),
    [
        (
            '{"format":1,"fields":{"image":7,"tty":true,"command":[1],"volumes":{"/d":3}}}',
            "deployer.spec cannot be read: image, command, volumes",
        ),
        ("[[", "deployer.spec cannot be read"),
        ('{"format":1,"fields":[]}', "deployer.spec cannot be read"),
    ],
)  # fmt: skip
def test_the_plan_names_what_cannot_be_read(spec: str, where: str) -> None:
    text = "containers: {web: {image: web:1, tty: true}}"
    host = owned(applied(text), ownership.read(labels(spec), "web"))
    found = reconcile(play(text), host, Policy())
    assert nothing(found)
    assert found.notes == (f"container.web: the label {where}; what it recorded counts as unknown",)


def test_records_of_other_formats_and_digests_are_not_damaged() -> None:
    later = '{"format":2,"fields":{"image":7}}'
    sealed = (
        '{"format":1,"fields":{"command":[{"$secret":"x"}],"tty":{"$secret":"x"},"environment":{"A":{"$secret":"x"}}}}'
    )
    assert [ownership.read(labels(spec), "web").damaged for spec in (later, sealed)] == [(), ()]
