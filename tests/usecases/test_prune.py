"""Runs that remove what nothing declares any more, over several hosts: T8 of the lessons from other tools."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from deployer.applying.locking import Run
from deployer.errors import ExitCode
from deployer.model.outcome import Outcome
from tests.fleets import Fleet

ALL = ["h1", "h2", "h3", "h4", "h5"]
BOTH = """
- hosts: {hosts}
  project: shop
  networks: {{front: {{}}}}
  volumes: {{data: {{}}}}
  containers:
    web: {{image: "web:1", networks: [front]}}
    {other}: {{image: "db:1", volumes: ["data:/data"]}}
"""


@pytest.fixture
def site(fleet: Fleet) -> Fleet:
    """Five hosts on which both containers run."""
    fleet.run = Run("ann@laptop", "apply site.yml", lambda: datetime(2026, 1, 2, tzinfo=UTC))
    assert fleet.apply(play()).exit_code is ExitCode.OK
    return fleet


def play(hosts: str = "all", other: str = "db") -> str:
    return BOTH.format(hosts=hosts, other=other)


def images(fleet: Fleet, host: str) -> list[str]:
    return sorted(tag for entry in fleet.engines[host].list_images() for tag in entry["RepoTags"])


def changes(outcome: Outcome) -> list[str]:
    return sorted(f"{change.action} {change.address}" for change in outcome.plan.changes)


def test_a_renamed_service_goes_and_its_sibling_is_not_touched(site: Fleet) -> None:
    before = site.ids("web")
    outcome = site.apply(play(other="store"), prune=True)
    assert outcome.exit_code is ExitCode.OK
    assert changes(outcome) == sorted(
        text for host in ALL for text in (f"+ {host}/container.store", f"- {host}/container.db")
    )
    assert (site.containers(), site.ids("web")) == ({host: ["store", "web"] for host in ALL}, before)
    assert images(site, "h1") == ["db:1", "web:1"]


def test_a_limit_makes_nothing_look_undeclared(site: Fleet) -> None:
    outcome = site.apply(play(), prune=True, limit="h1")
    assert (changes(outcome), site.containers()) == ([], {host: ["db", "web"] for host in ALL})


def test_an_image_goes_with_the_service(site: Fleet) -> None:
    text = play().replace('    db: {image: "db:1", volumes: ["data:/data"]}\n', "")
    outcome = site.apply(text, prune=True, limit="h1")
    assert changes(outcome) == ["- h1/container.db", "- h1/image.db:1"]
    assert (images(site, "h1"), images(site, "h2")) == (["web:1"], ["db:1", "web:1"])
    with site.plan(text, prune=True, limit="h1") as planned:
        assert planned.plan.empty


def test_an_image_that_was_there_before_stays(fleet: Fleet) -> None:
    fleet.run = Run("ann@laptop", "apply site.yml", lambda: datetime(2026, 1, 2, tzinfo=UTC))
    fleet.engines["h1"].pull_image("docker.io/library/web:1", "", None, lambda _message: None)
    fleet.apply(play("h1,h2"))
    fleet.apply(play("h1,h2").replace("web:", "# web:").replace('db: {image: "db:1"', 'db: {image: "db:2"'), prune=True)
    fleet.apply(prune=True)
    assert [images(fleet, host) for host in ("h1", "h2")] == [["db:1", "db:2", "web:1"], ["db:1", "db:2"]]


def test_a_host_that_left_is_cleaned_when_it_is_named(site: Fleet) -> None:
    text = play("all:!h5")
    with site.plan(text, prune=True) as planned:
        assert planned.plan.empty
    outcome = site.apply(text, prune_hosts=("h5",))
    assert outcome.exit_code is ExitCode.OK
    assert changes(outcome) == [
        *(f"- h5/container.{name}" for name in ("db", "web")),
        *(f"- h5/image.{name}" for name in ("db:1", "web:1")),
        "- h5/network.front",
    ]
    (note,) = next(plan.notes for plan in outcome.plan.hosts if plan.host == "h5")
    assert note.startswith("volume.data: no longer declared, kept;")
    assert site.containers() == {host: ["db", "web"] for host in ALL[:4]}
    with site.plan(text, prune_hosts=("h5",)) as planned:
        assert planned.plan.empty


def test_a_host_that_left_keeps_resources_of_other_projects(site: Fleet) -> None:
    other = play("h5").replace("shop", "blog").replace("front", "back").replace("data", "more")
    other = other.replace("    web:", "    blog:").replace("    db:", "    posts:")
    outcome = site.apply(play("all:!h5") + other, prune_hosts=("h5",))
    assert [text for text in changes(outcome) if "image" in text] == []
    assert site.containers()["h5"] == ["blog", "posts"]
