"""Jobs on real engines: what waits for them, how they fail, and runs that are cut short while one is running."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.support import PROGRAM, SLEEP, Json, Site, environment, ids, inspect, kept, of_container, states
from tests.lab.host import Host
from tests.lab.shell import wait_for

pytestmark = pytest.mark.lab


@pytest.fixture
def site(host: Host, tmp_path: Path) -> Site:
    return Site(tmp_path, host)


def migration(script: str, version: str = "1", **keys: object) -> Json:
    return {"image": "busybox:1", "command": ["sh", "-c", script], "environment": {"VERSION": version}, **keys}


def shop(site: Site, script: str, version: str = "1", **keys: object) -> Site:
    """A web server that depends on a migration, both of a version."""
    web = {**SLEEP, "environment": {"VERSION": version}, "depends_on": ["migrate"]}
    return site.write(
        {"containers": {"web": web, "aside": SLEEP}, "jobs": {"migrate": migration(script, version, **keys)}}
    )


def version_of(host: Host, name: str) -> str:
    return next(str(entry[8:]) for entry in inspect(host, name)["Config"]["Env"] if entry.startswith("VERSION="))


def test_one_that_ends_well(site: Site, host: Host) -> None:
    """T18: what depends on it starts when it has ended."""
    applied = shop(site, "sleep 1; exit 0").converge()
    assert f"{host.name}/job.migrate >>" in applied.changes
    assert states(host) == {"migrate": "exited", "web": "running", "aside": "running"}
    assert inspect(host, "web")["State"]["StartedAt"] > inspect(host, "migrate")["State"]["FinishedAt"]
    before = ids(host)
    shop(site, "sleep 1; exit 0", "2").converge()
    assert {name: version_of(host, name) for name in ("migrate", "web")} == {"migrate": "2", "web": "2"}
    assert inspect(host, "web")["State"]["StartedAt"] > inspect(host, "migrate")["State"]["FinishedAt"]
    assert ids(host)["aside"] == before["aside"]
    assert kept(host) == {"web.previous": "exited"}


def test_one_that_fails(site: Site, host: Host) -> None:
    """T18: what depends on it is as it was, and its last words are told."""
    shop(site, "exit 0").converge()
    before = {name: inspect(host, name)["State"]["StartedAt"] for name in ("web", "aside", "migrate")}
    same = ids(host)
    failed = shop(site, "echo one; echo no schema; exit 3", "2").apply()
    assert failed.code == 3
    (failure,) = failed.failures
    assert failure["step"]["address"] == f"{host.name}/job.migrate"
    assert (failure["error"], failure["log"]) == ("exited with code 3", ["one", "no schema"])
    assert (ids(host), kept(host)) == (same, {"migrate.failed": "exited"})
    assert states(host) == {"migrate": "exited", "web": "running", "aside": "running"}
    assert {name: inspect(host, name)["State"]["StartedAt"] for name in before} == before
    assert f"{host.name}/job.migrate >> command, environment.VERSION" in site.plan().changes
    assert shop(site, "exit 0").plan().changes == []
    shop(site, "exit 0", "2").converge()
    assert kept(host) == {"web.previous": "exited"}


def test_one_that_takes_too_long(site: Site, host: Host) -> None:
    failed = shop(site, "exec sleep 100", timeout="2s", stop_signal="KILL").apply()
    (failure,) = failed.failures
    assert failure["error"] == "still running after 2s"
    assert states(host) == {"web": "created", "aside": "running"}, "what is new is not rolled back"
    assert kept(host) == {"migrate.failed": "exited"}


def test_networks_volumes_and_limits_are_a_jobs_too(site: Site, host: Host) -> None:
    play: Json = {
        "networks": {"back": {}, "front": {}},
        "volumes": {"data": {}},
        "jobs": {
            "seed": migration(
                "echo seeded > /data/x", networks={"back": {}, "front": {"aliases": ["s"]}}, volumes=["data:/data"]
            )
        },
        "containers": {
            "web": {
                **SLEEP,
                "command": "sh -c 'cat /data/x && exec sleep 100000'",
                "volumes": ["data:/data:ro"],
                "networks": ["back"],
                "depends_on": ["seed"],
            }
        },
    }
    site.write(play).converge()
    assert host.docker("logs", "web").strip() == "seeded"
    play["networks"]["back"] = {"internal": True}
    found = site.write(play).plan()
    assert [change for change in found.changes if "seed" in change] == []
    site.converge()


@contextmanager
def applying(site: Site) -> Iterator[subprocess.Popen[str]]:
    words = [str(PROGRAM), "apply", "--yes", *site.arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, env=environment(site.folder), stdout=pipe, stderr=pipe, text=True) as running:
        yield running


def test_an_interrupt_is_obeyed_and_leaves_it_running_for_the_next_run(site: Site, host: Host) -> None:
    shop(site, "exit 0").converge()
    before = ids(host)
    shop(site, "until test -e /tmp/go; do sleep 0.1; done; sleep 2; echo finished", "2")
    with applying(site) as running:
        wait_for(lambda: states(host).get("migrate") == "running", 20, "the job to run")
        running.send_signal(signal.SIGINT)
        # The job goes on until it is told to end: the run does not wait for it.
        out, err = running.communicate(timeout=60)
    assert running.returncode == 130, (out, err)
    assert f"{host.name}/job.migrate: runs on; the next run waits for its end" in out
    assert states(host)["migrate"] == "running"
    assert (states(host)["web"], ids(host)["web"]) == ("running", before["web"])
    runs = ids(host)["migrate"]
    assert f"{host.name}/job.migrate >>" in site.plan().changes
    of_container(host, "migrate", "touch", "/tmp/go")
    site.converge()
    assert ids(host)["migrate"] == runs
    assert host.docker("logs", "migrate").strip() == "finished"
    assert inspect(host, "web")["State"]["StartedAt"] > inspect(host, "migrate")["State"]["FinishedAt"]
    assert set(states(host)) == {"migrate", "web", "aside"}


def test_a_run_killed_while_it_runs_is_finished_by_the_next(site: Site, host: Host) -> None:
    shop(site, "exit 0").converge()
    shop(site, "sleep 4; echo finished", "2")
    with applying(site) as running:
        wait_for(lambda: states(host).get("migrate") == "running", 20, "the job to run")
        running.kill()
    runs = ids(host)["migrate"]
    site.converge()
    assert ids(host)["migrate"] == runs
    assert {name: version_of(host, name) for name in ("migrate", "web")} == {"migrate": "2", "web": "2"}
    assert set(states(host)) == {"migrate", "web", "aside"}


def test_it_is_pruned_and_destroyed(site: Site, host: Host) -> None:
    shop(site, "exit 0").converge()
    assert site.run("drift", *site.arguments).code == 0
    site.containers(web={}).converge("--prune")
    assert "migrate" not in states(host)
    shop(site, "exit 0").converge()
    assert site.run("destroy", "--yes", *site.arguments).code == 0
    assert states(host) == {}


def test_the_first_host_runs_it_for_all(lab_hosts: tuple[Host, ...], tmp_path: Path) -> None:
    """T21: one host at a time, and what depends on the job is on the first one only."""
    hosts = lab_hosts[:3]
    site = Site(tmp_path, *hosts)
    first = hosts[0].name

    def play(script: str, version: str) -> Site:
        web = {**SLEEP, "environment": {"VERSION": version}, "depends_on": ["migrate"]}
        web["when"] = f"inventory_hostname == '{first}'"
        jobs = {"migrate": migration(script, version, run_once=True)}
        return site.write({"serial": 1, "containers": {"web": web, "aside": SLEEP}, "jobs": jobs})

    play("exit 0", "1").converge()
    assert [set(states(host)) for host in hosts] == [{"migrate", "web", "aside"}, {"aside"}, {"aside"}]
    everywhere = {**SLEEP, "depends_on": ["migrate"], "environment": {"VERSION": "2"}}
    failing = {"migrate": migration("echo no schema; exit 3", "2", run_once=True)}
    site.write({"max_fail_percentage": 100, "containers": {"web": everywhere, "aside": SLEEP}, "jobs": failing})
    failed = site.apply()
    assert failed.code == 3
    assert failed.exit_codes == {first: 3}
    assert [set(states(host)) for host in hosts] == [{"migrate", "web", "aside"}, {"aside"}, {"aside"}]
    assert [set(kept(host)) for host in hosts] == [{"migrate.failed"}, set(), set()]
