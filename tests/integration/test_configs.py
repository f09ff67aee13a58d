"""Configs and secrets of containers: they arrive whole, and their content is part of the plan and of nothing else."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.integration.support import SLEEP, Json, Ran, Site, ids, inspect, kept, of_container
from tests.lab import faults
from tests.lab.host import Host

pytestmark = pytest.mark.lab

SENTINEL = "s3ntinelF1le"
SECRET = f"{SENTINEL}\n'\"`\\ #$HOME ${{X}} %s {{x}} äöü€😀 trailing \n\n"
BINARY = bytes(range(256))


def play(secret: str = SECRET, config: str = "port = 80\n", **web: object) -> Json:
    files = {
        "configs": [{"source": "app.conf", "target": "/etc/app/app.conf", "mode": "0640", "gid": 7}, "app.conf"],
        "secrets": ["db", {"source": "raw", "target": "/etc/keys/raw.bin", "uid": 1000, "mode": "0440"}],
    }
    return {
        "configs": {"app.conf": {"content": config}},
        "secrets": {"db": {"content": "{% raw %}" + secret + "{% endraw %}"}, "raw": {"file": "raw.bin"}},
        "containers": {"web": {**SLEEP, **files, "user": "1000:100", "read_only": True, **web}},
    }


def made(host: Host, folder: Path) -> Site:
    (folder / "raw.bin").write_bytes(BINARY)
    return Site(folder, host).write(play())


@pytest.fixture
def site(host: Host, tmp_path: Path) -> Site:
    return made(host, tmp_path)


def content(host: Host, path: str, container: str = "web") -> bytes:
    return base64.b64decode(of_container(host, container, "base64", path))


def owner(host: Host, path: str) -> str:
    return of_container(host, "web", "stat", "-L", "-c", "%a %u:%g", path).strip()


def volumes(host: Host) -> set[str]:
    found = host.api("GET", "/volumes")["Volumes"] or ()
    return {str(entry["Name"]) for entry in found if entry["Name"].startswith("deployer.files.")}


def says_nothing(ran: Ran) -> None:
    encoded = base64.b64encode(SENTINEL.encode()).decode()[:12]
    for text in (ran.out, ran.err):
        assert SENTINEL not in text
        assert encoded not in text


def test_files_of_a_container(site: Site, host: Host) -> None:
    """What arrives, what a change is, what is kept for a rollback, and what is removed with the container."""
    site.converge()
    assert content(host, "/run/secrets/db") == SECRET.encode()
    assert content(host, "/etc/keys/raw.bin") == BINARY
    assert content(host, "/etc/app/app.conf") == content(host, "/app.conf") == b"port = 80\n"
    paths = ("/run/secrets/db", "/etc/keys/raw.bin", "/etc/app/app.conf", "/app.conf")
    assert [owner(host, path) for path in paths] == ["400 1000:100", "440 1000:100", "640 1000:7", "444 1000:100"]
    first = volumes(host)
    assert len(first) == 2

    changed = site.write(play(config="port = 81\n")).converge()
    assert changed.changes == [
        f"{host.name}/container.web +/- configs./app.conf.content, configs./etc/app/app.conf.content"
    ]
    texts = {(part["old"], part["new"]) for part in changed.change(f"{host.name}/container.web")["fields"]}
    assert texts == {("port = 80", "port = 81")}
    assert content(host, "/app.conf") == b"port = 81\n"
    assert first < volumes(host)
    before = ids(host)["web"]
    failed = site.write(play(config="port = x\n", command="false")).apply()
    assert (failed.code, ids(host)["web"], content(host, "/app.conf")) == (3, before, b"port = 81\n")

    host.docker("restart", "-t", "0", "web")
    assert content(host, "/run/secrets/db") == SECRET.encode()
    assert site.run("rollback", "--yes", "-i", str(site.inventory), str(site.file)).code == 0
    assert content(host, "/app.conf") == b"port = 80\n"

    site.write(play(config="port = 82\n", keep_previous=0)).converge()
    assert (kept(host), len(volumes(host)), len(volumes(host) & first)) == ({}, 2, 1)
    assert site.run("destroy", "--yes", *site.arguments).code == 0
    assert volumes(host) == set()


def test_a_secret_is_shown_nowhere(host_28: Host, tmp_path: Path) -> None:
    site, host = made(host_28, tmp_path), host_28
    says_nothing(site.program("plan", "-v", "-o", "saved", *site.arguments))
    says_nothing(site.program("apply", "--yes", "-vvv", *site.arguments))
    site.write(play(secret=SECRET + "2"))
    changed = site.plan()
    assert changed.changes == [f"{host.name}/container.web +/- secrets./run/secrets/db.content"]
    says_nothing(changed)
    says_nothing(site.program("apply", "--yes", "--json", *site.arguments))
    site.write(play(command=["sh", "-c", "cat /run/secrets/db; base64 /run/secrets/db; exit 1"]))
    failed = site.program("apply", "--yes", *site.arguments)
    assert failed.code == 3
    says_nothing(failed)
    kept_here = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path != site.file]
    assert not any(SENTINEL.encode() in text for text in kept_here)
    there = [inspect(host, name) for name in ("web", "web.failed")]
    assert SENTINEL not in json.dumps([*there, host.api("GET", "/volumes"), host.api("GET", "/images/json")])


def test_forwarding_is_enough_and_files_survive_a_restarted_engine(site: Site, host: Host, tmp_path: Path) -> None:
    """The host offers no shell and no SFTP. Another controller finds no change either."""
    faults.restart_sshd(host, {"ForceCommand": "/usr/sbin/nologin", "PermitTTY": "no"})
    reads = {"image": "busybox:1", "command": "cmp /run/secrets/db /copy", "secrets": ["db"]}
    copy = {"configs": [{"source": "copy", "target": "/copy"}]}
    declared = play(restart="always")
    declared["configs"]["copy"] = declared["secrets"]["db"]
    site.write(declared | {"jobs": {"check": reads | copy}}).converge()
    faults.restart_engine(host)
    assert content(host, "/run/secrets/db") == SECRET.encode()
    again = site.program("plan", "--json", *site.arguments, environ={"XDG_STATE_HOME": str(tmp_path / "another")})
    assert (again.code, again.changes) == (0, [])


def test_a_full_disk_leaves_what_there_was(host_28: Host, tmp_path: Path) -> None:
    """Whether the container is replaced or its files change under it."""
    faults.small_disk(host_28, "48m")
    site = Site(tmp_path, host_28)
    (tmp_path / "big").write_bytes(bytes(15 * 1024**2))
    small = {name: {"content": "small"} for name in "wxyz"}
    told = {**SLEEP, "configs": [{"source": name, "on_change": {"signal": "HUP"}} for name in small]}
    web = {**SLEEP, "configs": ["a"]}
    site.write({"configs": {"a": {"content": "small"}, **small}, "containers": {"web": web, "told": told}}).converge()
    before = volumes(host_28), ids(host_28)
    many = {name: {"file": "big"} for name in "abcd"}
    replaced = {"configs": {**many, **small}, "containers": {"web": web | {"configs": [*many]}, "told": told}}
    big = {name: {"file": "big"} for name in small}
    changed = {"configs": {"a": {"content": "small"}, **big}, "containers": {"web": web, "told": told}}
    for declared in (replaced, changed):
        (failed,) = site.write(declared).apply().failures
        assert failed["error"].endswith("no space left on device")
        assert (volumes(host_28), ids(host_28)) == before
        assert content(host_28, "/a") == content(host_28, "/z", "told") == b"small"
    small["z"] = {"content": "other"}
    site.write({"configs": {"a": {"content": "small"}, **small}, "containers": {"web": web, "told": told}}).converge()
    assert content(host_28, "/z", "told") == b"other"
