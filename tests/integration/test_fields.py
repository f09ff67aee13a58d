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
from tests.integration.field_rounds import IMPOSSIBLE, ROUNDS, Round, container_of, rows, run_rounds
from tests.lab.fixtures import of_kind, reserved
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.settings import KINDS

pytestmark = pytest.mark.lab

CHANGED_IN_PLACE = {
    *("restart", "mem_limit", "memswap_limit", "mem_reservation", "cpus", "cpu_quota", "cpu_period", "cpu_shares"),
    *("cpuset", "cpu_rt_period", "cpu_rt_runtime", "pids_limit"),
}
"""What the engine can update (engine facts §2.1)."""

DROPPED_IN_PLACE = {"restart", "pids_limit", "memswap_limit"}
"""… and set back: 0 means "not given" for all others; swap goes back to twice the memory, which is no zero."""

DISCARDED = {"blkio_config"}
"""What the kernel here cannot do, so that the engine drops it with a warning and there is nothing to take back."""

ALSO = {("network_mode", "undeclared"): {"networks.bridge"}}
"""What changes with the field."""


@pytest.fixture(scope="module", params=KINDS, ids=[kind.group for kind in KINDS])
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

    def paths(self, ran_changes: list[str], field: str) -> set[str]:
        """Paths that a plan shows for the field's container."""
        prefix = self.address(field) + " "
        found = [text.removeprefix(prefix).partition(" ")[2] for text in ran_changes if text.startswith(prefix)]
        return {path for text in found for path in text.split(", ")}

    def effects(self, round_name: str, field: str) -> set[str]:
        return {found["effect"] for found in self[round_name].planned.change(self.address(field))["fields"]}

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
    shown = engine.paths(engine["other"].planned.changes, row.name)
    if not changes(row, "other"):
        assert shown == set()
        return
    assert {path.split(".")[0] for path in shown} == {row.name}
    expected = "reconnect" if row.name == "networks" else "update" if row.name in CHANGED_IN_PLACE else "replace"
    assert engine.effects("other", row.name) == {expected}
    assert engine.kept(row.name, "example", "other") == (expected != "replace")


@each_field
def test_dropping_a_field_takes_it_back(engine: Rounds, row: Field) -> None:
    if row.name not in engine.fields:
        assert is_newer(engine.host, row)
        return
    shown = engine.paths(engine["undeclared"].planned.changes, row.name)
    if not changes(row, "undeclared") or engine.gives(row, row.other):
        assert shown == set()
        return
    shown -= ALSO.get((row.name, "undeclared"), set())
    assert {path.split(".")[0] for path in shown} == {row.name}
    kept = row.name in DROPPED_IN_PLACE or row.name == "networks"
    assert engine.kept(row.name, "other", "undeclared") == kept
