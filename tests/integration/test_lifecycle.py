"""States, dependencies and what follows when another container changes; the operator's interrupt."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import PROGRAM, SLEEP, Site, environment, exists, ids, inspect, states
from tests.lab.host import Host
from tests.lab.shell import wait_for

pytestmark = pytest.mark.lab


@pytest.fixture
def site(host: Host, tmp_path: Path) -> Site:
    return Site(tmp_path, host)


def test_every_state_from_every_other(site: Site, host: Host) -> None:
    """`created` asks for no more than that it is there."""
    after = {"started": "running", "stopped": "exited", "absent": ""}
    for first in ("started", "stopped", "absent", "created"):
        for second in ("started", "stopped", "absent"):
            site.containers(web={"state": first}).converge()
            site.containers(web={"state": second}).converge()
            found = states(host).get("web", "")
            assert found == after[second] or (second, found) == ("stopped", "created"), (first, second)


def test_a_paused_container_is_brought_back(site: Site, host: Host) -> None:
    site.containers(web={}).converge()
    before = ids(host)
    host.docker("pause", "web")
    assert site.plan().changes == [f"{host.name}/container.web >"]
    site.converge()
    assert (states(host), ids(host)) == ({"web": "running"}, before)


def test_one_that_was_renamed_by_hand_is_not_lost_sight_of(site: Site, host: Host) -> None:
    site.containers(web={"ports": ["18080:80"]}).converge()
    host.docker("rename", "web", "web2")
    refused = site.apply()
    assert refused.code == 5
    assert refused.refusals == [f"{host.name}/container.web: host port 18080 is used by container web2"]
    pruned = site.apply("--prune")
    assert (pruned.code, pruned.refusals) == (5, refused.refusals)
    assert states(host) == {"web2": "running"}
    host.docker("rename", "web2", "web")
    assert site.converge().changes == []


def test_undeclared_resources_are_removed_only_with_prune(site: Site, host: Host) -> None:
    whole: dict[str, Any] = {"networks": {"front": {}}, "volumes": {"data": {}}}
    web = {**SLEEP, "networks": ["front"]}
    site.write({**whole, "containers": {"web": web, "db": {**web, "volumes": ["data:/data"]}}}).converge()
    site.containers(web={}).converge()
    assert set(states(host)) == {"web", "db"}
    pruned = site.apply("--prune")
    assert pruned.code == 0, pruned.errors
    assert set(states(host)) == {"web"}
    assert not exists(host, "networks", "front")
    assert exists(host, "volumes", "data")


def test_tags_and_limits_make_nothing_look_undeclared(site: Site, host: Host) -> None:
    tagged = {"web": {**SLEEP, "tags": ["web"]}, "db": {**SLEEP, "tags": ["db"]}}
    site.write({"prune": True, "containers": tagged}).converge()
    changed = {name: {**own, "environment": {"A": "1"}} for name, own in tagged.items()}
    site.write({"prune": True, "containers": changed})
    assert site.plan("--tags", "db").changes == [f"{host.name}/container.db +/- environment.A"]
    assert site.plan("--skip-tags", "db").changes == [f"{host.name}/container.web +/- environment.A"]
    site.converge("--tags", "db")
    assert site.plan().changes == [f"{host.name}/container.web +/- environment.A"]


def test_containers_start_in_the_order_they_need(site: Site, host: Host) -> None:
    ready = {"test": "test -e /ready", "interval": "0.3s", "retries": 100}
    site.containers(
        db={"command": "sh -c 'sleep 1; touch /ready; exec sleep 100000'", "healthcheck": ready},
        job={"command": "sh -c 'sleep 1'", "depends_on": {"db": {"condition": "service_healthy"}}},
        app={"depends_on": {"job": {"condition": "service_completed_successfully"}}},
        web={"depends_on": ["app"]},
    ).converge()
    started = {name: inspect(host, name)["State"]["StartedAt"] for name in ("db", "job", "app", "web")}
    assert sorted(started, key=lambda name: str(started[name])) == ["db", "job", "app", "web"]
    assert inspect(host, "app")["State"]["StartedAt"] > inspect(host, "job")["State"]["FinishedAt"]


def test_dependants_of_an_unhealthy_container_are_not_started(site: Site, host: Host) -> None:
    sick = {"healthcheck": {"test": ["CMD", "false"], "interval": "0.3s", "retries": 1}}
    failed = site.containers(db=sick, web={"depends_on": {"db": {"condition": "service_healthy"}}}, aside={}).apply()
    assert failed.code == 3
    assert states(host) == {"db": "running", "web": "created", "aside": "running"}
    (error,) = failed.errors
    assert error.endswith("is unhealthy; its healthcheck said nothing (exit code 1)")


def test_restart_follows_a_replaced_dependency(site: Site, host: Host) -> None:
    def play(version: int) -> Site:
        follows: dict[str, Any] = {"depends_on": {"db": {"restart": True}}}
        return site.containers(db={"environment": {"V": version}}, web=follows, calm={"depends_on": ["db"]})

    play(1).converge()
    before = {name: inspect(host, name)["State"]["StartedAt"] for name in ("web", "calm")}
    play(2)
    assert site.plan().changes == [f"{host.name}/container.db +/- environment.V", f"{host.name}/container.web >"]
    kept = ids(host)["web"]
    site.converge()
    assert ids(host)["web"] == kept
    assert inspect(host, "web")["State"]["StartedAt"] > before["web"]
    assert inspect(host, "calm")["State"]["StartedAt"] == before["calm"]


def test_a_linked_container_follows_the_one_it_is_linked_to(site: Site, host: Host) -> None:
    site.containers(zz={}, web={"links": ["zz:database"]}).converge()
    site.containers(zz={"environment": {"A": "1"}}, web={"links": ["zz:database"]})
    assert site.plan().changes == [
        f"{host.name}/container.web +/- links",
        f"{host.name}/container.zz +/- environment.A",
    ]
    site.converge()
    address = inspect(host, "zz")["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
    assert f"{address}\tdatabase" in host.docker("exec", "web", "cat", "/etc/hosts")


def test_recreate_always_and_never(site: Site, host: Host) -> None:
    site.containers(always={"recreate": "always"}, never={"recreate": "never"}).apply()
    before = ids(host)
    assert site.plan().changes == [f"{host.name}/container.always +/-"]
    assert site.apply().code == 0
    assert ids(host)["always"] != before["always"]
    refused = site.containers(never={"recreate": "never", "environment": {"A": "1"}}).apply()
    assert refused.code == 5
    site.containers(never={"recreate": "never", "mem_limit": "64m"}).converge()
    assert ids(host)["never"] == before["never"]


def test_ignored_changes_are_left_alone(site: Site, host: Host) -> None:
    site.containers(web={"labels": {"build": "1"}, "environment": {"A": "1"}}).converge()
    before = ids(host)
    ignoring = {"ignore_changes": ["labels.build", "environment", "mem_limit", "memswap_limit"]}
    site.containers(web={"labels": {"build": "2"}, "environment": {"A": "2"}, **ignoring}).converge()
    host.docker("update", "--memory", "64m", "--memory-swap", "-1", "web")
    assert site.plan().code == 0
    assert ids(host) == before


def test_an_interrupt_finishes_the_running_step_and_rolls_back_incomplete_groups(site: Site, host: Host) -> None:
    slow = {"update": {"monitor": "30s"}, "volumes": ["/srv/x:/x"]}
    site.containers(web=slow).converge()
    before = ids(host)
    site.containers(web={**slow, "environment": {"A": "1"}})
    words = [str(PROGRAM), "apply", "--yes", *site.arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, env=environment(site.folder), stdout=pipe, stderr=pipe, text=True) as running:
        halfway = {"web": "running", "web.deployer-old": "exited"}
        wait_for(lambda: states(host) == halfway, 20, "the new container to be watched")
        os.kill(running.pid, signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert running.returncode == 130, (out, err)
    assert "stopping" in err
    assert (states(host), ids(host)) == ({"web": "running"}, before)
    site.containers(web={"volumes": ["/srv/x:/x"], "environment": {"A": "1"}}).converge()


def test_host_ports_change_hands_in_one_run(host: Host, tmp_path: Path) -> None:
    """In a circle, and on to one that is new; a failure puts everything back."""

    def wish(**ports: int) -> Site:
        return Site(tmp_path, host).containers(**{name: {"ports": [f"{number}:80"]} for name, number in ports.items()})

    def published() -> dict[str, str]:
        bindings = {name: inspect(host, name)["HostConfig"]["PortBindings"]["80/tcp"] for name in states(host)}
        return {name: found[0]["HostPort"] for name, found in bindings.items()}

    wish(aa=8301, bb=8302, cc=8303).converge()
    wish(aa=8302, bb=8303, cc=8301).converge()
    assert published() == {"aa": "8302", "bb": "8303", "cc": "8301"}
    before = ids(host)
    broken = {"ports": ["8302:80"], "command": ["no-such-program"]}
    site = Site(tmp_path, host).containers(aa={"ports": ["8303:80"]}, bb={"ports": ["8301:80"]}, cc=broken)
    assert site.apply().code == 3
    assert (ids(host), set(states(host).values())) == (before, {"running"})
    wish(dd=8302, aa=8304, bb=8303, cc=8301).converge()
    assert published() == {"dd": "8302", "aa": "8304", "bb": "8303", "cc": "8301"}
