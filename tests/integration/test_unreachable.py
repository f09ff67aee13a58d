"""Hosts that cannot be reached: each is named with its own reason and next step, the others are planned and applied."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.support import Json, Site, states
from tests.lab import faults
from tests.lab.host import Host
from tests.lab.shell import wait_for

pytestmark = pytest.mark.lab

REASONS = {
    "wrong-key": ("host key of {address} has changed", "ssh-keygen -R"),
    "unknown-key": ("host key of {address} is not known", "ssh-keyscan"),
    "wrong-user": ("login as stranger at {address} failed", "check the user's name"),
    "no-rights": ("user guest (groups: guest) may not open /var/run/docker.sock", "usermod -aG docker guest"),
    "no-socket": ("there is no Docker socket at /run/none.sock", "/var/run/docker.sock"),
    "no-sshd": ("{address} port 1 refused the connection", "is sshd running"),
    "no-name": ("nosuch.invalid cannot be resolved", "ansible_host"),
    "no-docker": ("there is no 'docker-there-is-none'", "install the Docker CLI"),
}


def inventory(site: Site, host: Host) -> dict[str, Json]:
    """One real host under many names, each with something wrong but the first."""
    wrong, none = site.folder / "wrong", site.folder / "none"
    wrong.write_text(
        f"{host.address} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5QDEnNTlFuqVOTPRR5wPH3nfBcyFZ7oHWQNKVNZ8Vc\n"
    )
    none.write_text("")
    same = {"ansible_host": host.address}
    return {
        host.name: {},
        "wrong-key": {**same, "deployer_known_hosts_file": str(wrong)},
        "unknown-key": {**same, "deployer_known_hosts_file": str(none)},
        "wrong-user": {**same, "ansible_user": "stranger"},
        "no-rights": {**same, "ansible_user": "guest"},
        "no-socket": {**same, "deployer_docker_socket": "/run/none.sock"},
        "no-sshd": {**same, "ansible_port": 1},
        "no-name": {"ansible_host": "nosuch.invalid"},
        "no-docker": {**same, "deployer_docker_command": "docker-there-is-none"},
    }


@pytest.fixture
def site(host: Host, tmp_path: Path) -> Site:
    site = Site(tmp_path, host).containers(web={})
    site.write_inventory(inventory(site, host))
    return site


def test_each_reason_has_its_words_and_the_reachable_host_is_planned(site: Site, host: Host) -> None:
    planned = site.plan()
    assert planned.code == 4
    assert f"{host.name}/container.web +" in planned.changes
    assert set(planned.unreachable) == set(REASONS)
    for name, parts in REASONS.items():
        for part in parts:
            assert part.format(address=host.address) in planned.unreachable[name], name


def test_the_reachable_host_is_changed_and_the_exit_code_says_that_others_were_not(site: Site, host: Host) -> None:
    done = site.program("apply", "--yes", *site.arguments)
    assert done.code == 4
    assert states(host) == {"web": "running"}
    recap = {line.split()[0]: line for line in done.out.partition("RECAP")[2].splitlines() if line}
    assert "unreachable=0" in recap[host.name]
    assert all("unreachable=1" in recap[name] for name in REASONS)
    assert all(f"{name}: unreachable: " in done.out for name in REASONS)


def test_with_every_host_reached_the_exit_code_is_0(site: Site, host: Host) -> None:
    assert site.apply("--limit", host.name).code == 0
    assert site.plan("--limit", host.name).code == 0


def test_a_stopped_engine(host: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host).containers(web={})
    faults.stop_engine(host)
    said = site.plan()
    assert said.code == 4
    assert "Docker" in said.unreachable[host.name]
    assert "start Docker on the host" in said.unreachable[host.name]


def test_a_cable_that_is_pulled(host_26: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host_26, ansible_timeout=1).containers(web={})
    with faults.unreachable(host_26):
        said = site.plan()
    assert said.code == 4
    assert host_26.address in said.unreachable[host_26.name]


def test_a_connection_that_breaks_while_hosts_are_changed(host: Host, tmp_path: Path) -> None:
    """The connection is opened again and what was begun is rolled back; the next run finds nothing in its way."""
    script = 'trap "touch /x/asked" TERM; while true; do sleep 1000 & wait; done'
    slow = {"command": ["sh", "-c", script], "stop_signal": "SIGTERM", "stop_grace_period": "60s"}
    asked = host.root / "srv/x/asked"
    asked.unlink(missing_ok=True)
    site = Site(tmp_path, host).containers(web={**slow, "volumes": ["/srv/x:/x"]})
    site.converge()
    site.containers(web={**slow, "volumes": ["/srv/x:/x"], "environment": {"A": "1"}})
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(site.program, "apply", "--yes", *site.arguments)
        wait_for(asked.exists, 20, "the old container to be stopped")
        faults.cut_sessions(host)
        done = running.result()
    host.docker("kill", "web")
    assert done.code == 3, done
    assert "lost" in done.out, (done.out, done.err)
    assert "rolled back to the state before this run" in done.out
    site.converge()
    assert states(host) == {"web": "running"}
