"""`deployer snapshot`: all volumes of a project, restored on another host: all of them or none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.integration.support import SLEEP, Site, fetch, states, volumes
from tests.integration.trees import listing, plant
from tests.lab import faults
from tests.lab.host import Host

pytestmark = pytest.mark.lab


def data_of(host: Host, volume: str) -> Path:
    return host.root / f"var/lib/docker/volumes/{volume}/_data"


def test_a_project_is_restored_on_another_host(host_20: Host, host_28: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host_20, host_28)
    fetch(host_20, "busybox:1")
    db = {**SLEEP, "volumes": ["small:/small", "big:/big"]}
    site.write({"hosts": host_20.name, "volumes": {"small": {}, "big": {}}, "containers": {"db": db}})
    assert site.apply().code == 0
    plant(data_of(host_20, "small"))
    (data_of(host_20, "big") / "data").write_bytes(os.urandom(40_000_000))
    before = [listing(data_of(host_20, name), exact=False) for name in ("big", "small")]
    made = site.run("snapshot", "create", *site.arguments, "--yes", "--json")
    assert (made.code, states(host_20)) == (0, {"db": "running"}), made.err
    folder = json.loads(made.out)["folder"]
    words = (
        "snapshot",
        "restore",
        folder,
        "-i",
        str(site.inventory),
        "--yes",
        "--map",
        f"{host_20.name}={host_28.name}",
    )
    restored = site.run(*words)
    assert restored.code == 0, restored.err
    assert [listing(data_of(host_28, name), exact=False) for name in ("big", "small")] == before
    # Without room for all, what was there before is there again, also in the one that had room.
    faults.small_disk(host_28, "24m")
    host_28.docker("volume", "create", "small")
    (data_of(host_28, "small") / "old").write_text("old")
    old = listing(data_of(host_28, "small"), exact=False)
    failed = site.run(*words, f"--allow-data-loss={host_28.name}/volume.small")
    assert (failed.code, "no space left" in failed.err) == (3, True), failed.err
    assert (listing(data_of(host_28, "small"), exact=False), volumes(host_28)) == (old, {"small"})
