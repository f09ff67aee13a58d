"""`deployer image copy`: images sent over SSH, without a registry."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.engine.test_image_archive import OLD, packed
from tests.integration.support import Site, fetch
from tests.lab import faults
from tests.lab.host import Host

pytestmark = pytest.mark.lab

BASE, APP = "copied/app:1", "copied/app:2"
LAYER = 1_000_000


def build(host: Host) -> None:
    """Two images, of which the second one has one more layer."""
    fetch(host, "busybox:1")
    for image, name, below in ((BASE, "one", "busybox:1"), (APP, "two", BASE)):
        write = f"head -c {LAYER} /dev/urandom > /{name}"
        host.docker("run", "--name", "building", "--network", "none", below, "sh", "-c", write)
        host.docker("commit", "-c", 'CMD ["sleep", "1000"]', "building", image)
        host.docker("rm", "building")


def copied(site: Site, *words: str) -> dict[str, dict[str, Any]]:
    ran = site.run("image", "copy", *words, "-i", str(site.inventory), "--json")
    assert ran.code == 0, ran.err + ran.out
    return {each["host"]: each for each in json.loads(ran.out)["hosts"]}


def test_only_the_layer_that_hosts_do_not_have_is_sent(
    host_20: Host, host_26: Host, host_28: Host, host_containerd: Host, tmp_path: Path
) -> None:
    """To both image stores; from a host and from an archive."""
    build(host_26)
    others = (host_20, host_28, host_containerd)
    site = Site(tmp_path, host_26, *others)
    pattern = ",".join(host.name for host in others)
    first = copied(site, BASE, pattern, "--from", host_26.name)
    assert all(each["done"] == "sent" for each in first.values())
    host_26.docker("save", "-o", "/root/app.tar", APP)
    archive = tmp_path / "app.tar"
    archive.write_bytes((host_26.root / "root/app.tar").read_bytes())
    found = copied(site, APP, pattern, "--from", str(archive))
    for host in others:
        assert LAYER < found[host.name]["sent"] < 1.1 * LAYER
        assert host.docker("run", "--rm", APP, "sh", "-c", "cat /one /two | wc -c").strip() == str(2 * LAYER)
        assert "deployer.transfer" not in host.docker("images")
    again = copied(site, APP, pattern, "--from", host_26.name)
    assert {(each["done"], each["sent"]) for each in again.values()} == {("is there already", 0)}
    for host in (host_20, host_containerd):
        host.docker("rmi", APP)
    app = {"image": APP, "command": None}
    site.write({"images": {APP: {"source": host_26.name}}, "containers": {"app": app}}).converge()
    assert {host.docker("exec", "app", "ls", "/two").strip() for host in (host_20, host_containerd)} == {"/two"}
    _one_host_sends_to_another(site, tmp_path, host_26, host_20, host_28)
    zstd = tmp_path / "zstd.tar"
    zstd.write_bytes(packed({**OLD, "a/layer.tar": b"\x28\xb5\x2f\xfd"}).read())
    refused = site.run("image", "copy", "app:1", host_20.name, "--from", str(zstd), "-i", str(site.inventory))
    said = f"{host_20.name}: failed: the image has layers compressed by zstd, which Docker {host_20.engine_version}"
    assert (refused.code, refused.err.startswith(said)) == (3, True), refused.err
    missing = site.run("image", "copy", "copied/app:9", pattern, "--from", host_26.name, "-i", str(site.inventory))
    assert (missing.code, missing.err.splitlines()[0]) == (3, f"error: copied/app:9 is not on {host_26.name}")
    for host in (host_26, *others):
        host.docker("rm", "-f", "app")
        host.docker("rmi", BASE, APP)


def _one_host_sends_to_another(site: Site, folder: Path, giver: Host, *others: Host) -> None:
    """Only what is missing; hosts without ssh, here the second one, get it and cannot send it."""
    (folder / "forwarding").mkdir()
    forwarding = Site(folder / "forwarding", giver, *others, deployer_forward_agent=True)
    for host in others:
        host.docker("rm", "-f", "app")
        host.docker("rmi", APP)
    for host in others:
        found = copied(forwarding, APP, host.name, "--from", giver.name)[host.name]
        assert (found["done"], found["sent"], found["note"]) == (f"sent by {giver.name}", 0, "")
    assert {host.docker("run", "--rm", APP, "ls", "/two").strip() for host in others} == {"/two"}
    giver.docker("rm", "-f", "app")
    giver.docker("rmi", APP)
    back = copied(forwarding, APP, giver.name, "--from", others[-1].name)[giver.name]
    assert (back["done"], LAYER < back["sent"] < 1.1 * LAYER) == ("sent", True)
    assert back["note"].startswith(f"{others[-1].name} could not send it: ")
    assert "ssh: not found" in back["note"]


def test_containerds_store_gives_only_what_is_missing(
    host_20: Host, host_28: Host, host_containerd: Host, host_26: Host, tmp_path: Path
) -> None:
    """Layers leave the host one by one, not in an archive of all; and one such store sends to another."""
    build(host_containerd)
    faults.restart_engine(host_28, {"features": {"containerd-snapshotter": True}})
    try:
        fetch(host_28, "busybox:1")
        pattern = f"{host_20.name},{host_28.name}"
        site = Site(tmp_path, host_20, host_28, host_containerd)
        copied(site, BASE, pattern, "--from", host_containerd.name)
        before = _left(host_containerd)
        found = copied(site, APP, pattern, "--from", host_containerd.name)
        assert all(LAYER < each["sent"] < 1.1 * LAYER for each in found.values()), found
        assert _left(host_containerd) - before < 1.3 * LAYER, "it is read once for both hosts"
        before = _left(host_containerd)
        again = copied(site, APP, pattern, "--from", host_containerd.name)
        assert {each["done"] for each in again.values()} == {"is there already"}
        assert copied(site, APP, host_containerd.name, "--from", host_20.name)[host_containerd.name]["sent"] == 0
        assert _left(host_containerd) - before < 0.3 * LAYER, "nothing is read to learn that"
        for host in (host_20, host_28):
            assert host.docker("run", "--rm", APP, "sh", "-c", "cat /one /two | wc -c").strip() == str(2 * LAYER)
        _one_containerd_sends_to_another(site, tmp_path, host_containerd, host_28, host_26)
    finally:
        for host in (host_20, host_28, host_containerd):
            host.docker("rmi", "-f", BASE, APP, check=False)
        faults.restart_engine(host_28)


def _left(host: Host) -> int:
    """Bytes that left the host."""
    return int(host.run("cat", "/sys/class/net/eth0/statistics/tx_bytes"))


def _one_containerd_sends_to_another(site: Site, folder: Path, giver: Host, taker: Host, with_ssh: Host) -> None:
    """All layers, those that are missing, and, when it is cut off, the rest from here."""
    (folder / "forwarding").mkdir()
    forwarding = Site(folder / "forwarding", giver, taker, deployer_forward_agent=True)
    ssh, cut = giver.root / "usr/bin/ssh", giver.root / "usr/local/bin/ssh"
    shutil.copy(with_ssh.root / "usr/bin/ssh", ssh)
    try:
        for removed in ((BASE, APP), (APP,)):
            taker.docker("rmi", *removed)
            before = _left(giver)
            found = copied(forwarding, APP, taker.name, "--from", giver.name)[taker.name]
            assert (found["done"], found["sent"], found["note"]) == (f"sent by {giver.name}", 0, "")
            assert _left(giver) - before > LAYER * len(removed)
            assert taker.docker("run", "--rm", APP, "sh", "-c", "cat /one /two | wc -c").strip() == str(2 * LAYER)
            copied(forwarding, BASE, taker.name, "--from", giver.name)
        taker.docker("rmi", APP)
        cut.write_text(f'#!/bin/sh\nhead -c {LAYER // 2} | /usr/bin/ssh "$@"\n')
        cut.chmod(0o755)
        found = copied(forwarding, APP, taker.name, "--from", giver.name)[taker.name]
        assert (found["done"], LAYER < found["sent"] < 1.1 * LAYER) == ("sent", True)
        assert found["note"].startswith(f"{giver.name} could not send it: "), found["note"]
        assert taker.docker("run", "--rm", APP, "ls", "/two").strip() == "/two"
    finally:
        ssh.unlink()
        cut.unlink(missing_ok=True)


def test_a_disk_that_fills_while_an_image_is_unpacked(host_28: Host, host_containerd: Host, tmp_path: Path) -> None:
    """What is sent fits, what is in it does not. Nothing remains under its name, and the next copy goes on."""
    fetch(host_containerd, "busybox:1")
    host_containerd.docker("run", "--name", "building", "busybox:1", "sh", "-c", "head -c 40000000 /dev/zero > /zeros")
    host_containerd.docker("commit", "building", APP)
    host_containerd.docker("rm", "building")
    site = Site(tmp_path, host_28)
    archive = tmp_path / "app.tar"
    host_containerd.docker("save", "-o", "/root/app.tar", APP)
    archive.write_bytes((host_containerd.root / "root/app.tar").read_bytes())
    faults.small_disk(host_28, "20m")
    try:
        failed = site.run("image", "copy", APP, host_28.name, "--from", str(archive), "-i", str(site.inventory))
        assert failed.code == 3
        assert failed.err.splitlines() == [
            f"{host_28.name}: failed: write /zeros: no space left on device",
            "  hint: free space in the engine's data directory; docker system df on the host shows what uses it",
        ]
        assert APP.partition(":")[0] not in host_28.docker("images")
        host_28.run("mount", "-o", "remount,size=100m", "/var/lib/docker")
        assert copied(site, APP, host_28.name, "--from", str(archive))[host_28.name]["done"] == "sent"
        assert host_28.docker("run", "--rm", APP, "sh", "-c", "wc -c < /zeros").strip() == "40000000"
    finally:
        faults.restore_disk(host_28)
        host_containerd.docker("rmi", APP)
