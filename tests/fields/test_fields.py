"""Every row of every table, from what a user writes to what an engine answers and back."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from deployer.diagnostics import Origin
from deployer.fields.field import Field, View
from deployer.fields.json_schema import schema_of
from deployer.fields.shapes import Entry
from deployer.fields.table import Table
from deployer.model.desired import Address, Kind, Resource
from deployer.model.kinds import KINDS
from deployer.model.settings import Settings
from deployer.planning.diff import Comparison, diff
from tests.fields.declare import declare, values_of
from tests.fields.engine_answers import body_of, inspect_of

ALL_TABLES = [declarable.table for declarable in KINDS.values()]
TABLES = [table for table in ALL_TABLES if not table.fields_of]
"""Those with fields of their own."""
ROWS = [pytest.param(table, row, id=f"{table.kind}-{row.name}") for table in TABLES for row in table.fields]
EXAMPLES = [
    pytest.param(table, row, written, id=f"{table.kind}-{row.name}-{which}")
    for table in TABLES
    for row in table.fields
    for which, written in (("example", row.example), ("other", row.other))
]
ENTRIES = [pytest.param(entry, id=f"{table.kind}-{entry.name}") for table in ALL_TABLES for entry in table.settings]
ONE_VALUE = {"container-uts", "container-userns_mode"}
"""Fields for which there is one value only."""
COMPANY = {"memswap_limit": {"mem_limit": "64m"}}
"""What a field is not valid without."""


def read(table: Table, row: Field, written: Any) -> Any:
    return declare(table, {row.name: written} | COMPANY.get(row.name, {})).values[row.name]


def live(table: Table, row: Field, value: Any) -> dict[str, Any]:
    return values_of(inspect_of(table, body_of(table, {row.name: value})), table)


def paths_that_differ(table: Table, row: Field, declared: Any, had: Any) -> list[tuple[str, ...]]:
    values = {row.name: declared}
    view = View(values, live(table, row, had), "it", {row.name: had})
    resource = Resource(Address("web1", Kind(table.kind), "it"), Origin("play.yml"), Settings(), values)
    return [found.path for found in diff(Comparison(table, resource, view, frozenset()))]


@pytest.mark.parametrize(("table", "row", "written"), EXAMPLES)
def test_its_examples_are_valid(table: Table, row: Field, written: Any) -> None:
    read(table, row, written)


@pytest.mark.parametrize(("table", "row", "written"), EXAMPLES)
def test_its_json_schema_takes_the_examples(table: Table, row: Field, written: Any) -> None:
    schema = schema_of(row.shape)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(written, schema, jsonschema.Draft202012Validator)


@pytest.mark.parametrize(("table", "row", "written"), EXAMPLES)
def test_sent_values_read_back(table: Table, row: Field, written: Any) -> None:
    value = read(table, row, written)
    added_by_the_engine = {"driver": "default"} if row.name == "ipam" else None
    sent = value | added_by_the_engine if added_by_the_engine else value
    assert row.same(sent, live(table, row, value)[row.name])


@pytest.mark.parametrize(("table", "row", "written"), EXAMPLES)
def test_sent_values_are_not_a_difference(table: Table, row: Field, written: Any) -> None:
    value = read(table, row, written)
    assert paths_that_differ(table, row, value, value) == []


@pytest.mark.parametrize(("table", "row"), [param for param in ROWS if param.id not in ONE_VALUE])
def test_its_two_examples_differ_in_nothing_but_itself(table: Table, row: Field) -> None:
    one, other = read(table, row, row.example), read(table, row, row.other)
    for declared, had in ((one, other), (other, one)):
        found = paths_that_differ(table, row, declared, had)
        assert {path[0] for path in found} == {row.name}


@pytest.mark.parametrize(("table", "row"), ROWS)
def test_undeclared_it_reads_as_its_zero(table: Table, row: Field) -> None:
    assert row.access.read({}) in (row.zero, {"bridge": {}} if row.name == "networks" else row.zero)
    view = View({}, values_of(inspect_of(table, body_of(table, {})), table), "it")
    resource = Resource(Address("web1", Kind(table.kind), "it"), Origin("play.yml"), Settings())
    found = diff(Comparison(table, resource, view, frozenset()))
    assert [path for each in found if (path := each.path)[0] == row.name] == []


@pytest.mark.parametrize(("table", "row"), ROWS)
def test_null_and_empty_read_as_nothing_declared(table: Table, row: Field) -> None:
    sent = inspect_of(table, body_of(table, {row.name: read(table, row, row.example)}))
    plain = inspect_of(table, body_of(table, {}))
    nothing: tuple[Any, ...] = (None, "", [], {})
    for empty in nothing:
        emptied = _emptied(sent, plain, empty, levels=2 if table.kind == "container" else 1)
        assert row.access.read(emptied) in (row.zero, row.access.read(plain))


def _emptied(sent: dict[str, Any], plain: dict[str, Any], empty: Any, *, levels: int) -> dict[str, Any]:
    """Every place in the answer that the value changed, emptied."""
    return {
        key: value
        if value == plain.get(key)
        else empty
        if levels == 1
        else _emptied(value, plain.get(key, {}), empty, levels=1)
        for key, value in sent.items()
    }


@pytest.mark.parametrize(("table", "row"), ROWS)
def test_odd_text_of_an_engine_does_not_stop_the_reading(table: Table, row: Field) -> None:
    sent = inspect_of(table, body_of(table, {row.name: read(table, row, row.example)}))
    plain = inspect_of(table, body_of(table, {}))
    row.access.read(_odd(sent, plain))


def _odd(sent: Any, plain: Any) -> Any:
    match sent:
        case _ if sent == plain:
            return sent
        case dict():
            before = plain if isinstance(plain, dict) else {}
            return {key: _odd(value, before.get(key)) for key, value in sent.items()}
        case list():
            return [_odd(item, None) for item in sent]
        case str():
            return "?? odd"
        case _:
            return sent


@pytest.mark.parametrize(("table", "row"), ROWS)
def test_it_is_documented(table: Table, row: Field) -> None:
    assert row.doc.endswith(".")
    assert row.example != row.other or f"{table.kind}-{row.name}" in ONE_VALUE


@pytest.mark.parametrize("entry", ENTRIES)
def test_settings_are_documented_and_have_a_schema(entry: Entry) -> None:
    assert entry.doc.endswith(".")
    jsonschema.Draft202012Validator.check_schema(schema_of(entry.shape))


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.kind)
def test_no_spelling_means_two_things(table: Table) -> None:
    words = [word for row in table.fields for word in (row.name, *row.aliases)]
    words += [word for entry in table.settings for word in (entry.name, *entry.aliases)]
    words += [*table.nested, *table.appended]
    assert sorted(words) == sorted(set(words))
    assert set(words) == set(table.spellings)


@pytest.mark.parametrize(
    ("table", "row"), [found for found in ROWS if isinstance(found.values[1], Field) and found.values[1].aliases]
)
def test_every_alias_reads_the_same(table: Table, row: Field) -> None:
    for alias in row.aliases:
        company = COMPANY.get(row.name, {})
        one, other = ({name: row.example} | company for name in (alias, row.name))
        assert declare(table, one).values == declare(table, other).values
