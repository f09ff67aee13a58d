"""`deployer backup` into folders of real hosts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import PROGRAM, SLEEP, Ran, Site, environment, fetch, states
from tests.integration.trees import listing, plant
from tests.lab import faults
from tests.lab.host import Host
from tests.lab.shell import wait_for

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


@pytest.fixture
def clean(host_20: Host, host_28: Host) -> Iterator[None]:
    yield
    for host in (host_20, host_28):
        host.run("rm", "-rf", "/srv/some", "/usr/local/bin/zstd", "/usr/local/bin/docker", "/tmp/hang", "/tmp/asked")


@pytest.mark.usefixtures("clean")
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


WRAPPER = """#!/bin/sh
[ "$1" != cp ] || echo "$*" >>/tmp/asked
[ "$1" != cp ] || [ ! -e /tmp/hang ] || exec sleep 1000
exec /usr/bin/docker "$@"
"""


@pytest.mark.usefixtures("clean")
@pytest.mark.parametrize("user", ["root", "admin"])
def test_a_backup_is_made_on_the_host_itself(host_20: Host, host_28: Host, tmp_path: Path, user: str) -> None:
    """With the rights of `become`, and without passing this machine."""
    site = site_of(tmp_path, "host:/srv/some", host_20, host_28)
    become = {"ansible_user": user, "ansible_become": user != "root"}
    site.write_inventory({host.name: become for host in (host_20, host_28)})
    for name, data in (("zstd", Path("/usr/bin/zstd").read_bytes()), ("docker", WRAPPER.encode())):
        (host_20.root / "usr/local/bin" / name).write_bytes(data)
        (host_20.root / "usr/local/bin" / name).chmod(0o755)
    plant(data_of(host_20, "data"))
    before = listing(data_of(host_20, "data"), exact=False)
    made = backup(site, "run", "--yes")
    (found,) = json.loads(made.out)["backups"]
    assert (made.code, states(host_20)) == (0, {"db": "running"}), made.err
    assert (host_20.root / "tmp/asked").read_text().split()[0] == "cp"
    restored = site.run("volume", "restore", found["file"], f"{host_28.name}/copy", "-i", str(site.inventory), "--yes")
    assert restored.code == 0, restored.err
    assert listing(data_of(host_28, "copy"), exact=False) == before
    _interrupted(site, host_20)


def _interrupted(site: Site, host: Host) -> None:
    """Nothing is left, what was there before stays, and the containers run."""
    folder = host.root / "srv/some"
    names = sorted(path.name for path in folder.iterdir())
    (host.root / "tmp/hang").touch()
    for way, code in (
        (lambda process: process.send_signal(signal.SIGINT), 130),
        (lambda _: faults.cut_sessions(host), 4),
    ):
        words = [str(PROGRAM), "backup", "run", *site.arguments, "--yes"]
        process = subprocess.Popen(words, cwd=site.folder, env=environment(site.folder), stdin=subprocess.DEVNULL)
        wait_for(lambda: len(list(folder.iterdir())) > len(names), 60, "the script")
        way(process)
        assert process.wait(100) == code
        wait_for(lambda: sorted(path.name for path in folder.iterdir()) == names, 30, "the end of the script")
        wait_for(lambda: states(host) == {"db": "running"}, 30, "the container")
