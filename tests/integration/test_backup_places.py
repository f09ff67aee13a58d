"""`deployer backup` into folders of real hosts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import SLEEP, Ran, Site, fetch, states
from tests.integration.trees import listing, plant
from tests.lab.host import Host

pytestmark = pytest.mark.lab


def data_of(host: Host, volume: str) -> Path:
    return host.root / f"var/lib/docker/volumes/{volume}/_data"


def site_of(folder: Path, to: str, *hosts: Host) -> Site:
    """A container with a volume on the first of the hosts."""
    fetch(hosts[0], "busybox:1")
    play: dict[str, Any] = {
        "hosts": hosts[0].name,
        "volumes": {"data": {"backup": {"to": to, "keep": 1}}},
        "containers": {"db": {**SLEEP, "volumes": ["data:/data"]}},
    }
    site = Site(folder, *hosts).write(play)
    assert site.apply().code == 0
    return site


def backup(site: Site, verb: str, *words: str) -> Ran:
    return site.run("backup", verb, *site.arguments, "--json", *words)


@pytest.mark.parametrize("to", ["host", "other"])
def test_a_volume_is_kept_on_a_host(host_20: Host, host_28: Host, tmp_path: Path, to: str) -> None:
    there = host_20 if to == "host" else host_28
    site = site_of(tmp_path, f"{'host' if to == 'host' else host_28.name}:/srv/some/backups", host_20, host_28)
    plant(data_of(host_20, "data"))
    before = listing(data_of(host_20, "data"), exact=False)
    made = backup(site, "run", "--yes")
    (found,) = json.loads(made.out)["backups"]
    assert (made.code, states(host_20)) == (0, {"db": "running"}), made.err
    file = there.root / found["file"].removeprefix(f"{there.name}:/")
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    restored = site.run("volume", "restore", found["file"], f"{host_28.name}/copy", "-i", str(site.inventory), "--yes")
    assert restored.code == 0, restored.err
    assert listing(data_of(host_28, "copy"), exact=False) == before
    (data_of(host_20, "data") / "big").write_bytes(os.urandom(1_000_000))
    again = json.loads(backup(site, "run", "--yes").out)["backups"][0]
    listed = backup(site, "list")
    assert [each["file"] for each in json.loads(listed.out)["backups"]] == [again["file"]]
    assert sorted(path.name for path in file.parent.iterdir()) == [Path(again["file"]).name]
