"""`deployer move`: a service changes its host, with its data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import SLEEP, Ran, Site, fetch, inspect, kept, states, volumes
from tests.integration.trees import listing, plant
from tests.lab.host import Host

pytestmark = pytest.mark.lab

NAME = "db-data"
COUNT = "i=0; while :; do i=$((i+1)); echo $i > /data/count; rm -f /data/old*; echo > /data/old$i; usleep 50000; done"


def data_of(host: Host) -> Path:
    return host.root / f"var/lib/docker/volumes/{NAME}/_data"


def declare(site: Site, host: Host, **keys: Any) -> None:
    db = {**SLEEP, "command": ["sh", "-c", COUNT], "volumes": [f"{NAME}:/data"], "restart": "always", **keys}
    web = {**SLEEP, "depends_on": ["db"]}
    site.write({"hosts": host.name, "volumes": {NAME: {}}, "containers": {"db": db, "web": web}})


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
    assert (checked.code, "containers stopped on" in checked.out, states(host_28)) == (0, True, {})
    ran = moved(site, host_26, host_28, "--image", "redis:7")
    assert ran.code == 0, ran.err + ran.out
    assert states(host_26) == {"db": "exited", "web": "exited"}
    assert states(host_28) == {"db": "running", "web": "running"}
    assert inspect(host_26, "db")["HostConfig"]["RestartPolicy"]["Name"] == "no"
    counted = {"count", "old"}
    before, after = (
        [each for each in listing(data_of(host), exact=True) if not any(name in each for name in counted)]
        for host in (host_26, host_28)
    )
    assert before[1:] == after[1:]
    assert len(list(data_of(host_28).glob("old*"))) <= 3, "files that were removed meanwhile are not there"
    assert site.plan().changes == []
    again = moved(site, host_26, host_28)
    assert (again.code, "has a container db already" in again.err) == (5, True), again.err
    pruned = site.apply("--prune-host", host_26.name)
    assert (pruned.code, states(host_26), volumes(host_26)) == (0, {}, {NAME})
