"""The JSON Schema of tables takes whatever the readers take, and finds wrong types and unknown keys."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from deployer.fields.container import CONTAINER
from deployer.fields.json_schema import definitions
from deployer.fields.table import Table
from deployer.model.kinds import KINDS
from tests.fields.declare import try_declare

TABLES = [declarable.table for declarable in KINDS.values()]
VECTORS = json.loads((Path(__file__).parents[1] / "contract" / "data" / "engine_vectors.json").read_text("utf-8"))
WRITTEN = [(row.name, value) for row in CONTAINER.fields for value in (row.example, row.other)]
NONSENSE: tuple[Any, ...] = (5, 1.5, True, "x y z", [[]], {"no such key": 1}, [{"no such key": 1}])


@cache
def validator(kind: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": definitions(TABLES)})


def errors_of(table: Table, written: Any) -> list[str]:
    """`path: keyword that failed`, deepest first where one schema has several."""
    found = validator(table.kind).iter_errors(written)
    return sorted(f"{'.'.join(map(str, error.absolute_path))}: {error.validator}" for error in found)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema({"$defs": definitions(TABLES)})


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.kind)
def test_examples_are_valid_under_every_spelling(table: Table) -> None:
    for row in table.fields:
        for name in (row.name, *row.aliases):
            for value in (row.example, row.other):
                assert errors_of(table, {name: value}) == []


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.kind)
def test_a_template_may_stand_for_every_value(table: Table) -> None:
    for name in table.spellings:
        assert errors_of(table, {name: "{{ anything }}"}) == []


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.kind)
def test_a_key_with_nothing_after_it_counts_as_not_written(table: Table) -> None:
    assert errors_of(table, dict.fromkeys(table.spellings)) == []
    assert errors_of(table, None) == []


def test_templates_may_stand_for_parts() -> None:
    written = {
        "environment": {"{{ name }}": "{{ value }}", "A": 1},
        "ports": ["{{ port }}:80", {"target": 80, "published": "{{ port }}"}],
        "healthcheck": {"retries": "{{ tries }}", "{{ key }}": "1s"},
        "tty": "{{ interactive | bool }}",
        "uts": "{{ 'host' }}",
    }
    assert errors_of(CONTAINER, written) == []


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ({"enviroment": {}}, [": additionalProperties"]),
        ({"tty": "yse"}, ["tty: pattern"]),
        ({"tty": "YES"}, []),
        ({"tty": 1}, ["tty: type"]),
        ({"privileged": [True]}, ["privileged: type"]),
        ({"cap_add": "NET_ADMIN"}, []),
        ({"cap_add": {}}, ["cap_add: type"]),
        ({"pid": "", "uts": "", "ports": "", "healthcheck": "", "mem_limit": ""}, []),
        ({"cap_add": [5]}, ["cap_add.0: type"]),
        ({"healthcheck": {"tset": "true"}}, ["healthcheck: additionalProperties"]),
        ({"healthcheck": {"retries": -1}}, ["healthcheck.retries: minimum"]),
        ({"networks": {"front": {"alias": ["a"]}}}, ["networks.front: additionalProperties"]),
        ({"ports": [{"published": 80}]}, ["ports.0: required"]),
        ({"volumes": [{"type": "bind", "source": "/a", "dst": "/b"}]}, []),
        ({"volumes": [{"type": "bind", "source": "/a"}]}, ["volumes.0: anyOf"]),
        ({"volumes": [{"type": "bnid", "target": "/a"}]}, ["volumes.0.type: anyOf"]),
        ({"state": "running"}, ["state: anyOf"]),
        ({"log_driver": 5}, ["log_driver: type"]),
        ({"log_options": {"max-size": "1m", "max-file": 3}}, []),
        ({"env": {"A": []}}, ["env.A: type"]),
        ({"gpus": [{"count": "all"}, {"count": 2}]}, []),
        ({"gpus": [{"count": "some"}]}, ["gpus.0.count: anyOf"]),
    ],
    ids=str,
)
def test_errors_are_found_where_they_are(written: Any, found: list[str]) -> None:
    assert errors_of(CONTAINER, written) == found


@pytest.mark.parametrize("table", [each for each in TABLES if not each.fields_of], ids=lambda table: table.kind)
def test_whatever_the_readers_take_is_valid(table: Table) -> None:
    """Odd values for every key: what is read without an error has none by the schema either."""
    values = [*NONSENSE, *(value for _, value in WRITTEN)]
    for name in table.spellings:
        for value in values:
            _, problems = try_declare(table, {name: value})
            if not problems.errors:
                assert errors_of(table, {name: value}) == [], (name, value)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_declarations_of_the_recorded_cases_are_valid(vector: dict[str, Any]) -> None:
    for case in vector["cases"]:
        declared = case["declared"]
        if isinstance(declared, dict) and not try_declare(CONTAINER, declared)[1].errors:
            assert errors_of(CONTAINER, declared) == []
