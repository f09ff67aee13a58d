"""`deployer move`, and `move` of a play: a service changes its host, with its data."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import SLEEP, Ran, Site, fetch, inspect, kept, states, volumes
from tests.integration.trees import BIG, listing, plant
from tests.lab import faults
from tests.lab.host import Host
from tests.lab.shell import wait_for

pytestmark = pytest.mark.lab

NAME = "db-data"
COUNT = "i=0; while :; do i=$((i+1)); echo $i > /data/count; rm -f /data/old*; echo > /data/old$i; usleep 50000; done"


def data_of(host: Host) -> Path:
    return host.root / f"var/lib/docker/volumes/{NAME}/_data"


def declare(site: Site, host: Host, *, move: Any = False, **keys: Any) -> None:
    db = {**SLEEP, "command": ["sh", "-c", COUNT], "volumes": [f"{NAME}:/data"], "restart": "always", **keys}
    web = {**SLEEP, "network_mode": "container:db"}
    site.write({"hosts": host.name, "move": move, "volumes": {NAME: {}}, "containers": {"db": db, "web": web}})


def moved(site: Site, source: Host, target: Host, *words: str) -> Ran:
    return site.run("move", source.name, target.name, "-i", str(site.inventory), str(site.file), "--yes", *words)


def test_a_service_moves_with_its_data(host_26: Host, host_28: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host_26, host_28)
    for host in (host_26, host_28):
        fetch(host, "busybox:1", "redis:7")
    declare(site, host_26)
    assert site.apply().code == 0
    plant(data_of(host_26))
    early = moved(site, host_26, host_28)
    assert (early.code, "has no container that these playbooks declare" in early.err) == (5, True), early.err
    # The new one does not work: nothing has changed.
    declare(site, host_28, healthcheck={"test": ["CMD", "false"], "interval": "0.2s", "retries": 1})
    for words in ((), ("--image", "redis:7")):
        failed = moved(site, host_26, host_28, *words)
        assert failed.code == 3, failed.err + failed.out
        assert states(host_26) == {"db": "running", "web": "running"}
        assert (states(host_28), kept(host_28), volumes(host_28)) == ({}, {}, set())
    declare(site, host_28)
    checked = moved(site, host_26, host_28, "--check")
    assert (checked.code, "containers stopped there" in checked.out, states(host_28)) == (0, True, {})
    ran = moved(site, host_26, host_28, "--image", "redis:7")
    assert ran.code == 0, ran.err + ran.out
    assert states(host_26) == {"db": "exited", "web": "exited"}
    assert states(host_28) == {"db": "running", "web": "running"}
    assert inspect(host_26, "db")["HostConfig"]["RestartPolicy"]["Name"] == "no"
    assert_same_data(host_26, host_28)
    assert len(list(data_of(host_28).glob("old*"))) <= 3, "files that were removed meanwhile are not there"
    assert site.plan().changes == []
    again = moved(site, host_26, host_28)
    assert (again.code, "has a container db already" in again.err) == (5, True), again.err
    pruned = site.apply("--prune-host", host_26.name)
    assert (pruned.code, states(host_26), volumes(host_26)) == (0, {}, {NAME})


def assert_same_data(source: Host, target: Host) -> None:
    """Besides the root, and the files that the container writes all the time."""
    target.docker("pause", "db")
    before, after = (
        [each for each in listing(data_of(host), exact=True) if not any(name in each for name in ("count", "old"))]
        for host in (source, target)
    )
    target.docker("unpause", "db")
    assert before[1:] == after[1:]


def being_moved(site: Site, target: Host) -> subprocess.Popen[str]:
    """A run that has copied a part of the volume."""
    process = site.begin("apply", "--yes", *site.arguments)
    big = data_of(target) / "big"
    wait_for(lambda: big.exists() and big.stat().st_size > BIG // 20, 30, "the volume to grow", 0.01)
    return process


def test_a_play_moves_what_its_hosts_no_longer_include(host_20: Host, host_28: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host_20, host_28)
    for host in (host_20, host_28):
        fetch(host, "busybox:1", "redis:7")
    declare(site, host_20, move=True)
    site.converge()
    plant(data_of(host_20))
    # The new one does not work: what ran before runs, and nothing is left.
    fails = {"test": ["CMD", "false"], "interval": "0.2s", "retries": 1}
    declare(site, host_28, move=True, healthcheck=fails, volumes=[f"{NAME}:/data", "/anonymous"])
    assert site.apply().code == 3
    as_before: tuple[Any, ...] = ({"db": "running", "web": "running"}, {}, {}, set())
    assert (states(host_20), states(host_28), kept(host_28), volumes(host_28)) == as_before

    # The connection to a host is lost in the middle, or the operator stops the run.
    declare(site, host_28, move=True)
    (data_of(host_20) / "big").write_bytes(os.urandom(BIG))
    for break_off, code in (
        (lambda process: faults.cut_sessions(host_28), 3),
        (lambda process: process.send_signal(signal.SIGINT), 130),
    ):
        process = being_moved(site, host_28)
        assert states(host_20)["db"] == "exited"
        break_off(process)
        out, err = process.communicate(timeout=100)
        assert (process.returncode, states(host_20)) == (code, as_before[0]), out + err
        assert (states(host_28), kept(host_28), volumes(host_28)) == as_before[1:], out + err

    # A run that is killed: the next one gives back what it stopped if it fails, or brings it to an end.
    being_moved(site, host_28).kill()
    assert states(host_20)["db"] == "exited"
    declare(site, host_28, move=True, healthcheck=fails)
    ran = site.apply("--lock-wait", "60s")
    assert ran.code == 3, ran.out + ran.err
    assert (states(host_20), states(host_28), kept(host_28), volumes(host_28)) == as_before, ran.out + ran.err
    assert policy(host_20) == "always"
    declare(site, host_28, move=True)
    being_moved(site, host_28).kill()
    assert states(host_20)["db"] == "exited"
    declare(site, host_28, move={"image": "redis:7"})
    planned = site.plan()
    assert {each["reason"] for each in planned.plan["plays"][0]["hosts"][0]["changes"]} >= {
        f"moved from {host_20.name}"
    }
    ran = site.apply("--lock-wait", "60s")
    assert ran.code == 0, ran.out + ran.err
    assert (states(host_20), states(host_28)) == (
        {"db": "exited", "web": "exited"},
        {"db": "running", "web": "running"},
    )
    assert_same_data(host_20, host_28)
    assert site.plan().changes == []
    (history,) = site.run("history", "-i", str(site.inventory), "--json").events
    moves = {each["host"]: each["moved"] for each in reversed(history["records"])}
    moved = {"source": host_20.name, "target": host_28.name, "containers": ["db", "web"], "volumes": [NAME]}
    assert moves == dict.fromkeys((host_20.name, host_28.name), moved)


def test_the_run_after_a_killed_one_gives_back_what_it_stopped(host_26: Host, host_28: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host_26, host_28)
    for host in (host_26, host_28):
        fetch(host, "busybox:1")
    declare(site, host_26, move=True)
    site.converge()
    # Killed while the target gets healthy: an engine that starts again on the source does not start what was stopped.
    fails = {"test": ["CMD", "false"], "interval": "0.5s", "retries": 3, "start_period": "60s"}
    declare(site, host_28, move=True, healthcheck=fails)
    process = site.begin("apply", "--yes", *site.arguments)
    wait_for(lambda: states(host_28).get("db") == "running", 60, "the target to start", 0.05)
    process.kill()
    faults.restart_engine(host_26)
    assert states(host_26) == {"db": "exited", "web": "exited"}
    assert policy(host_26) == "no"
    # The next run goes on with it, and fails.
    declare(site, host_28, move=True, healthcheck={**fails, "start_period": "1s"})
    planned = site.plan().plan["plays"][0]["hosts"][0]
    assert (planned["moved"]["source"], planned["moved"]["containers"]) == (host_26.name, ["db", "web"])
    ran = site.apply("--lock-wait", "60s")
    assert ran.code == 3, ran.out + ran.err
    assert (states(host_26), policy(host_26)) == ({"db": "running", "web": "running"}, "always"), ran.err
    assert set(states(host_28).values()) <= {"exited", "created"}, ran.err
    assert (policy(host_28), volumes(host_28)) == ("no", {NAME})
    # Neither as it is nor with other values does the older one start beside the one that runs.
    for keys in ({**fails, "start_period": "1s"}, {**fails, "start_period": "60s"}):
        declare(site, host_28, move=True, healthcheck=keys)
        refused = site.apply()
        assert (refused.code, "is stopped here" in refused.out + refused.err) == (5, True), refused.out + refused.err


def policy(host: Host) -> str:
    return str(inspect(host, "db")["HostConfig"]["RestartPolicy"]["Name"])
