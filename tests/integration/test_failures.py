"""What fails leaves the host as it was: the old container runs again, and the report says why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import SLEEP, Ran, Site, fetch, ids, inspect, lines, of_container, states
from tests.lab.host import Host

pytestmark = pytest.mark.lab

STARTS_FIRST = {**SLEEP, "update": {"monitor": "1s"}}
STOPS_FIRST = {**STARTS_FIRST, "volumes": ["data:/data"]}
BOTH_ORDERS = pytest.mark.parametrize("before", [STARTS_FIRST, STOPS_FIRST], ids=["start-first", "stop-first"])


def replacement_fails(site: Site, before: dict[str, Any], after: dict[str, Any]) -> Ran:
    """A container that runs, a change that fails: it runs on, under its name, with nothing beside it."""
    (host,) = site.hosts
    volumes: dict[str, Any] = {"volumes": {"data": {}}} if "volumes" in before else {}
    site.write({"containers": {"web": before}, **volumes}).converge()
    first = inspect(host, "web")
    site.write({"containers": {"web": {**before, **after}}, **volumes})
    failed = site.apply()
    assert failed.code == 3
    assert states(host)["web"] == "running"
    assert inspect(host, "web")["Id"] == first["Id"]
    assert [name for name in states(host) if name.startswith("web")] == ["web"]
    return failed


@BOTH_ORDERS
def test_a_new_container_that_exits_at_once(host: Host, tmp_path: Path, before: dict[str, Any]) -> None:
    fetch(host, "deployer/exits:1")
    site = Site(tmp_path, host)
    failed = replacement_fails(site, before, {"image": "deployer/exits:1", "command": None})
    (failure,) = failed.failures
    assert failure["step"]["address"] == f"{host.name}/container.web"
    assert "exited with code 1" in failure["error"]
    assert failure["log"] == ["cannot start"]
    text = site.program("apply", "--yes", *site.arguments)
    assert text.code == 3
    for part in ("container web", "exited with code 1", "cannot start"):
        assert part in text.out + text.err


def test_one_that_is_removed_when_it_ends_leaves_its_exit_code_and_its_log(host: Host, tmp_path: Path) -> None:
    ends = {**SLEEP, "auto_remove": True, "command": ["sh", "-c", "seq 30; exit 7"]}
    failed = Site(tmp_path, host).write({"containers": {"web": ends}}).apply()
    assert failed.code == 3
    (failure,) = failed.failures
    assert failure["error"] in (
        "is exited with code 7",
        *(f"is {state}, it exited with code 7" for state in ("removing", "dead", "gone")),
    )
    assert failure["log"] == list(map(str, range(11, 31)))
    assert "web" not in states(host)


@BOTH_ORDERS
def test_a_new_container_that_keeps_restarting(host: Host, tmp_path: Path, before: dict[str, Any]) -> None:
    change = {"command": "sh -c 'sleep 0.2; echo no luck; exit 7'", "restart": "always"}
    failed = replacement_fails(Site(tmp_path, host), before, change)
    (failure,) = failed.failures
    assert failure["error"].removesuffix(", last exit code 7") in (
        "is restarting, it exited with code 7",
        "was restarted once",
        "was restarted 2 times",
    )
    assert "no luck" in failure["log"]


@BOTH_ORDERS
def test_a_new_container_that_does_not_become_healthy(host: Host, tmp_path: Path, before: dict[str, Any]) -> None:
    fetch(host, "deployer/web:broken")
    change = {"image": "deployer/web:broken", "command": None, "stop_signal": None}
    failed = replacement_fails(Site(tmp_path, host), before, change)
    (failure,) = failed.failures
    assert "is unhealthy" in failure["error"]
    assert "no database" in failure["error"]


def test_a_new_container_that_takes_too_long_to_become_healthy(host_26: Host, tmp_path: Path) -> None:
    probe = {"test": ["CMD", "false"], "interval": "0.5s", "retries": 1000}
    change = {"healthcheck": probe, "update": {"health_timeout": "3s"}}
    failed = replacement_fails(Site(tmp_path, host_26), STARTS_FIRST, change)
    (failure,) = failed.failures
    assert failure["error"] == "is not healthy after 3s; its healthcheck said nothing (exit code 1)"


def test_one_that_becomes_healthy_late_replaces_the_old_one(host: Host, tmp_path: Path) -> None:
    """T9."""
    site = Site(tmp_path, host).containers(web={})
    site.converge()
    late = "sh -c 'sleep 3; touch /well; exec sleep 100000'"
    probe = {"test": "test -e /well", "interval": "0.5s", "retries": 100}
    site.containers(web={"command": late, "healthcheck": probe, "update": {"health_timeout": "20s"}}).converge()
    assert inspect(host, "web")["State"]["Health"]["Status"] == "healthy"


def test_a_host_port_that_a_foreign_container_has(host: Host, tmp_path: Path) -> None:
    """T10: refused before anything is done."""
    host.docker("run", "-d", "--name", "foreign", "-p", "18080:80", "busybox:1", "sleep", "1000")
    site = Site(tmp_path, host).containers(web={})
    site.converge()
    before = ids(host)
    refused = site.containers(web={"ports": ["18080:80"]}).apply()
    assert refused.code == 5
    (refusal,) = refused.refusals
    assert "18080" in refusal
    assert "foreign" in refusal
    assert ids(host) == before
    assert set(states(host).values()) == {"running"}


def test_a_body_that_the_engine_refuses_costs_nothing(host: Host, tmp_path: Path) -> None:
    failed = replacement_fails(Site(tmp_path, host), STOPS_FIRST, {"runtime": "no-such-runtime"})
    assert any("no-such-runtime" in error for error in failed.errors)
    assert [found["status"] for found in failed.results if found["status"] != "skipped"] == ["failed"]


def test_the_others_are_done_and_those_that_need_it_wait(host: Host, tmp_path: Path) -> None:
    """T18: a job that fails holds back what waits for it, and nothing else."""
    job = {**SLEEP, "command": "sh -c 'echo no schema; exit 3'"}
    after = {**SLEEP, "depends_on": {"job": {"condition": "service_completed_successfully"}}}
    site = Site(tmp_path, host).write({"containers": {"job": job, "after": after, "aside": SLEEP}})
    failed = site.apply()
    assert failed.code == 3
    assert states(host) == {"job": "exited", "after": "created", "aside": "running"}
    (failure,) = failed.failures
    assert "exited with code 3" in failure["error"]
    assert failure["log"] == ["no schema"]
    job["command"] = "sh -c 'exit 0'"
    site.write({"containers": {"job": job, "after": after, "aside": SLEEP}}).converge()
    assert states(host) == {"job": "exited", "after": "running", "aside": "running"}


def test_a_change_of_networks_that_fails_is_rolled_back(host: Host, tmp_path: Path) -> None:
    """The network `full` has one address, and another container has it."""
    networks = {"front": {}, "back": {}, "full": {"ipam": {"config": [{"subnet": "10.204.0.0/30"}]}}}
    web = {**SLEEP, "networks": {"front": {"aliases": ["www"]}, "back": {}}}
    other = {**SLEEP, "networks": {"full": {}}}
    site = Site(tmp_path, host).write({"networks": networks, "containers": {"other": other, "web": web}})
    site.converge()
    before = ids(host)
    of_container(host, "web", "true")
    changed = {**web, "networks": {"back": {"aliases": ["b"]}, "full": {}}}
    failed = site.write({"networks": networks, "containers": {"other": other, "web": changed}}).apply()
    assert failed.code == 3
    assert any("no available IPv4 addresses" in error for error in failed.errors)
    assert ids(host) == before
    attached = {
        name: endpoint
        for name, endpoint in inspect(host, "web")["NetworkSettings"]["Networks"].items()
        if endpoint["EndpointID"]
    }
    assert set(attached) == {"front", "back"}
    assert "www" in attached["front"]["Aliases"]
    assert "b" not in (attached["back"]["Aliases"] or ())
    # The engine keeps an endpoint of the connection that failed; with it, it would not start the container again.
    assert site.plan().changes == lines(
        f"{host.name}/container.web ~ networks.back.aliases, networks.front, networks.full"
    )
    site.write({"networks": networks, "containers": {"other": other, "web": web}})
    assert site.plan().changes == lines(f"{host.name}/container.web +/- networks.full")
    host.docker("network", "disconnect", "full", "other")
    site.write({"networks": networks, "containers": {"other": SLEEP, "web": changed}}).converge()
