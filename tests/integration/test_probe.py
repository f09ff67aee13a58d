"""`update.probe` on real engines: containers without a healthcheck are asked from outside whether they work."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.support import OVER_TCP, SLEEP, Json, Site, ids, of_container
from tests.lab import faults
from tests.lab.host import Host

pytestmark = pytest.mark.lab

PROBE = "its probe http :8080/healthz has not succeeded within 2s"
KEY = "S3ntinel-of-the-probe"
ANSWER = r"""#!/bin/sh
end=$(printf '\r')
while read -r line && [ "$line" != "$end" ]; do echo "$line"; done > /tmp/asked
ps >> /tmp/processes
printf "HTTP/1.0 $(cat /etc/status) x\r\n\r\n"
"""


def play(code: str, how: Json | str, **probe: str) -> Json:
    update = {
        "monitor": "300ms",
        "health_timeout": "2s",
        "probe": {"http": ":8080/healthz", "header": {"X-Key": KEY}} | probe,
    }
    status_file = {"source": "status", "target": "/etc/status", "on_change": how}
    files = [status_file, {"source": "answer", "mode": "0555"}]
    web = {**SLEEP, "command": ["nc", "-ll", "-p", "8080", "-e", "/answer"], "configs": files, "update": update}
    return {"configs": {"status": {"content": code}, "answer": {"content": ANSWER}}, "containers": {"web": web}}


def test_what_does_not_answer_goes_back(host: Host, tmp_path: Path) -> None:
    """When it is replaced and when its files change; over the connection, and where that forwards no ports."""
    told: Json = {"exec": ["true"]}
    site = Site(tmp_path, host).write(play("200", told))
    assert "container.web: works when its probe succeeds, http :8080/healthz" in site.plan().notes
    site.converge()
    before = ids(host)
    for how in (told, "recreate"):
        failed = site.write(play("500", how)).apply()
        (error,) = failed.errors
        assert (failed.code, error.partition(": ")[2]) == (3, f"{PROBE}: answered 500")
        assert (ids(host), of_container(host, "web", "cat", "/etc/status")) == (before, "200")
    site.write(play("404", told, status="400-404")).converge()

    faults.restart_sshd(host, {"AllowTcpForwarding": "local", "PermitOpen": "none"})
    asked_inside(site.write(play("200", told)))
    assert ids(host) == before

    faults.restart_engine(host, OVER_TCP)
    over_tcp = Site(tmp_path, host, deployer_connection="tcp", deployer_port=2375).write(play("200", told))
    asked_inside(over_tcp)
    assert ids(host) == before


def asked_inside(site: Site) -> None:
    """Where no ports are forwarded, and over a TCP connection: what is asked is in no list of processes."""
    (host,) = site.hosts
    assert site.apply().code == 0
    failed = site.write(play("503", {"exec": ["true"]})).apply()
    assert [error.partition(": ")[2] for error in failed.errors] == [f"{PROBE}: answered 503"]
    assert of_container(host, "web", "cat", "/etc/status") == "200"
    assert f"X-Key: {KEY}" in of_container(host, "web", "cat", "/tmp/asked")
    processes = of_container(host, "web", "cat", "/tmp/processes")
    assert "nc 127.0.0.1 8080" in processes
    assert KEY not in processes
