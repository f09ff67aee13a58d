"""What was applied is told by the hosts themselves, to any operator; and what it costs."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.recording_proxy import recording
from tests.integration.support import PROGRAM, SLEEP, Site, environment, fetch, inspect, of_container, states
from tests.lab import faults
from tests.lab.host import Host
from tests.lab.shell import wait_for

pytestmark = pytest.mark.lab


@pytest.fixture
def site(host: Host, tmp_path: Path) -> Site:
    fetch(host, "busybox:1")
    return Site(tmp_path, host)


def write(site: Site, version: int, **more: Any) -> Site:
    return site.write({"containers": {"web": {**SLEEP, **more, "environment": {"VERSION": version}}}})


def records(site: Site, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(site.run("history", "-i", str(site.inventory), "--json", *words).out)[
        "records"
    ]
    return sorted(found, key=lambda record: (record["host"], -record["number"]))


def volumes(host: Host) -> list[str]:
    return sorted(found["Name"] for found in host.api("GET", "/volumes")["Volumes"] or ())


def test_runs_are_on_record_newest_first_and_a_run_without_changes_is_not(site: Site, host: Host) -> None:
    write(site, 1).converge()
    write(site, 2).converge()
    write(site, 2).converge()
    last, first = records(site)
    assert first["changes"] == ["+ container.web"]
    assert last["changes"] == ["-/+ container.web"] or last["changes"] == ["+/- container.web"]
    assert last["counts"] == {"create": 0, "update": 0, "replace": 1, "remove": 0, "run": 0}
    assert (last["result"], last["project"], last["commit"]) == ("ok", "site", "")
    assert volumes(host) == ["deployer.history.site.1", "deployer.history.site.2"]


def test_after_a_prune_containers_are_recreated_as_a_run_left_them(site: Site, host: Host) -> None:
    for version, more in ((1, {"tty": True}), (2, {"mem_limit": "64m"}), (3, {"mem_limit": "80m"})):
        write(site, version, **more).converge()
    host.docker("container", "prune", "-f")
    refused = site.run("rollback", "--yes", *site.arguments)
    assert refused.code == 5
    assert "rollback --to 2" in site.program("rollback", "--yes", *site.arguments).out
    assert site.run("rollback", "--yes", "--to", "1", *site.arguments).code == 0
    web = inspect(host, "web")
    assert (web["Config"]["Tty"], web["HostConfig"]["Memory"]) == (True, 0)
    assert "VERSION=1" in web["Config"]["Env"]
    assert site.run("rollback", "--yes", "--to", "2", *site.arguments).code == 0
    assert inspect(host, "web")["HostConfig"]["Memory"] == 64 * 1024**2


def test_another_operator_sees_it_and_a_rolled_back_one_is_called_so(site: Site, tmp_path: Path, host: Host) -> None:
    write(site, 1).converge()
    assert write(site, 2, command="false", update={"monitor": "2s"}).apply().code == 3
    (tmp_path / "elsewhere").mkdir()
    last = records(Site(tmp_path / "elsewhere", host))[0]
    assert last["result"] == "rolled back"
    assert last["changes"][0].endswith("container.web (rolled back)") or last["changes"][0].endswith("(failed)")
    assert states(host)["web"] == "running"


def test_an_interrupted_run_is_on_record_and_its_hosts_in_the_list(site: Site, host: Host) -> None:
    check = {"test": ["CMD", "test", "-e", "/tmp/go"], "interval": "500ms", "retries": 1000}
    base = {**SLEEP, "healthcheck": check}
    web = {**SLEEP, "depends_on": {"base": {"condition": "service_healthy"}}}
    site.write({"containers": {"base": base, "web": web}})
    command = [str(PROGRAM), "apply", "--yes", *site.arguments]
    home, none = environment(site.folder), subprocess.DEVNULL
    run = subprocess.Popen(command, cwd=site.folder, env=home, stdin=none, stdout=-1, stderr=-1, text=True)
    wait_for(lambda: states(host).get("base") == "running", 30, "base")
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 130
    assert records(site)[0]["result"] == "interrupted"
    assert "to continue: deployer apply" in err
    list_of_hosts = Path(err.split("@")[-1].strip())
    assert list_of_hosts.read_text() == f"{host.name}\n"
    of_container(host, "base", "touch", "/tmp/go")
    assert site.apply("--limit", f"@{list_of_hosts}").code == 0
    assert not list_of_hosts.exists()


def test_a_host_that_was_away_is_in_the_list(lab_hosts: tuple[Host, ...], tmp_path: Path) -> None:
    one, two = lab_hosts[:2]
    for host in (one, two):
        fetch(host, "busybox:1")
    site = write(Site(tmp_path, one, two, connect_timeout=3), 1)
    with faults.unreachable(two):
        ran = site.run("apply", "--yes", *site.arguments)
    assert ran.code == 4
    list_of_hosts = Path(ran.err.split("@")[-1].strip())
    assert list_of_hosts.read_text() == f"{two.name}\n"
    assert site.run("apply", "--yes", *site.arguments, "--limit", f"@{list_of_hosts}").code == 0
    assert not list_of_hosts.exists()
    assert states(two) == {"web": "running"}


def test_lock_and_record_cost_an_apply_six_requests_and_a_plan_without_changes_none(site: Site, host: Host) -> None:
    path = host.root / "run/recorded.sock"
    write(site, 1)
    site.write_inventory({host.name: {"deployer_connection": "local", "deployer_docker_socket": str(path)}})
    with recording(host, path) as applied:
        assert site.apply().code == 0
    with recording(host, path) as idle:
        assert site.apply().code == 0
    volumes = [str(request) for request in applied.requests if request.path.startswith("/volumes")]
    assert volumes == [
        "GET /volumes",  # the plan
        "POST /volumes/create",
        "GET /volumes",
        "POST /volumes/create",  # the start of the run
        "GET /volumes",  # the verification
        "POST /volumes/create",
        "DELETE /volumes/deployer.history.site.1.started",
        "DELETE /volumes/deployer.lock.site.1",
    ]
    assert idle.writes == []
    assert [str(request) for request in idle.requests if request.path.startswith(("/volumes", "/info"))] == [
        "GET /volumes"
    ]
