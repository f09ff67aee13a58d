"""`deployer volume backup|restore|migrate`: the data of volumes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import SLEEP, Ran, Site, exists, fetch, states, volumes
from tests.integration.trees import BIG, listing, plant
from tests.lab import faults
from tests.lab.host import Host
from tests.lab.shell import wait_for

pytestmark = pytest.mark.lab

NAME = "db-data"


def data_of(host: Host, volume: str = NAME) -> Path:
    """The folder of a volume, seen from here."""
    return host.root / f"var/lib/docker/volumes/{volume}/_data"


def volume(site: Site, verb: str, *words: str) -> Ran:
    return site.run("volume", verb, *words, "-i", str(site.inventory), "--yes")


def ok(ran: Ran) -> Ran:
    assert ran.code == 0, ran.err + ran.out
    return ran


@pytest.fixture
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Site:
    """A container that uses a volume on the first host of the test."""
    hosts = [request.getfixturevalue(name) for name in request.fixturenames if name.startswith("host_")]
    fetch(hosts[0], "busybox:1")
    web = {**SLEEP, "volumes": [f"{NAME}:/data"]}
    made = Site(tmp_path, *hosts).write({"hosts": hosts[0].name, "volumes": {NAME: {}}, "containers": {"web": web}})
    ok(made.apply())
    return made


def test_a_backup_is_restored_on_other_engines(
    site: Site, host_20: Host, host_28: Host, host_containerd: Host, tmp_path: Path
) -> None:
    """Only the socket is needed: no image, no shell. What is in the way is replaced by consent alone."""
    plant(data_of(host_20))
    before, file = listing(data_of(host_20), exact=False), str(tmp_path / "a.tar.zst")
    checked = ok(volume(site, "backup", f"{host_20.name}/{NAME}", "-o", file, "--check"))
    assert "container web is stopped while its data is copied" in checked.out
    assert not Path(file).exists()
    saved = ok(volume(site, "backup", f"{host_20.name}/{NAME}", "-o", file))
    assert saved.err.replace(f"{host_20.name}  ", "") == "container web: stopped\ncontainer web: running again\n"
    names = subprocess.run(["tar", "--zstd", "-tf", file], capture_output=True, check=True).stdout.splitlines()
    assert (names[0], len(names)) == (b"data/", len(before))
    for host in (host_28, host_containerd):
        place = f"{host.name}/{NAME}"
        ok(volume(site, "restore", file, place))
        assert listing(data_of(host), exact=False) == before
        refused = volume(site, "restore", file, place)
        assert (refused.code, "has content; nothing was changed" in refused.err) == (5, True)
        (data_of(host) / "extra").touch()
        (data_of(host) / "plain").unlink()
        ok(volume(site, "restore", file, place, "--allow-data-loss", f"{host.name}/volume.{NAME}"))
        assert listing(data_of(host), exact=False) == before
        assert volumes(host) == {NAME}
        assert states(host) == {}
        assert "empty" not in host.docker("images")
    # While a container uses it, a program in its image empties the volume.
    (data_of(host_20) / "extra").mkdir()
    ok(volume(site, "restore", file, f"{host_20.name}/{NAME}", "--allow-data-loss", f"{host_20.name}/volume.{NAME}"))
    assert (listing(data_of(host_20), exact=False), states(host_20)) == (before, {"web": "running"})
    assert site.plan().changes == []


def test_a_damaged_backup_replaces_nothing(site: Site, host_26: Host, tmp_path: Path) -> None:
    plant(data_of(host_26))
    before, file = listing(data_of(host_26), exact=True), tmp_path / "a.tar.zst"
    place, consent = f"{host_26.name}/{NAME}", f"--allow-data-loss={host_26.name}/volume.{NAME}"
    ok(volume(site, "backup", place, "--pause", "-o", str(file)))
    again = volume(site, "backup", place, "--live", "-o", str(file))
    assert (again.code, "exists" in again.err) == (5, True)
    whole = file.read_bytes()
    for damaged in (whole[:-1], whole[: len(whole) // 2], whole[:1000] + b"x" + whole[1001:], b"", b"text" * 1000):
        file.write_bytes(damaged)
        failed = volume(site, "restore", str(file), place, consent)
        assert failed.code == 3, failed.err
    assert listing(data_of(host_26), exact=True) == before


def test_a_file_that_becomes_shorter_is_noticed(site: Site, host_26: Host, tmp_path: Path) -> None:
    """The engine only logs it, and leaves out what would follow."""
    big = data_of(host_26) / "big"
    (data_of(host_26) / "later").write_text("later")
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            big.write_bytes(bytes(20_000_000))
            os.truncate(big, 1000)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(5):
            file = tmp_path / f"{number}.zst"
            ran = volume(site, "backup", f"{host_26.name}/{NAME}", "--live", "-o", str(file))
            names = subprocess.run(["tar", "--zstd", "-tf", file], capture_output=True, check=False).stdout.splitlines()
            assert (ran.code, "is incomplete" in ran.err, file.exists()) == (3, True, False) or b"data/later" in names
    finally:
        stop.set()
        writer.join()


def test_what_was_there_before_is_put_back(site: Site, host_26: Host, tmp_path: Path) -> None:
    """After a failure: the disk is full."""
    place, file = f"{host_26.name}/{NAME}", str(tmp_path / "a.tar.zst")
    (data_of(host_26) / "big").write_bytes(os.urandom(BIG))
    ok(volume(site, "backup", place, "-o", file))
    faults.small_disk(host_26, "32m")
    host_26.docker("volume", "create", NAME)
    plant(data_of(host_26))
    before = listing(data_of(host_26), exact=False)
    failed = volume(site, "restore", file, place, f"--allow-data-loss={host_26.name}/volume.{NAME}")
    assert (failed.code, "no space left on device" in failed.err) == (3, True), failed.err
    assert f"volume {NAME}: has its content from before" in failed.err
    assert listing(data_of(host_26), exact=False) == before
    assert list(site.folder.glob(".local/state/deployer/volumes/*")) == []


def test_gnu_tar_keeps_everything(site: Site, host_26: Host, host_28: Host, tmp_path: Path) -> None:
    for host in (host_26, host_28):
        fetch(host, "redis:7")
    plant(data_of(host_26))
    before, source = listing(data_of(host_26), exact=True), f"{host_26.name}/{NAME}"
    ok(volume(site, "migrate", source, f"{host_28.name}/other", "--image", "redis:7"))
    assert listing(data_of(host_28, "other"), exact=True) == before
    none = volume(site, "migrate", source, f"{host_28.name}/another", "--exact")
    assert (none.code, "no container uses" in none.err) == (5, True)
    file = str(tmp_path / "a.tar.zst")
    without = volume(site, "backup", source, "-o", file, "--exact")
    assert (without.code, "image busybox:1 has no GNU tar" in without.err) == (3, True)
    assert not Path(file).exists()
    ok(volume(site, "backup", source, "-o", file, "--image", "redis:7"))
    os.utime(data_of(host_26) / "plain")
    consent = f"--allow-data-loss={host_26.name}/volume.{NAME}"
    ok(volume(site, "restore", file, source, consent, "--image", "redis:7"))
    assert listing(data_of(host_26), exact=True) == before
    assert (states(host_26), states(host_28)) == ({"web": "running"}, {})
    assert (volumes(host_26), volumes(host_28)) == ({NAME}, {"other"})


def migration(site: Site, source: Host, target: Host) -> subprocess.Popen[str]:
    """One that runs, and has written a part of the volume."""
    process = site.begin("volume", "migrate", f"{source.name}/{NAME}", target.name, "-i", str(site.inventory), "--yes")
    big = data_of(target) / "big"
    wait_for(lambda: big.exists() and big.stat().st_size > BIG // 20, 30, "the volume to grow", 0.01)
    return process


def test_an_interrupted_copy_leaves_nothing_behind(site: Site, host_26: Host, host_28: Host) -> None:
    (data_of(host_26) / "big").write_bytes(os.urandom(BIG))
    before = listing(data_of(host_26), exact=True)
    for break_off, code in (
        (lambda process: faults.cut_sessions(host_26), 4),
        (lambda process: faults.cut_sessions(host_28), 4),
        (lambda process: process.send_signal(signal.SIGINT), 130),
    ):
        process = migration(site, host_26, host_28)
        break_off(process)
        _, said = process.communicate(timeout=100)
        assert process.returncode == code, said
        assert not exists(host_28, "volumes", NAME), said
        assert listing(data_of(host_26), exact=True) == before
        assert (states(host_26), states(host_28)) == ({"web": "running"}, {}), said
    # A run that is killed leaves what the next one clears away.
    migration(site, host_26, host_28).kill()
    assert states(host_26)["web"] == "exited"
    assert _incomplete(site, host_28)
    ran: Any = ok(volume(site, "migrate", f"{host_26.name}/{NAME}", host_28.name, "--json"))
    assert json.loads(ran.out)["size"] > BIG
    assert "container web: running again" in ran.out
    assert listing(data_of(host_28), exact=False) == listing(data_of(host_26), exact=False)
    assert (states(host_26), states(host_28)) == ({"web": "running"}, {})
    # So it is with a volume that was there before.
    host_28.docker("volume", "rm", NAME)
    host_28.docker("volume", "create", NAME)
    assert not _incomplete(site, host_28)
    migration(site, host_26, host_28).kill()
    assert _incomplete(site, host_28)
    consent = f"--allow-data-loss={host_28.name}/volume.{NAME}"
    ok(volume(site, "migrate", f"{host_26.name}/{NAME}", host_28.name, consent))
    assert not _incomplete(site, host_28)


def _incomplete(site: Site, host: Host) -> bool:
    """Whether the plan of a playbook that declares the volume there says so."""
    file = site.folder / "there.yml"
    file.write_text(json.dumps([{"hosts": host.name, "project": "site", "volumes": {NAME: {}}}]))
    found = site.run("plan", "-i", str(site.inventory), str(file), "--json")
    assert found.code == 0, found.err
    return any(f"volume.{NAME}: its data is incomplete" in note for note in found.notes)
