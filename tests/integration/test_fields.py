"""Every container field on both engines: applying it converges, changing it shows just that field, dropping it from the
playbook takes it back. The table's rows give the values; see `field_rounds`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deployer import nodes
from deployer.diagnostics import Origin, Problems
from deployer.fields.container import CONTAINER
from deployer.fields.field import Field, View, default_of
from deployer.fields.reading import Reading
from deployer.planning.context import version
from tests.integration.field_rounds import (
    CHANGED_IN_PLACE,
    DROPPED_IN_PLACE,
    IMPOSSIBLE,
    ROUNDS,
    Round,
    container_of,
    rows,
    run_rounds,
)
from tests.lab.fixtures import of_kind, reserved
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.settings import DOCKER_20, DOCKER_26, DOCKER_28

pytestmark = pytest.mark.lab

DISCARDED = {"blkio_config"}
"""What the kernel here cannot do, so that the engine drops it with a warning and there is nothing to take back."""

ALSO = {("network_mode", "undeclared"): {"networks"}}
"""What changes with the field."""


ENGINES = (DOCKER_20, DOCKER_26, DOCKER_28)


@pytest.fixture(scope="module", params=ENGINES, ids=[kind.group for kind in ENGINES])
def engine(
    request: pytest.FixtureRequest, lab: Lab, repaired: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rounds]:
    """The three rounds on one engine, done once for all fields."""
    host = of_kind(lab, request.param)
    with reserved((host,), repaired, "fields"):
        yield Rounds(host, run_rounds(tmp_path_factory.mktemp("fields"), host))


class Rounds:
    def __init__(self, host: Host, rounds: dict[str, Round]) -> None:
        self.host = host
        self.fields = {row.name for row in rows(host.api_version)}
        self._rounds = rounds

    def __getitem__(self, name: str) -> Round:
        return self._rounds[name]

    def address(self, field: str) -> str:
        return f"{self.host.name}/container.{container_of(field)}"

    def shown(self, round_name: str) -> dict[str, set[str]]:
        """The fields that the round's plan shows of each container."""
        found: dict[str, set[str]] = {}
        for text in self[round_name].planned.changes:
            address, _, paths = text.split(" ", 2)
            found[address] = {path.split(".")[0] for path in paths.split(", ")}
        return found

    def shows(self, round_name: str, field: str) -> bool:
        return field in self.shown(round_name).get(self.address(field), set())

    def effects(self, round_name: str, field: str) -> set[str]:
        change = self[round_name].planned.change(self.address(field))
        return {found["effect"] for found in change["fields"] if found["path"][0] == field}

    def gives(self, row: Field, value: object) -> bool:
        """Whether a new container has this value anyway."""
        view = View({}, {}, info=self.host.api("GET", "/info"))
        return bool(default_of(row, view) == canonical(row, value))

    def kept(self, field: str, before: str, after: str) -> bool:
        """Whether the container has the same id in two rounds."""
        name = container_of(field)
        return self[before].ids[name] == self[after].ids[name]


def canonical(row: Field, value: object) -> object:
    node = nodes.from_plain(value, Origin("example"))
    return row.shape.read(node, Reading(Problems(), row.name))


def changes(row: Field, round_name: str) -> bool:
    """Whether the round gives the field another value: some rows' `other` is the default, or the example again."""
    example, other = canonical(row, row.example), canonical(row, row.other)
    return example != other if round_name == "other" else other != row.zero and row.name not in DISCARDED


FIELDS = [row for row in CONTAINER.fields if row.name not in IMPOSSIBLE]
each_field = pytest.mark.parametrize("row", FIELDS, ids=[row.name for row in FIELDS])


@pytest.mark.parametrize("round_name", ROUNDS)
def test_applying_all_fields_succeeds_and_leaves_nothing_to_do(engine: Rounds, round_name: str) -> None:
    done = engine[round_name]
    assert done.applied.errors == []
    assert (done.applied.code, done.applied.remaining, done.applied.err) == (0, [], "")
    assert (done.after.code, done.after.changes) == (0, [])


def is_newer(host: Host, row: Field) -> bool:
    """Whether the engine does not know it; that it is refused there is tested elsewhere."""
    return bool(row.since) and version(host.api_version) < version(row.since)


@each_field
def test_changing_a_field_shows_that_field_and_how_it_is_changed(engine: Rounds, row: Field) -> None:
    if row.name not in engine.fields:
        assert is_newer(engine.host, row)
        return
    assert engine.shows("other", row.name) == changes(row, "other")
    if not changes(row, "other"):
        return
    expected = "reconnect" if row.name == "networks" else "update" if row.name in CHANGED_IN_PLACE else "replace"
    assert engine.effects("other", row.name) == {expected}
    assert engine.kept(row.name, "example", "other") == (expected != "replace")


@each_field
def test_dropping_a_field_takes_it_back(engine: Rounds, row: Field) -> None:
    if row.name not in engine.fields:
        assert is_newer(engine.host, row)
        return
    dropped = changes(row, "undeclared") and not engine.gives(row, row.other)
    assert engine.shows("undeclared", row.name) == dropped
    if dropped:
        kept = row.name in DROPPED_IN_PLACE or row.name == "networks"
        assert engine.kept(row.name, "other", "undeclared") == kept


@pytest.mark.parametrize("round_name", ["other", "undeclared"])
def test_nothing_else_is_shown(engine: Rounds, round_name: str) -> None:
    for address, fields in engine.shown(round_name).items():
        own = {name for name in engine.fields if engine.address(name) == address}
        also = {other for name in own for other in ALSO.get((name, round_name), ())}
        assert fields <= own | also, address
