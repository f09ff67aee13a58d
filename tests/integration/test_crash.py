"""The program killed in the middle of a replacement, after each of its writes: the next run brings it to an end.

It reaches the engine through a proxy that kills it when the engine has done the n-th write.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.recording_proxy import kill_client_after, recording
from tests.integration.support import SLEEP, Ran, Site, fetch, ids, inspect, of_container, states
from tests.lab import faults
from tests.lab.fixtures import newest_engine, oldest_engine
from tests.lab.host import Host
from tests.lab.shell import wait_for

pytestmark = pytest.mark.lab

SHARED: dict[str, Any] = {**SLEEP, "volumes": ["data:/data", "/anonymous"]}
"""Its volumes are writable: stop-first."""

ALONE: dict[str, Any] = {**SLEEP, "networks": ["front", "back"], "update": {"monitor": "0s", "order": "start-first"}}
"""Nothing of it is exclusive: start-first."""

AROUND: dict[str, Any] = {"networks": {"front": {}, "back": {}}, "volumes": {"data": {}}}


@pytest.fixture
def site(host: Host, tmp_path: Path) -> Site:
    fetch(host, "busybox:1")
    return Site(tmp_path, host)


def write(site: Site, container: dict[str, Any], version: int) -> Site:
    return site.write({"containers": {"web": {**container, "environment": {"VERSION": version}}}, **AROUND})


def killed_after(site: Site, word: str, times: int = 1) -> Ran:
    """Apply, and be killed after that write."""
    (host,) = site.hosts
    path = host.root / "run/recorded.sock"
    site.write_inventory({host.name: {"deployer_connection": "local", "deployer_docker_socket": str(path)}})
    with recording(host, path, kill_client_after(word, times)):
        ran = site.program("apply", "--yes", *site.arguments)
    site.write_inventory({host.name: {}})
    assert ran.code == -signal.SIGKILL, ran
    return ran


POINTS = {
    "created": ("create", 1),
    "stopped": ("stop", 1),
    "old-set-aside": ("rename", 1),
    "new-renamed": ("rename", 2),
    "started": ("start", 1),
    "old-put-away": ("rename", 3),
}
"""The writes of a replacement. start-first has the same in another order."""


def assert_runs(host: Host, version: int, point: str) -> None:
    """The container of that version, and nothing with a temporary name."""
    assert states(host) == {"web": "running"}, point
    assert f"VERSION={version}" in inspect(host, "web")["Config"]["Env"], point


def put_data(host: Host) -> None:
    of_container(host, "web", "sh", "-c", "echo named >/data/file; echo anonymous >/anonymous/file")


def assert_data_is_there(host: Host) -> None:
    assert of_container(host, "web", "cat", "/data/file", "/anonymous/file") == "named\nanonymous\n"


@oldest_engine
def test_killed_while_it_replaces_stop_first(site: Site, host: Host) -> None:
    write(site, SHARED, 1).converge()
    put_data(host)
    for version, point in enumerate(POINTS, start=2):
        killed_after(write(site, SHARED, version), *POINTS[point])
        site.converge()
        assert_runs(host, version, point)
        assert_data_is_there(host)


@newest_engine
def test_killed_while_it_replaces_start_first(site: Site, host: Host) -> None:
    write(site, ALONE, 1).converge()
    for version, point in enumerate(POINTS, start=2):
        killed_after(write(site, ALONE, version), *POINTS[point])
        site.converge()
        assert_runs(host, version, point)
        assert set(inspect(host, "web")["NetworkSettings"]["Networks"]) == {"front", "back"}, point


@newest_engine
def test_killed_and_then_another_change_is_wanted(host: Host, site: Site) -> None:
    """The declaration has moved on, or back, when the program runs again."""
    write(site, SHARED, 1).converge()
    put_data(host)
    version = 1
    for point, further in (("created", 0), ("stopped", 2), ("old-set-aside", 0), ("started", 0)):
        killed_after(write(site, SHARED, version + 1), *POINTS[point])
        version += further
        write(site, SHARED, version).converge()
        assert_runs(host, version, point)
        assert_data_is_there(host)


@oldest_engine
def test_killed_again_and_again_leaves_nothing_behind(site: Site, host: Host) -> None:
    """T14."""
    write(site, SHARED, 1).converge()
    put_data(host)
    for version, point in enumerate(POINTS, start=2):
        killed_after(write(site, SHARED, version), *POINTS[point])
    site.converge()
    assert states(host) == {"web": "running"}
    assert_data_is_there(host)


def test_killed_and_then_the_engine_is_killed_too(site: Site, host: Host) -> None:
    """An engine that starts also starts what has a restart policy: never both of one service."""
    always = {**SHARED, "restart": "always"}
    write(site, always, 1).converge()
    put_data(host)
    for version, point in enumerate(("old-set-aside", "started"), start=2):
        killed_after(write(site, always, version), *POINTS[point])
        faults.kill_engine(host)
        faults.start_engine(host)
        running = [name for name, state in states(host).items() if state == "running"]
        assert len(running) <= 1, (point, states(host))
        site.converge()
        assert states(host) == {"web": "running"}
        assert inspect(host, "web")["HostConfig"]["RestartPolicy"]["Name"] == "always"
        assert f"VERSION={version}" in inspect(host, "web")["Config"]["Env"]
    assert_data_is_there(host)
    assert inspect(host, "web.previous")["HostConfig"]["RestartPolicy"]["Name"] == "no"
    assert site.run("rollback", "--yes", *site.arguments).code == 0
    assert inspect(host, "web")["HostConfig"]["RestartPolicy"]["Name"] == "always"


@newest_engine
@pytest.mark.parametrize(("word", "times"), [("create", 1), ("create", 3), ("start", 1), ("start", 2)])
def test_killed_while_it_makes_the_first_ones(site: Site, host: Host, word: str, times: int) -> None:
    """create counts networks too."""
    web = {**SLEEP, "networks": ["front"], "depends_on": ["db"]}
    site.write({"networks": {"front": {}}, "containers": {"db": SLEEP, "web": web}})
    killed_after(site, word, times)
    site.converge()
    assert states(host) == {"db": "running", "web": "running"}


def test_killed_while_it_renews_a_network(site: Site, host: Host) -> None:
    """Disconnect, remove, create, connect: wherever it ends, the container is on the network afterwards, and so is one
    that is no longer declared."""
    web, old = ({**SLEEP, "networks": {"front": {"aliases": [name]}}} for name in ("www", "past"))

    def play(subnet: str, **more: Any) -> Site:
        front = {"ipam": {"config": [{"subnet": subnet}]}}
        return site.write({"networks": {"front": front}, "containers": {"web": web, **more}})

    play("10.211.0.0/24", old=old).converge()
    before = ids(host)
    for third, word in enumerate(("disconnect", "DELETE", "create", "connect"), start=1):
        killed_after(play(f"10.211.{third}.0/24"), word)
        site.converge()
        endpoint = inspect(host, "web")["NetworkSettings"]["Networks"]["front"]
        assert endpoint["IPAddress"].startswith(f"10.211.{third}.")
        assert "www" in endpoint["Aliases"]
        undeclared = inspect(host, "old")["NetworkSettings"]["Networks"]["front"]
        assert undeclared["IPAddress"].startswith(f"10.211.{third}.")
        assert "past" in undeclared["Aliases"]
    assert ids(host) == before


@pytest.fixture(autouse=True)
def _no_traces(site: Site) -> Iterator[None]:
    """Nothing with a temporary name is left, whatever a test does."""
    yield
    (host,) = site.hosts
    assert [name for name in states(host) if ".deployer-" in name] == []


@newest_engine
def test_killed_while_a_file_is_validated(host: Host, site: Site) -> None:
    """Nothing else of the project exists then."""
    how = {"image": "busybox:1", "command": "sleep 100000", "volumes": ["/srv/crash:/there"]}
    file = {"content": "x", "validate": how}
    for ending in (("destroy", "--yes"), ("apply", "--yes", "--prune")):
        process = site.write({"files": {"/srv/crash/a.conf": file}}).begin("apply", "--yes", *site.arguments)
        wait_for(lambda: "running" in states(host).values(), 30, "the command to run", 0.05)
        process.kill()
        process.communicate()
        assert all(name.startswith("deployer.validate.") for name in states(host))
        if "--prune" in ending:
            site.write({"files": {"/srv/crash/a.conf": file | {"validate": {**how, "command": "true"}}}})
        site.run(*ending, *site.arguments)
        assert states(host) == {}
    site.run("destroy", "--yes", *site.arguments)
