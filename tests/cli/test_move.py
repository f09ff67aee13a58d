"""`deployer move`, on simulated hosts."""

from __future__ import annotations

import pytest

from tests.cli.runs import Ended, Shop

PLAYBOOK = """\
- hosts: {hosts}
  project: data
  volumes: {{db-data: {{}}}}
  containers:
    db: {{image: "example/db:1", volumes: ["db-data:/data"], {more}update: {{monitor: 0s}}}}
"""


@pytest.fixture
def site(shop: Shop) -> Shop:
    declare(shop, "web1")
    assert shop.run("apply", "-i", "hosts.yml", "data.yml", "--yes").code == 0
    return shop


def declare(site: Shop, hosts: str, more: str = "") -> None:
    site.write("data.yml", PLAYBOOK.format(hosts=hosts, more=more))


def move(site: Shop, *words: str) -> Ended:
    return site.run("move", "web1", "web2", "-i", "hosts.yml", "data.yml", *words)


def test_what_is_refused(site: Shop) -> None:
    early = move(site, "--yes")
    assert (early.code, "no container that these playbooks declare for web2" in early.err) == (5, True), early.err
    same = site.run("move", "web1", "web1", "-i", "hosts.yml", "data.yml", "--yes")
    assert (same.code, "source and target are the same host, web1" in same.err) == (5, True), same.err
    declare(site, "web")
    both = move(site, "--yes")
    assert (both.code, "db is declared for web1 too" in both.err) == (5, True), both.err
    declare(site, "web2")
    assert (move(site).code, move(site, "--yes", "--limit", "web1").code) == (5, 1)
    assert site.run("plan", "-i", "hosts.yml", "data.yml").words[-1].startswith("Plan: 3 to create")


def test_a_failure_changes_nothing(site: Shop) -> None:
    declare(site, "web2", 'labels: {sim.behaviour: "exit:1"}, ')
    failed = move(site, "--yes")
    assert (failed.code, "to continue" in failed.err) == (3, False)
    assert "web1  container db: running again" in failed.err
    assert site.run("volumes", "-i", "hosts.yml").words[1:] == ["web1 db-data local db data"]
    assert site.run("ps", "-i", "hosts.yml", "--format", "{{host}} {{name}} {{state}}").words == ["web1 db running"]


def test_a_service_is_moved(site: Shop) -> None:
    declare(site, "web2")
    assert move(site, "--yes").code == 0
    listed = site.run("ps", "-i", "hosts.yml", "--format", "{{host}} {{name}} {{state}}").words
    assert listed == ["web1 db exited", "web2 db running"]
    assert site.run("plan", "-i", "hosts.yml", "data.yml", "--detailed-exitcode").code == 0
    again = move(site, "--yes")
    assert (again.code, "web2 has a container db already" in again.err) == (5, True)
