"""Under sshd's own limits: one connection a host whatever is done over it, and a way round forbidden forwarding."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.support import SLEEP, Site, states
from tests.lab import faults
from tests.lab.host import Host

pytestmark = pytest.mark.lab

MANY = 30


def many(site: Site, version: int) -> Site:
    """Thirty containers, not started: it is about the connection."""
    own = {"state": "created", "environment": {"VERSION": version}}
    return site.containers(**{f"web{n:02}": own for n in range(MANY)})


def logins(host: Host) -> int:
    """How many connections sshd has let in since it was started."""
    return (host.root / "var/log/sshd.log").read_text().count("Accepted publickey")


@pytest.mark.parametrize("user", ["root", "deploy"])
def test_thirty_containers_over_one_connection(host: Host, tmp_path: Path, user: str) -> None:
    """T17."""
    faults.restart_sshd(host, {"MaxSessions": "10", "MaxStartups": "10:30:100"})
    site = Site(tmp_path, host, ansible_user=user)
    before = logins(host)
    assert many(site, 1).apply().code == 0
    assert site.plan().changes == []
    assert many(site, 2).apply().code == 0
    assert logins(host) - before == 3
    assert len(states(host)) == MANY


@pytest.mark.parametrize("forwarding", ["yes", "no"])
def test_three_sessions_are_enough(host_26: Host, tmp_path: Path, forwarding: str) -> None:
    faults.restart_sshd(host_26, {"MaxSessions": "3", "AllowStreamLocalForwarding": forwarding})
    site = Site(tmp_path, host_26)
    assert many(site, 1).apply().errors == []
    assert site.plan().changes == []


WAYS = {"found": ("deploy", ""), "said": ("deploy", "docker"), "sudo": ("admin", "sudo -n docker")}


@pytest.mark.parametrize("way", WAYS)
def test_where_forwarding_is_forbidden_dial_stdio_does_it_all(host: Host, tmp_path: Path, way: str) -> None:
    user, command = WAYS[way]
    faults.restart_sshd(host, {"AllowStreamLocalForwarding": "no", "MaxSessions": "10"})
    site = Site(tmp_path, host, ansible_user=user, **({"deployer_docker_command": command} if command else {}))
    site.containers(web={"ports": ["18080:80"]}, db={})
    site.converge()
    site.containers(web={"ports": ["18081:80"]}, db={"mem_limit": "64m"}).converge()
    assert states(host) == {"web": "running", "db": "running"}
    assert many(site, 1).apply().code == 0
    broken = site.write({"containers": {"bad": {**SLEEP, "image": "deployer/nosuch:1"}}}).apply()
    assert broken.code == 3
    assert "nosuch" in broken.errors[0]
