"""Rows that are passed over without being compared say nothing when they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployer.config.yaml import load
from deployer.diagnostics import Problems
from deployer.fields.container import CONTAINER
from deployer.fields.field import Field, View
from deployer.fields.reading import Reading
from deployer.model.desired import Address, Kind, Resource
from deployer.model.kinds import KINDS
from deployer.model.settings import Settings
from deployer.planning.diff import Comparison, diff, differences, rows_to_compare
from tests.fields.declare import HERE

TABLES = {kind: found.table for kind, found in KINDS.items() if found.table.fields and not found.table.fields_of}
"""Those with fields of their own."""
Values = Mapping[str, Any]


def _possible(row: Field) -> list[Any]:
    """What somebody may declare of a row, and the engine report: nothing, and its two examples."""
    problems = Problems()
    written = [load(json.dumps(each), "play.yml", problems) for each in (row.example, row.other)]
    return [row.zero, *(row.shape.read(node, Reading(problems, row.name)) for node in written if node is not None)]


def _comparisons(kind: Kind) -> st.SearchStrategy[Comparison]:
    table = TABLES[kind]
    pairs = [(row.name, value) for row in table.fields for value in _possible(row)]
    few = st.lists(st.sampled_from(pairs), max_size=5).map(dict)
    resource = Resource(Address("h", kind, "it"), HERE, Settings())
    zeros = {row.name: row.zero for row in table.fields}

    def made(sides: tuple[Values, Values, Values, Values]) -> Comparison:
        declared, recorded, live, image = sides
        view = View(declared, {**zeros, **live}, "it", recorded, image, {"other": "0123"})
        return Comparison(table, resource, view, frozenset())

    return st.tuples(few, few, few, few if kind is Kind.CONTAINER else st.just({})).map(made)


COMPARISONS = {kind: _comparisons(kind) for kind in TABLES}


@pytest.mark.parametrize("kind", TABLES)
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_row_that_is_passed_over_does_not_differ(kind: Kind, data: st.DataObject) -> None:
    comparison = data.draw(COMPARISONS[kind])
    view, compared = comparison.view, {row.name for row in rows_to_compare(comparison)}
    for row in comparison.table.fields:
        if row.name not in compared:
            assert list(differences(row, row.expect(row, view), view.live[row.name])) == []


def test_undeclared_rows_are_skipped_only_when_unset() -> None:
    resource = Resource(Address("h", Kind.CONTAINER, "it"), HERE, Settings())
    live = {row.name: row.zero for row in CONTAINER.fields} | {"user": "1000", "networks": {}}
    comparison = Comparison(CONTAINER, resource, View({}, live, "it"), frozenset())
    assert [row.name for row in rows_to_compare(comparison)] == ["user", "networks"]
    assert [(found.name, found.old, found.new) for found in diff(comparison)] == [
        ("user", "1000", '""'),
        ("networks.bridge", "", "attached"),
    ]
