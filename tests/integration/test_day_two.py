"""Commands for the time after a deployment, on real hosts: one set of containers for all of them."""

from __future__ import annotations

import re
import signal
import subprocess
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import pytest

from tests.integration.support import PROGRAM, Site, environment, fetch, inspect, states
from tests.lab import faults
from tests.lab.host import Host
from tests.lab.shell import wait_for

pytestmark = pytest.mark.lab

COUNTING = "i=0; while :; do i=$((i+1)); echo out $i; echo err $i >&2; usleep 10000; done"
KILLED = {"image": "busybox:1", "stop_signal": "SIGKILL", "update": {"monitor": "0s"}}


@pytest.fixture
def site(host: Host, tmp_path: Path) -> Site:
    """Two containers that count, one with a terminal, a long line, and a job that has ended."""
    fetch(host, "busybox:1")
    long = "head -c 40000 /dev/zero | tr '\\0' x; echo; exec sleep 100000"
    containers = {
        "count": {**KILLED, "command": ["sh", "-c", COUNTING]},
        "count2": {**KILLED, "command": ["sh", "-c", COUNTING], "log_driver": "json-file"},
        "tty": {**KILLED, "command": ["sh", "-c", long], "tty": True},
        "long": {**KILLED, "command": ["sh", "-c", long]},
        "side": {**KILLED, "command": "sleep 100000", "network_mode": "container:count"},
    }
    job = {"image": "busybox:1", "command": ["sh", "-c", "echo done; echo well >&2"]}
    made = Site(tmp_path, host).write({"containers": containers, "jobs": {"job": job}})
    made.write_inventory({host.name: {}, "down": {"ansible_host": "127.0.0.1", "ansible_port": 1}})
    assert made.apply("--limit", host.name).code == 0
    return made


def sequences(text: str) -> dict[str, list[int]]:
    """The numbers that each stream of each container counted."""
    found: dict[str, list[int]] = defaultdict(list)
    for name, number in re.findall(r"^\S+/(\S+ +\| \w+) (\d+)$", text, re.MULTILINE):
        found[name].append(int(number))
    return found


def test_day_two(site: Site, host: Host) -> None:
    inventory = ("-i", str(site.inventory))
    _logs(site, host, inventory)
    _follow(site, host, inventory)
    _lifecycle(site, host, inventory)


def _logs(site: Site, host: Host, inventory: tuple[str, ...]) -> None:
    found = site.run("logs", *inventory, "all", "long", "tty", "job")
    assert found.code == 4
    assert "down: unreachable: " in found.err
    lines = [line.split(" | ") for line in found.out.splitlines()]
    assert sorted((name.strip(), len(text), text[:4]) for name, text in lines) == [
        (f"{host.name}/job", 4, "done"),
        (f"{host.name}/job", 4, "well"),
        (f"{host.name}/long", 40000, "xxxx"),
        (f"{host.name}/tty", 40000, "xxxx"),
    ]
    found = site.run("logs", *inventory, host.name, "count*", "--tail", "50", "--timestamps")
    times = [line.split(" | ")[1].split()[0] for line in found.out.splitlines()]
    assert (found.code, len(times), times) == (0, 100, sorted(times))


def _follow(site: Site, host: Host, inventory: tuple[str, ...]) -> None:
    """A restart and a lost connection lose and repeat no line; Ctrl-C ends it."""
    out = site.folder / "followed"
    with out.open("wb") as file:
        following = subprocess.Popen(
            [PROGRAM, "logs", *inventory, "all", "count*", "-f", "--tail", "5"],
            cwd=site.folder,
            env=environment(site.folder),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.PIPE,
        )
    try:
        wait_for(lambda: len(sequences(out.read_text())) == 4, 60, "lines of both")
        host.docker("restart", "count")
        wait_for(lambda: 1 in sequences(out.read_text()).get("count  | out", []), 60, "lines after the restart")
        faults.cut_sessions(host)
        before = out.stat().st_size
        wait_for(lambda: out.stat().st_size > before + 10_000, 60, "lines after the loss")
        following.send_signal(signal.SIGINT)
        assert following.wait(30) == 130
    finally:
        following.kill()
    written = re.findall(r"out (\d+)", host.docker("logs", "count"))
    last = int(written[len(written) - 1 - written[::-1].index("1") - 1])
    found = sequences(out.read_text())
    gaps = {name: [step for step in pairwise(numbers) if step[1] != step[0] + 1] for name, numbers in found.items()}
    assert min(map(len, found.values())) > 100
    assert gaps.pop("count  | err") in ([(last, 1)], [(last - 1, 1)])
    assert gaps == {"count  | out": [(last, 1)], "count2 | out": [], "count2 | err": []}


def _lifecycle(site: Site, host: Host, inventory: tuple[str, ...]) -> None:
    def done(verb: str, *words: str) -> list[str]:
        """`side removed`, in the order of the work."""
        found = site.run(verb, *inventory, host.name, *words, "--yes", "--json")
        assert found.code == 0, found.err
        return [f"{each['name']} {each['status']}" for each in found.events[0]["containers"]]

    started = inspect(host, "side")["State"]["StartedAt"]
    assert done("restart", "count") == ["count restarted", "side restarted"]
    assert inspect(host, "side")["State"]["StartedAt"] != started
    assert "eth0" in host.docker("exec", "side", "ls", "/sys/class/net")
    assert done("pause", "long", "tty") == ["long paused", "tty paused"]
    assert states(host)["long"] == "paused"
    assert done("unpause", "long") == ["long unpaused"]
    stopped = [f"{name} stopped" for name in ("side", "count", "count2", "long", "tty")]
    assert done("stop", "*", "--timeout", "0") == stopped
    plan = site.plan("--limit", host.name)
    assert plan.changes == [f"{host.name}/container.{name} >" for name in ("count", "count2", "long", "side", "tty")]
    assert done("start")[-1] == "side started"
    plan = site.plan("--limit", host.name)
    assert (plan.code, plan.changes) == (0, [])
    assert done("kill", "long", "-s", "HUP") == ["long signalled"]
    refused = site.run("rm", *inventory, host.name, "count", "--stop", "--yes")
    assert (refused.code, "side shares a namespace of count; name it too" in refused.err) == (5, True)
    assert done("rm", "side", "count", "job", "--stop") == ["side removed", "count removed", "job removed"]
    assert not {"side", "count", "job"} & states(host).keys()
