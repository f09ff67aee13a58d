"""A new version for a running fleet: what a failure leaves, that nobody notices a replacement, and the way back."""

from __future__ import annotations

import http.client
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import PROGRAM, SLEEP, Ran, Site, environment, fetch, ids, inspect, kept, states
from tests.lab.host import Host
from tests.lab.shell import LabError

pytestmark = pytest.mark.lab

IMAGES = ("deployer/web:1", "deployer/web:2", "deployer/web:broken")
Hosts = tuple[Host, ...]


def write(site: Site, version: str, bad: tuple[Host, ...] = (), **play: object) -> Site:
    """The web server; on the bad hosts an image of it that never becomes healthy."""
    names = [host.name for host in bad]
    web = {"image": "deployer/web:{{ 'broken' if inventory_hostname in bad else version }}"}
    return site.write({"vars": {"bad": names, "version": version}, "containers": {"web": web}, **play})


@pytest.fixture
def fleet(ten_hosts: Hosts, tmp_path: Path) -> Site:
    """Ten hosts that run version 1."""
    site = Site(tmp_path, *ten_hosts)
    for host in ten_hosts:
        fetch(host, *IMAGES)
    write(site, "1").converge()
    return site


def versions(hosts: Hosts) -> list[str]:
    return [version(host) for host in hosts]


def version(host: Host) -> str:
    """Of the container `web`; empty while the name passes from one container to the next."""
    try:
        return str(inspect(host, "web")["Config"]["Image"].partition(":")[2])
    except LabError:
        return ""


def running(hosts: Hosts) -> list[str]:
    return [inspect(host, "web")["Id"] for host in hosts if states(host) == {"web": "running"}]


def recap(ran: Ran) -> dict[str, str]:
    """`changed`, `failed rolledback`: what the recap counts of each host."""
    words = ("changed", "failed", "skipped", "rolledback")
    return {found["host"]: " ".join(word for word in words if found["counts"][word]) for found in ran.summary["hosts"]}


def test_a_batch_that_fails_goes_back_and_no_other_begins(fleet: Site, ten_hosts: Hosts) -> None:
    before = running(ten_hosts)
    failed = write(fleet, "2", ten_hosts[4:6], serial=2).apply()
    assert failed.code == 3
    assert versions(ten_hosts) == ["2"] * 4 + ["1"] * 6
    assert running(ten_hosts)[4:] == before[4:]
    assert failed.exit_codes == {host.name: 3 if n > 3 else 0 for n, host in enumerate(ten_hosts[:6])}
    assert set(recap(failed).values()) == {"changed", "failed rolledback"}
    assert [kept(host) for host in ten_hosts] == (
        [{"web.previous": "exited"}] * 4 + [{"web.failed": "exited"}] * 2 + [{}] * 4
    )
    assert {found["error"] for found in failed.failures} == {
        "is unhealthy; its healthcheck said: no database (exit code 1)"
    }
    write(fleet, "2").converge()
    assert versions(ten_hosts) == ["2"] * 10


def test_or_all_ten_run_the_previous_version(fleet: Site, ten_hosts: Hosts) -> None:
    before = running(ten_hosts)
    failed = write(fleet, "2", ten_hosts[4:6], serial=2, on_failure="rollback_all").apply()
    assert failed.code == 3
    assert running(ten_hosts) == before
    assert failed.exit_codes == {host.name: 3 for host in ten_hosts[:6]}
    assert set(recap(failed).values()) == {"rolledback", "failed rolledback"}
    said = fleet.program("apply", "--yes", *fleet.arguments)
    bad = ", ".join(host.name for host in ten_hosts[4:6])
    assert f": rolled back after the failure of {bad} to the state before this run" in said.out
    assert running(ten_hosts) == before
    write(fleet, "1").converge()


def test_a_host_that_vanishes_in_the_middle_lets_the_others_be_finished(fleet: Site, ten_hosts: Hosts) -> None:
    from tests.lab import faults

    lost = ten_hosts[3]
    write(fleet, "2", serial=2)
    with begun(fleet) as process:
        until(lambda: versions(ten_hosts[:2]) == ["2", "2"])
        faults.link_down(lost)
        try:
            process.wait(120)
        finally:
            faults.link_up(lost)
    assert process.returncode == 4
    assert versions(tuple(host for host in ten_hosts if host is not lost)) == ["2"] * 9
    write(fleet, "2").converge()
    assert versions(ten_hosts) == ["2"] * 10


# Nobody notices, or for how long


PROXY = """
import http.server, socket
def fetched(address):
    with socket.create_connection(address, 5) as web:
        web.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
        return b"".join(iter(lambda: web.recv(4096), b"")).partition(b"\\r\\n\\r\\n")[2]
class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_GET(self):
        body = cut = b""
        for *_, address in socket.getaddrinfo("web", 80, socket.AF_INET, socket.SOCK_STREAM):
            try:
                body = fetched(address)
            except ConnectionRefusedError:
                continue
            except OSError:
                pass
            if body:
                break
            cut = b"cut: "
        self.send_response(200 if body else 502)
        self.send_header("Content-Length", str(len(cut + body)))
        self.end_headers()
        self.wfile.write(cut + body)
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("", 8080), Proxy).serve_forever()
"""
"""As every reverse proxy does: it looks the name up for each request, and tries the next address where one refuses or
cuts the connection. It tells what was cut."""


class Load:
    """Requests, one after the other, from several clients at once: answers with times, and what went wrong."""

    def __init__(self, host: Host, port: int, pause: float = 0) -> None:
        self.answers: list[tuple[float, str]] = []
        self.errors: list[tuple[float, str]] = []
        self._where = (host.address, port)
        self._pause = pause
        self._stop = threading.Event()

    def __enter__(self) -> Load:
        self._clients = [threading.Thread(target=self._ask) for _ in range(4)]
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for client in self._clients:
            client.join()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection(*self._where, timeout=10)
        while not self._stop.is_set():
            try:
                connection.request("GET", "/")
                answer = connection.getresponse()
                text = answer.read().decode().strip()
                if answer.status == 200:
                    self.answers.append((time.monotonic(), text))
                else:
                    self.errors.append((time.monotonic(), str(answer.status)))
            except (OSError, http.client.HTTPException) as error:
                self.errors.append((time.monotonic(), repr(error)))
                connection.close()
            time.sleep(self._pause)


@pytest.mark.alone
def test_start_first_behind_a_proxy_fails_no_request(host: Host, tmp_path: Path) -> None:
    fetch(host, "deployer/counter:1.1", *IMAGES[:2])
    proxy = {
        "image": "deployer/counter:1.1",
        "entrypoint": ["python3", "-c", PROXY],
        "healthcheck": {"disable": True},
        "ports": ["8080:8080"],
        "networks": ["front"],
        "stop_signal": "SIGKILL",
    }
    site = Site(tmp_path, host)

    def deploy(version: str) -> Ran:
        web = {
            "image": f"deployer/web:{version}",
            "networks": ["front"],
            "stop_signal": "SIGTERM",
            "stop_grace_period": "1s",
        }
        return site.write({"networks": {"front": {}}, "containers": {"web": web, "proxy": proxy}}).converge()

    deploy("1")
    with Load(host, 8080) as first:
        until(lambda: len(first.answers) > 20)
    with Load(host, 8080) as load:
        until(lambda: len(load.answers) > 20)
        cut: list[str] = []
        for version in ("2", "1", "2"):
            before = len(load.answers)
            applied = deploy(version)
            assert applied.change(f"{host.name}/container.web")["reason"] == "start-first: no downtime, drains 2s"
            cut += [] if applied.notes else [text for _, text in load.answers[before:] if text.startswith("cut")]
        until(lambda: len(load.answers) > 3000)
    assert load.errors == []
    assert cut == [], "the old container is stopped while it is reached by a name that the plan does not note"
    assert [load.answers[0][1], load.answers[-1][1]] == ["version 1", "version 2"]


@pytest.mark.alone
def test_with_a_fixed_port_it_is_away_as_long_as_stopping_and_starting_take(host: Host, tmp_path: Path) -> None:
    fetch(host, *IMAGES[:2])
    site = Site(tmp_path, host)

    def wish(version: str) -> Site:
        return site.write({"containers": {"web": {"image": f"deployer/web:{version}", "ports": ["8080:80"]}}})

    wish("1").converge()
    with Load(host, 8080, pause=0.01) as load:
        until(lambda: len(load.answers) > 20)
        applied = wish("2").converge()
        time.sleep(0.5)
    assert applied.change(f"{host.name}/container.web")["reason"] == (
        "stop-first: host port 8080 is fixed; stopped while the new one starts"
    )
    last_old = max(when for when, text in load.answers if text == "version 1")
    first_new = min(when for when, text in load.answers if text == "version 2")
    took = {found["step"]["operation"].partition(" ")[0]: found["seconds"] for found in applied.results}
    assert first_new - last_old < took["StopContainer"] + took["StartContainer"] + 2


# Killed anywhere


@contextmanager
def begun(site: Site, *words: str) -> Iterator[subprocess.Popen[str]]:
    """An apply in a process of its own."""
    command = [str(PROGRAM), "apply", "--yes", *site.arguments, *words]
    with subprocess.Popen(
        command,
        cwd=site.folder,
        env=environment(site.folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.05)


def test_killed_at_any_time_of_a_rolling_update_the_next_run_ends_it(lab_hosts: Hosts, tmp_path: Path) -> None:
    hosts = lab_hosts[:3]
    for host in hosts:
        fetch(host, "busybox:1")
    site = Site(tmp_path, *hosts)
    chance = random.Random(1)
    containers: dict[str, Any] = {
        "web": {**SLEEP, "update": {"monitor": "0.2s"}},
        "db": {**SLEEP, "volumes": ["data:/data"], "update": {"monitor": "0.2s"}},
    }

    def wish(version: int) -> Site:
        own = {name: {**keys, "environment": {"VERSION": version}} for name, keys in containers.items()}
        return site.write({"serial": 1, "volumes": {"data": {}}, "containers": own})

    wish(0).converge()
    began = time.monotonic()
    wish(1).converge()
    whole = time.monotonic() - began
    killed = 0
    for part in range(6):
        version = part + 2
        with begun(wish(version)) as process:
            time.sleep(0.3 + (whole - 0.3) * (part + chance.random()) / 6)
            process.send_signal(signal.SIGKILL)
            killed += process.wait(30) == -signal.SIGKILL
        site.converge()
        for host in hosts:
            assert states(host) == {"web": "running", "db": "running"}
            assert kept(host) == {"web.previous": "exited", "db.previous": "exited"}
            assert {f"VERSION={version}"} <= set(inspect(host, "web")["Config"]["Env"])
    assert killed >= 3


# The way back


def test_rollback_restores_data_and_addresses(host: Host, tmp_path: Path) -> None:
    fetch(host, "busybox:1")
    site = Site(tmp_path, host)
    web = {**SLEEP, "restart": "always", "volumes": ["/own"], "networks": {"front": {"aliases": ["www"]}}}
    side = {**SLEEP, "network_mode": "container:web"}

    def wish(version: str) -> Site:
        own = {name: {**keys, "environment": {"VERSION": version}} for name, keys in (("web", web), ("side", side))}
        return site.write({"networks": {"front": {}}, "containers": own})

    wish("1").converge()
    host.docker("exec", "web", "sh", "-c", "echo mine >/own/file")
    old = ids(host)
    wish("2").converge()
    assert kept(host) == {"web.previous": "exited", "side.previous": "exited"}
    assert inspect(host, "web.previous")["HostConfig"]["RestartPolicy"]["Name"] == "no"
    new = ids(host)
    looked = site.run("rollback", "--json", "--check", *site.arguments)
    assert [change.split()[:2] for change in looked.changes] == [
        [f"{host.name}/container.side", "-/+"],
        [f"{host.name}/container.web", "-/+"],
    ]
    assert ids(host) == new
    back = site.run("rollback", "--json", "--yes", *site.arguments)
    assert (back.code, back.remaining, ids(host)) == (0, [], old)
    assert host.docker("exec", "web", "cat", "/own/file").strip() == "mine"
    found = inspect(host, "web")
    assert found["HostConfig"]["RestartPolicy"]["Name"] == "always"
    assert "www" in found["NetworkSettings"]["Networks"]["front"]["Aliases"]
    wish("1").converge()
    assert ids(host) == old


def test_as_many_are_kept_as_are_wanted_and_an_engine_starts_none_of_them(host: Host, tmp_path: Path) -> None:
    from tests.lab import faults

    fetch(host, "busybox:1")
    site = Site(tmp_path, host)
    for version in range(5):
        web = {**SLEEP, "restart": "always", "keep_previous": 2, "environment": {"VERSION": version}}
        site.write({"containers": {"web": web}}).converge()
    assert kept(host) == {"web.previous": "exited", "web.previous-2": "exited"}
    assert "VERSION=3" in inspect(host, "web.previous")["Config"]["Env"]
    faults.restart_engine(host)
    until(lambda: states(host) == {"web": "running"})
    time.sleep(1)
    assert kept(host) == {"web.previous": "exited", "web.previous-2": "exited"}
    assert site.program("destroy", "--yes", *site.arguments).code == 0
    assert (states(host), kept(host)) == ({}, {})


def test_one_that_turns_unhealthy_while_it_is_watched_goes_back(host: Host, tmp_path: Path) -> None:
    fetch(host, "busybox:1", "deployer/unhealthy:1")
    site = Site(tmp_path, host)
    site.containers(web={}).converge()
    before = ids(host)
    site.containers(web={"image": "deployer/unhealthy:1", "command": None, "update": {"monitor": "9s"}})
    failed = site.apply()
    assert (failed.code, ids(host), kept(host)) == (3, before, {"web.failed": "exited"})
    assert failed.errors[0].partition(": ")[2].startswith("is unhealthy")


def test_failing_containers_are_awaited_or_noted_without_rollback(host: Host, tmp_path: Path) -> None:
    fetch(host, "busybox:1")
    site = Site(tmp_path, host)
    check = {"test": ["CMD", "test", "-e", "/tmp/healthy"], "interval": "1s", "retries": 1}
    update = {"health_timeout": "3s"}

    def wish(version: int) -> Site:
        db = {"environment": {"VERSION": version}}
        loop = {"command": ["sh", "-c", "test -e /tmp/once && exit 7; touch /tmp/once; sleep 1.5"], "restart": "always"}
        return site.containers(db=db, loop=loop, probed={"healthcheck": check, "update": update})

    assert (wish(1).apply().code, states(host)["probed"]) == (3, "running")
    before = ids(host)
    again = wish(1).apply()
    assert (again.code, again.changes, ids(host)) == (3, [], before)
    said = "is unhealthy; its healthcheck said nothing (exit code 1)"
    assert again.errors == [f"AwaitHealthy {before['probed'][:12]}: {said}"]
    # The engine waits twice as long each time it starts it again: by now more than three seconds.
    until(lambda: inspect(host, "loop")["RestartCount"] >= 6 and inspect(host, "loop")["State"]["Restarting"])
    repaired = wish(2).apply()
    assert "container.loop: keeps restarting, last exit code 7; this run does not change it" in repaired.notes
    assert (repaired.code, "VERSION=2" in inspect(host, "db")["Config"]["Env"]) == (3, True)
    host.docker("exec", "probed", "touch", "/tmp/healthy")
    assert wish(2).apply().code == 0


def test_a_paused_container_is_unpaused_and_one_that_is_restored_is_paused_again(host: Host, tmp_path: Path) -> None:
    fetch(host, "busybox:1")
    site = Site(tmp_path, host)
    web = {"command": ["sh", "-c", "while sleep 0.1; do date +%s%N > /tmp/now; done"], "ports": ["8090:80"]}
    site.containers(web=web).converge()
    before = inspect(host, "web")["State"]["StartedAt"]
    host.docker("pause", "web")
    failed = site.containers(web=web | {"command": "false"}).apply()
    assert (failed.code, states(host)) == (3, {"web": "paused"})
    restarted = inspect(host, "web")["State"]["StartedAt"]
    assert restarted > before
    planned = site.containers(web=web).plan()
    assert planned.change(f"{host.name}/container.web")["reason"] == "is paused, and is unpaused"
    site.converge()
    assert (inspect(host, "web")["State"]["StartedAt"], states(host)) == (restarted, {"web": "running"})


def test_followers_of_other_plays_go_with_their_leader_and_others_keep_it_from_changing(
    host: Host, tmp_path: Path
) -> None:
    fetch(host, "busybox:1")
    site = Site(tmp_path, host)

    def wish(version: int, command: str = "sleep 100000") -> Site:
        vpn = {**SLEEP, "command": command, "environment": {"V": version}, "ports": ["8097:80"], "tags": ["vpn"]}
        tor = {**SLEEP, "network_mode": "container:vpn"}
        plays = {"containers": {"vpn": vpn}}, {"containers": {"tor": tor, "last": {**SLEEP, "pid": "container:tor"}}}
        return site.write(*plays)

    def connected() -> bool:
        """Whether the followers are in the namespaces of the containers of those names."""
        first, second, third = (inspect(host, name) for name in ("vpn", "tor", "last"))
        joined = second["HostConfig"]["NetworkMode"], third["HostConfig"]["PidMode"]
        assert joined == (f"container:{first['Id']}", f"container:{second['Id']}")
        return "eth0" in host.docker("exec", "tor", "ip", "link") and "sleep" in host.docker("exec", "last", "ps")

    wish(1).converge()
    before = ids(host)
    refused = wish(2).apply("--tags", "vpn")
    assert (refused.code, ids(host)) == (5, before)
    assert "tor shares its network and is not part of this run" in refused.refusals[0]
    assert [change.split()[:2] for change in wish(2).converge().changes] == [
        [f"{host.name}/container.{name}", "-/+"] for name in ("last", "tor", "vpn")
    ]
    assert connected()
    replaced = ids(host)
    assert (wish(3, "false").apply().code, ids(host), connected()) == (3, replaced, True)
    host.docker("run", "-d", "--name", "theirs", "--network", "container:vpn", "busybox:1", "sleep", "100000")
    refused = wish(4).apply()
    assert refused.code == 5
    assert "theirs shares its network and is not part of this run" in refused.refusals[0]
