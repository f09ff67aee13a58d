"""Saved plans on real hosts: exactly what was shown is done, and a host that changed since is left alone."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tests.integration.support import SLEEP, Ran, Site, fetch, ids, inspect, states, volumes
from tests.lab.host import Host

pytestmark = pytest.mark.lab


@pytest.fixture
def hosts(lab_hosts: tuple[Host, ...]) -> tuple[Host, ...]:
    return lab_hosts[:2]


@pytest.fixture
def site(hosts: tuple[Host, ...], tmp_path: Path) -> Site:
    for host in hosts:
        fetch(host, "busybox:1")
    return wish(Site(tmp_path, *hosts), 1)


def wish(site: Site, version: int) -> Site:
    web = {**SLEEP, "volumes": ["data:/data"], "environment": {"VERSION": version}}
    return site.write({"volumes": {"data": {}}, "containers": {"web": web, "db": SLEEP}})


def saved(site: Site) -> Path:
    """A plan in a file."""
    path = site.folder / "site.plan"
    assert site.run("plan", "-o", str(path), *site.arguments).code == 0
    return path


def apply(site: Site, plan: Path) -> Ran:
    return site.run("apply", "--json", "--yes", str(plan))


def version(host: Host) -> str:
    environment: list[str] = inspect(host, "web")["Config"]["Env"]
    return next(entry[8:] for entry in environment if entry.startswith("VERSION="))


def test_a_saved_plan_is_applied_as_shown(site: Site, hosts: tuple[Host, ...]) -> None:
    site.converge()
    plan = saved(wish(site, 2))
    assert stat.S_IMODE(plan.stat().st_mode) == 0o600
    assert apply(site, plan).code == 0
    assert [version(host) for host in hosts] == ["2", "2"]
    shown = site.run("show", str(plan))
    assert "environment.VERSION" in shown.out


def test_a_container_deleted_by_hand_makes_a_plan_stale_and_the_others_continue(
    site: Site, hosts: tuple[Host, ...]
) -> None:
    site.converge()
    plan = saved(wish(site, 2))
    hosts[0].docker("rm", "-f", "web")
    before = ids(hosts[0])
    stale = apply(site, plan)
    assert stale.code == 5
    assert stale.refusals == [f"{hosts[0].name}/container.web: changed since the plan was created: container.web"]
    assert ids(hosts[0]) == before
    assert version(hosts[1]) == "2"
    site.converge()
    assert [version(host) for host in hosts] == ["2", "2"]


def test_a_volume_deleted_by_hand_is_made_again(site: Site, hosts: tuple[Host, ...]) -> None:
    site.converge()
    plan = saved(wish(site, 2))
    for name in ("web", "web.previous"):
        hosts[0].docker("rm", "-f", name)
    hosts[0].docker("volume", "rm", "data")
    stale = apply(site, plan)
    assert (stale.code, version(hosts[1])) == (5, "2")
    assert "volume.data" in stale.refusals[0]
    assert "data" not in volumes(hosts[0])
    site.converge()
    assert "data" in volumes(hosts[0])
    assert states(hosts[0]) == {"web": "running", "db": "running"}


def test_a_plan_that_was_applied_is_stale(site: Site) -> None:
    site.converge()
    plan = saved(wish(site, 2))
    assert apply(site, plan).code == 0
    again = apply(site, plan)
    assert again.code == 5
    assert [found.partition(": ")[2] for found in again.refusals] == [
        "changed since the plan was created: container.web"
    ] * 2
