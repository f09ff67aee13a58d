"""Plays over several hosts: in batches, in order, and what a failing host means for the others, as Ansible has it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.integration.support import SLEEP, Json, Ran, Site, fetch, ids, inspect, states
from tests.lab.host import Host

pytestmark = pytest.mark.lab

BROKEN = "{{ 'exit 1' if inventory_hostname == bad else 'sleep 100000' }}"


@pytest.fixture
def hosts(lab_hosts: tuple[Host, ...]) -> tuple[Host, ...]:
    return lab_hosts[:3]


@pytest.fixture
def site(hosts: tuple[Host, ...], tmp_path: Path) -> Site:
    for host in hosts:
        fetch(host, "busybox:1")
    return Site(tmp_path, *hosts)


def write(site: Site, bad: Host | None, version: int, **play: object) -> Site:
    """A replacement that fails on one host."""
    web: Json = {**SLEEP, "command": ["sh", "-c", BROKEN], "environment": {"VERSION": version}}
    bad_name = bad.name if bad else ""
    return site.write({"vars": {"bad": bad_name}, "containers": {"web": web}, **play})


def versions(hosts: tuple[Host, ...]) -> list[str]:
    """What runs on each host."""
    found = []
    for host in hosts:
        assert states(host) == {"web": "running"}
        found.append(next(v[8:] for v in inspect(host, "web")["Config"]["Env"] if v.startswith("VERSION=")))
    return found


def worked_on(ran: Ran) -> set[str]:
    return {found["host"] for found in ran.summary["hosts"] if found["counts"]["changed"] or found["exit_code"]}


@pytest.mark.alone
def test_hosts_are_worked_on_side_by_side(site: Site, hosts: tuple[Host, ...]) -> None:
    slow = {**SLEEP, "update": {"monitor": "2s"}}
    site.write({"containers": {"web": slow}}).converge()
    site.write({"containers": {"web": {**slow, "environment": {"A": "1"}}}})
    began = time.monotonic()
    assert site.apply().code == 0
    assert time.monotonic() - began < 5


def test_a_failing_host_stops_neither_its_neighbours_nor_the_play(site: Site, hosts: tuple[Host, ...]) -> None:
    write(site, None, 1).converge()
    failed = write(site, hosts[1], 2).apply()
    assert failed.code == 3
    assert versions(hosts) == ["2", "1", "2"]
    assert failed.exit_codes == {hosts[0].name: 0, hosts[1].name: 3, hosts[2].name: 0}


def test_serial_continues_after_a_batch_in_which_one_failed(site: Site, hosts: tuple[Host, ...]) -> None:
    write(site, None, 1).converge()
    assert write(site, hosts[0], 2, serial=2).apply().code == 3
    assert versions(hosts) == ["1", "2", "2"]


def test_serial_ends_with_a_batch_in_which_all_failed(site: Site, hosts: tuple[Host, ...]) -> None:
    write(site, None, 1).converge()
    assert write(site, hosts[1], 2, serial=1).apply().code == 3
    assert versions(hosts) == ["2", "1", "1"]
    write(site, None, 2, serial=1).converge()
    assert versions(hosts) == ["2", "2", "2"]


@pytest.mark.parametrize(("limit", "after"), [(0, ["1", "2", "1"]), (50, ["1", "2", "2"])])
def test_max_fail_percentage(site: Site, hosts: tuple[Host, ...], limit: int, after: list[str]) -> None:
    write(site, None, 1).converge()
    assert write(site, hosts[0], 2, serial=2, max_fail_percentage=limit).apply().code == 3
    assert versions(hosts) == after


def test_serial_of_parts(site: Site, hosts: tuple[Host, ...]) -> None:
    write(site, None, 1, serial=[1, "100%"])
    planned = site.plan()
    names = [host.name for host in hosts]
    assert planned.plan["plays"][0]["batches"] == [names[:1], names[1:]]
    site.converge()


def test_a_host_that_failed_takes_no_part_in_later_plays(site: Site, hosts: tuple[Host, ...]) -> None:
    bad = hosts[2]
    broken = {**SLEEP, "image": "{{ 'deployer/nosuch:1' if inventory_hostname == bad else 'busybox:1' }}"}
    later = {"project": "later", "containers": {"db": SLEEP}}
    site.write({"vars": {"bad": bad.name}, "containers": {"web": broken}}, later)
    assert site.apply().code == 3
    assert [set(states(host)) for host in hosts] == [{"web", "db"}, {"web", "db"}, set()]


def test_limit_leaves_the_others_alone_and_undisturbed(site: Site, hosts: tuple[Host, ...]) -> None:
    write(site, None, 1).converge()
    before = [ids(host) for host in hosts]
    write(site, None, 2).converge("--limit", hosts[0].name)
    assert [ids(host) for host in hosts][1:] == before[1:]
    assert versions(hosts) == ["2", "1", "1"]
    write(site, None, 2).converge("--limit", f"all:!{hosts[0].name}")
    assert versions(hosts) == ["2", "2", "2"]


def test_a_run_continues_with_failed_hosts(site: Site, hosts: tuple[Host, ...]) -> None:
    """As Ansible's retry files."""
    write(site, None, 1).converge()
    failed = write(site, hosts[1], 2)
    said = failed.program("apply", "--yes", *site.arguments)
    assert said.code == 3
    (retry,) = [word for word in said.err.split() if word.startswith("@")]
    write(site, None, 2)
    assert site.apply("--limit", retry).code == 0
    assert versions(hosts) == ["2", "2", "2"]


def test_each_host_has_its_own_variables(site: Site, hosts: tuple[Host, ...]) -> None:
    site.write_inventory({host.name: {"version": f"v{n}"} for n, host in enumerate(hosts)})
    site.write({"containers": {"web": {**SLEEP, "environment": {"VERSION": "{{ version }}-{{ inventory_hostname }}"}}}})
    site.converge()
    assert versions(hosts) == [f"v{n}-{host.name}" for n, host in enumerate(hosts)]
