"""Phrases the reports share."""

import pytest

from deployer.model.operations import CreateNetwork, StartContainer
from deployer.model.plan import Step
from deployer.reporting.words import by_number, doing, done, host_list, plural, seconds, size, subject
from tests.reporting import samples


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], ""),
        (["web1"], "web1"),
        (["web1", "web2"], "web1, web2"),
        (["web1", "web2", "web3"], "web[1:3]"),
        (["web08", "web09", "web10", "db"], "web[08:10], db"),
        (["web8", "web9", "web10"], "web[8:10]"),
        (["web1", "web3", "web4"], "web1, web3, web4"),
        (["web1.example.com", "web2.example.com", "web3.example.com"], "web[1:3].example.com"),
        (["web01", "web2", "web03"], "web01, web2, web03"),
        (["10.0.0.1", "10.0.0.2", "10.0.0.3"], "10.0.0.1, 10.0.0.2, 10.0.0.3"),
        (["a", "b", "c"], "a, b, c"),
    ],
)
def test_lists_of_hosts(names: list[str], expected: str) -> None:
    assert host_list(names) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(0.04, "0.0s"), (0.34, "0.3s"), (9.96, "10s"), (59.4, "59s"), (125, "2m05s")]
)
def test_durations(value: float, expected: str) -> None:
    assert seconds(value) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (38_400_000, "38 MB"), (1_500_000_000_000, "1.5 TB")],
)
def test_sizes(count: int, expected: str) -> None:
    assert size(count) == expected


def test_plurals() -> None:
    assert [plural(number, "host") for number in (0, 1, 2)] == ["0 hosts", "1 host", "2 hosts"]


def test_what_each_step_of_a_replacement_does() -> None:
    assert [f"{subject(step)}: {doing(step)}; {done(step)}" for step in samples.shop_steps()] == [
        "image shop/web:1.4.2: pulling; pulled",
        "network front: creating; created",
        "container db: updating; updated",
        "container web: new container: creating; new container: created",
        "container web: old container: stopping; old container: stopped",
        "container web: new container: renaming to web; new container: renamed to web",
        "container web: new container: starting; new container: started",
        "container web: new container: waiting until healthy; new container: healthy",
        "container web: old container: removing; old container: removed",
    ]


def test_outside_a_replacement_there_is_one_container() -> None:
    start = Step(1, StartContainer(samples.OLD_ID), samples.container("web"), "is exited")
    create = Step(2, CreateNetwork("front", {}), samples.network("front"), "missing")
    assert [done(step) for step in (start, create)] == ["started", "created"]


def test_hosts_are_sorted_by_their_numbers() -> None:
    names = ["web10", "web2", "db", "10.0.0.12", "10.0.0.9", "web02", "web"]
    assert sorted(names, key=by_number) == ["10.0.0.9", "10.0.0.12", "db", "web", "web02", "web2", "web10"]
