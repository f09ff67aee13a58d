"""Commands for the time after a deployment, on real hosts: one set of containers for all of them."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import signal
import socket
import subprocess
import termios
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

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
    _exec(site, host, inventory)
    _run(site, host, inventory)
    _port_forward(site, host, inventory)
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


def _exec(site: Site, host: Host, inventory: tuple[str, ...]) -> None:
    found = site.program(
        "exec", *inventory, host.name, "long", "count", "--", "sh", "-c", "echo in; test -e /x || exit 3"
    )
    assert sorted(found.out.split()) == sorted([f"{host.name}/count", "|", "in", f"{host.name}/long", "|", "in"])
    assert (found.code, found.err.splitlines()) == (
        3,
        [f"{host.name}/count: exit code 3", f"{host.name}/long: exit code 3"],
    )
    data = os.urandom(500_000)
    command: list[Any] = [PROGRAM, "exec", *inventory, host.name, "long", "--", "cat"]
    for way in ({}, {"deployer_docker_command": "docker"}):
        site.write_inventory({host.name: way, "down": {"ansible_host": "127.0.0.1", "ansible_port": 1}})
        environ = environment(site.folder)
        ended = subprocess.run(command, input=data, capture_output=True, check=False, timeout=60, env=environ)
        assert (ended.returncode, ended.stdout == data, ended.stderr) == (0, True, b"")
    with terminal([*command[:-1], "sh"], environment(site.folder)) as shell:
        shell.resize(30, 100)
        shell.until("stty size", "30 100")
        shell.resize(40, 120)
        shell.until("stty size", "40 120")
        shell.write("sleep 777\n")
        wait_for(lambda: "sleep 777" in host.docker("top", "long"), 60, "the program")
        shell.write("\x03")
        shell.until("echo $((40 + 2))", "42")
        shell.write("exit 5\n")
        assert shell.exit_code() == 5


def _run(site: Site, host: Host, inventory: tuple[str, ...]) -> None:
    """Beside the declared container, with its terminal; nothing is left."""
    before = states(host)
    command: list[Any] = [PROGRAM, "run", *inventory, "--playbook", "site.yml", host.name, "long", "--", "sh"]
    with contextlib.chdir(site.folder), terminal(command, environment(site.folder)) as shell:
        shell.resize(30, 100)
        shell.until("stty size", "30 100")
        shell.write("exit 5\n")
        assert shell.exit_code() == 5
    found = subprocess.run(
        [*command[:-1], "cat"],
        input=b"some text",
        capture_output=True,
        check=False,
        timeout=60,
        env=environment(site.folder),
        cwd=site.folder,
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, b"some text", b"")
    assert states(host) == before


class Shell:
    """A program on a terminal."""

    def __init__(self, process: int, descriptor: int) -> None:
        self.process = process
        self._descriptor = descriptor
        self._ended: int | None = None

    def resize(self, rows: int, columns: int) -> None:
        termios.tcsetwinsize(self._descriptor, (rows, columns))

    def write(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def until(self, command: str, answer: str) -> None:
        """Type it again and again until it is answered so: the program may not listen yet."""
        seen = ""

        def answered() -> bool:
            nonlocal seen
            self.write(f"{command}\n")
            while more := self._read(1.0):
                seen += more
                if answer in seen:
                    return True
            return False

        wait_for(answered, 60, f"{answer} in {seen}")

    def _read(self, seconds: float) -> str:
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        return os.read(self._descriptor, 65536).decode(errors="replace") if ready else ""

    def exit_code(self) -> int:
        if self._ended is None:
            with suppress(OSError):
                while self._read(60):
                    pass
            self._ended = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        return self._ended


@contextmanager
def terminal(command: list[Any], env: dict[str, str]) -> Iterator[Shell]:
    process, descriptor = pty.fork()
    if not process:
        os.execve(command[0], [str(word) for word in command], env)
    shell = Shell(process, descriptor)
    try:
        yield shell
    finally:
        os.close(descriptor)
        shell.exit_code()


def _port_forward(site: Site, host: Host, inventory: tuple[str, ...]) -> None:
    """A port that is not published; one side may end first; Ctrl-C ends it."""
    serving = "while :; do nc -l -p 8000 -e sh -c 'cat; echo end'; done"
    host.docker("exec", "-d", "count2", "sh", "-c", serving)
    wait_for(lambda: "nc -l" in host.docker("top", "count2"), 60, "the server")
    words: list[Any] = [PROGRAM, "port-forward", *inventory, host.name, "count2", "0:8000"]
    with subprocess.Popen(words, env=environment(site.folder), stderr=subprocess.PIPE, text=True) as forwarding:
        try:
            assert forwarding.stderr is not None
            where = forwarding.stderr.readline().partition(" ")[0]
            port = int(where.rpartition(":")[2])
            # The server takes one connection at a time, and needs a moment between two.
            wait_for(lambda: _answer(port) == b"helloend\n", 60, "the answer")
            forwarding.send_signal(signal.SIGINT)
            assert forwarding.wait(30) == 130
        finally:
            forwarding.kill()


def _answer(port: int) -> bytes:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(100), b""))
    return b""


def _begun(site: Site, out: Path, words: list[str]) -> subprocess.Popen[bytes]:
    with out.open("wb") as file:
        return subprocess.Popen(
            [PROGRAM, *words],
            cwd=site.folder,
            env=environment(site.folder),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.DEVNULL,
        )


def _follow(site: Site, host: Host, inventory: tuple[str, ...]) -> None:
    """A restart and a lost connection lose and repeat no line and no event; Ctrl-C ends it."""
    out, happened = site.folder / "followed", site.folder / "happened"
    following = _begun(site, out, ["logs", *inventory, "all", "count*", "-f", "--tail", "5"])
    filters = [f"--filter=event={name}" for name in ("die", "start", "pause")]
    events = _begun(site, happened, ["events", *inventory, "all", "count", "tty", "--since", "0s", *filters, "--json"])
    try:
        wait_for(lambda: len(sequences(out.read_text())) == 4, 60, "lines of both")
        host.docker("restart", "count")
        wait_for(lambda: 1 in sequences(out.read_text()).get("count  | out", []), 60, "lines after the restart")
        faults.cut_sessions(host)
        before = out.stat().st_size
        wait_for(lambda: out.stat().st_size > before + 10_000, 60, "lines after the loss")
        following.send_signal(signal.SIGINT)
        assert following.wait(30) == 130
        host.docker("pause", "tty")
        host.docker("unpause", "tty")
        wait_for(lambda: '"pause"' in happened.read_text(), 60, "the last event")
        events.send_signal(signal.SIGINT)
        assert events.wait(30) == 130
    finally:
        following.kill()
        events.kill()
    found = [json.loads(line) for line in happened.read_text().splitlines()]
    assert [f"{event['action']} {event['name']}" for event in found] == ["die count", "start count", "pause tty"]
    written = re.findall(r"out (\d+)", host.docker("logs", "count"))
    last = int(written[len(written) - 1 - written[::-1].index("1") - 1])
    counted = sequences(out.read_text())
    gaps = {name: [step for step in pairwise(numbers) if step[1] != step[0] + 1] for name, numbers in counted.items()}
    assert min(map(len, counted.values())) > 100
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
    assert done("stop", "*", "--project", "site", "--timeout", "0") == stopped
    plan = site.plan("--limit", host.name)
    assert plan.changes == [f"{host.name}/container.{name} >" for name in ("count", "count2", "long", "side", "tty")]
    assert done("start", "--project", "site")[-1] == "side started"
    plan = site.plan("--limit", host.name)
    assert (plan.code, plan.changes) == (0, [])
    assert done("kill", "long", "-s", "HUP") == ["long signalled"]
    refused = site.run("rm", *inventory, host.name, "count", "--stop", "--yes")
    assert (refused.code, "side shares a namespace of count; name it too" in refused.err) == (5, True)
    assert done("rm", "side", "count", "job", "--stop") == ["side removed", "count removed", "job removed"]
    assert not {"side", "count", "job"} & states(host).keys()
