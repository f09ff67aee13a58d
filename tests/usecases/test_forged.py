"""Forged labels, records and answers of an engine: whatever one host says, at most this host is lost.

Everything that is read of a host is replaced, a place at a time, by values of other types, by texts that are made to
confuse and by what is too deep or too large.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from random import Random
from typing import Any, cast

import pytest
from msgspec.structs import replace

from deployer.engine.observe import needs_of, observe
from deployer.exporting.playbook import host_playbook
from deployer.interfaces import Engine
from deployer.model import locks, volume_names
from deployer.model.drift import DriftReport, HostDrift
from deployer.model.history import Record, read_records
from deployer.model.observed import Observed
from deployer.model.plan import Before, Counts, HostPlan, Plan, PlayPlan, Unreachable
from deployer.planning import rollback
from deployer.planning.drift import find_drift
from deployer.planning.policy import Policy
from deployer.planning.reconcile import destroy, reconcile
from deployer.reporting.drift import drift_text
from deployer.reporting.human import plan_text
from deployer.reporting.json_plan import plan_document
from deployer.reporting.lines import render
from deployer.usecases.fleet import guarded
from deployer.usecases.inspect_hosts import read_rows
from deployer.usecases.observe_whole import observe_whole
from deployer.usecases.rollback import SUFFIXES
from tests.planning.build import HOST, play
from tests.planning.hosts import Host

TEXT = """
networks: {front: {}, back: {internal: true}}
volumes: {data: {}}
images: {'tool:1': {}}
jobs: {migrate: {image: 'db:1', command: 'true'}}
containers:
  db: {image: 'db:1', networks: {back: {aliases: [one]}}, volumes: ['data:/data', /cache], environment: {A: b}}
  web: {image: 'web:1', networks: [front, back], ports: ['8080:80', '53:53/udp'], mem_limit: 64m, depends_on: [db]}
  side: {image: 'side:1', network_mode: 'container:web', restart: always, healthcheck: {test: [CMD, 'true']}}
"""
DEEP: Any = [[]]
for _ in range(400):
    DEEP = {"a": DEEP} if isinstance(DEEP, list) else [DEEP]
ODD: tuple[Any, ...] = (
    None,
    "",
    "\x1b[2J\n\u202e",
    "a" * 5000,
    "-1:x/y",
    0,
    -1,
    10**30,
    1.5,
    True,
    [],
    {},
    [None],
    [[]],
    {"": None},
    DEEP,
)
FORGED = (
    "[" * 5000,
    json.dumps({"format": 1, "fields": {"a": DEEP}}),
    '{"format":1,"fields":{"image":7,"networks":[1],"ports":{"a":1},"volumes":"x","environment":[[]],"restart":{}}}',
    '{"format":1,"fields":{"networks":{"front":7},"volumes":{"/data":null},"mem_limit":{},"healthcheck":"x"}}',
    '{"format":"1","fields":null}',
    '{"format":1,"fields":[1]}',
    "\x00",
    '{"create":1e400}',
    '["-/+ container.web\\n", 7, null]',
    "NaN",
)


class Answers:
    """An engine that answers from a table, each answer a copy."""

    def __init__(self, table: Table, engine: Engine) -> None:
        self.table = table
        self._engine = engine

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name == "describe":
            return self._engine.describe
        return lambda *args, **_: self.table.get((name, str(args[0]) if args else ""))


Table = dict[tuple[str, str], Any]


@cache
def host() -> tuple[Engine, Table]:
    """A host with everything on it, and all its answers."""
    made = Host()
    made.converge(TEXT.replace("web:1", "web:0"))
    made.converge(TEXT)
    engine = made.engine
    record = Record("shop", "2026-01-01T00:00:00Z", "me", "apply", "", "ok", "1", Counts(), ("-/+ container.web",), 1)
    engine.create_volume({"Name": volume_names.record("shop", 1), "Labels": record.labels})
    begun = replace(record, result="started", before=(Before("web", "-/+", "0123456789ab", fields={"tty": True}),))
    engine.create_volume({"Name": volume_names.record("shop", 2, started=True), "Labels": begun.labels})
    for found in engine.list_containers():
        engine.create_volume({"Name": volume_names.spec(found["Id"], 1), "Labels": found["Labels"]})
    claim = locks.Claim("shop", "token", "me", "now", "apply")
    engine.create_volume({"Name": locks.volume_name("shop", 1), "Labels": claim.labels})
    table: Table = {("info", ""): engine.info()}
    for kind in ("containers", "networks", "volumes", "images"):
        table[f"list_{kind}", ""] = getattr(engine, f"list_{kind}")()
    for found in table["list_containers", ""]:
        table["inspect_container", found["Id"]] = engine.inspect_container(found["Id"])
    references = [*needs_of([play(TEXT)], lambda _: None).images, *(each["Id"] for each in table["list_images", ""])]
    table |= {("inspect_image", reference): engine.inspect_image(reference) for reference in references}
    return engine, table


def honest() -> Engine:
    engine, table = host()
    return cast("Engine", Answers(table, engine))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a tree."""
    yield path
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from places(part, (*path, key))


@cache
def everywhere() -> tuple[tuple[tuple[str, str], tuple[Any, ...]], ...]:
    return tuple((key, place) for key, value in host()[1].items() for place in places(value))


def forged(seed: int) -> Engine:
    """The host with one to three places of its answers replaced."""
    engine, honest_table = host()
    random, table = Random(seed), dict(honest_table)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        key, place = random.choice(everywhere())
        is_label = bool(place) and str(place[-1]).startswith("deployer.")
        value = random.choice(FORGED if is_label and random.random() < 0.8 else ODD)
        table[key] = replaced(table[key], place, value)
    return cast("Engine", Answers(table, engine))


def replaced(tree: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy of a tree with another value at a place, if the place is still there."""
    if not path:
        return value
    try:
        made = {**tree} if isinstance(tree, Mapping) else [*tree]
        made[path[0]] = replaced(made[path[0]], path[1:], value)
    except (TypeError, KeyError, IndexError):
        return tree
    return made


WISH = play(TEXT.replace("web:1", "web:2").replace("64m", "32m"))


def look(engine: Engine, **needs: Any) -> Observed:
    return observe(engine, HOST, replace(needs_of([WISH], lambda _reference: None, SUFFIXES), **needs), width=1)


def planned(engine: Engine, **policy: Any) -> HostPlan:
    return reconcile(WISH, look(engine), Policy(**policy))


def rolled_back(engine: Engine) -> HostPlan:
    return rollback.roll_back(WISH, look(engine, history=True), Policy(), frozenset())


def imported(engine: Engine) -> str:
    return host_playbook(observe_whole(engine, HOST), engine.info(), (), project="shop").text


def noted(engine: Engine) -> object:
    volumes = engine.list_volumes()
    view = locks.View(locks.read_entries(volumes), locks.host_time("2026-01-01T00:00:00Z"))
    return [*read_records(volumes), locks.decide("other", view)]


USES: dict[str, tuple[int, Callable[[Engine], Any]]] = {
    "plan": (300, planned),
    "prune": (100, lambda engine: planned(engine, prune=True, adopt=True)),
    "destroy": (150, lambda engine: destroy(WISH, look(engine), Policy())),
    "drift": (200, lambda engine: find_drift(WISH, look(engine))),
    "rollback": (200, rolled_back),
    "import": (30, imported),
    "ps": (500, lambda engine: [str(row) for row in read_rows(HOST, engine, "")]),
    "notes": (1000, noted),
}
"""How many examples are tried of each."""


def show(found: Any) -> str:
    """As reports do, outside the boundary of the host."""
    match found:
        case HostPlan():
            plan = Plan((PlayPlan("", "shop", (found,), ((HOST,),)),))
            json.dumps(plan_document(plan))
            return render(plan_text(plan, steps=True), colour=False)
        case HostDrift():
            return render(drift_text(DriftReport((found,))), colour=False)
        case Unreachable():
            return render(plan_text(Plan(unreachable=(found,))), colour=False)
        case _:
            return found if isinstance(found, str) else repr(found)


@pytest.mark.parametrize("use", USES)
def test_forged_answers_lose_at_most_their_host(use: str) -> None:
    examples, work = USES[use]
    assert not isinstance(guarded(HOST, lambda: work(honest())), Unreachable)
    lost = 0
    for seed in range(examples):
        found = guarded(HOST, partial(work, forged(seed)))
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", show(found))
        lost += isinstance(found, Unreachable)
    assert lost < examples * 2 / 3, "most of what is forged is no reason to lose the host"
