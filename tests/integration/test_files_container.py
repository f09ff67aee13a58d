"""Files of hosts of which only the engine can be reached: by forwarding of its socket, and by TCP."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.engine.files_container import EngineFiles
from deployer.model.operations import PutFile
from tests.integration.support import OVER_TCP, SLEEP, Json, Site
from tests.integration.test_transport import opened, spec
from tests.lab import faults
from tests.lab.host import Host
from tests.lab.shell import wait_for

pytestmark = pytest.mark.lab

BIG = bytes(range(256)) * 40_000
BINARY = '/srv/shop/it\'s a "name" $HOME'
CONF = "/etc/shop/app.conf"
FORWARDING_ONLY = {"ForceCommand": "/usr/sbin/nologin", "PermitTTY": "no"}
READER = {"deployer.files": "created"}


def play(text: str = "port = 80\n") -> Json:
    return {
        "files": {
            CONF: {"content": text, "mode": "0640", "owner": "deploy", "group": "deploy"},
            "/etc/shop/checked": {"content": "ok\n", "validate": "grep -q ok %s"},
            BINARY: {"src": "big.bin", "mode": "4755", "owner": "7"},
            "/srv/shop/conf": {"directory": "conf", "delete": True, "directory_mode": "0750"},
        }
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "big.bin").write_bytes(BIG)
    conf = tmp_path / "conf/sub"
    conf.mkdir(parents=True)
    (conf / "run.sh").write_bytes(b"#!/bin/sh\n")
    (conf / "run.sh").chmod(0o751)
    (conf / "link").symlink_to("run.sh")
    return tmp_path


def site(host: Host, folder: Path, way: str) -> Site:
    if way == "forwarding":
        faults.restart_sshd(host, FORWARDING_ONLY)
        return Site(folder, host).write(play())
    faults.restart_engine(host, OVER_TCP)
    return Site(folder, host, deployer_connection="tcp", deployer_port=2375).write(play())


@pytest.fixture(autouse=True)
def no_files(request: pytest.FixtureRequest) -> Iterator[None]:
    found = request.getfixturevalue("host" if "host" in request.fixturenames else "host_20")
    yield
    found.run("rm", "-rf", "/etc/shop", "/srv/shop", "/srv/real")


def containers(host: Host) -> dict[str, str]:
    found = host.api("GET", "/containers/json?all=1")
    return {entry["Names"][0].lstrip("/"): entry["State"] for entry in found}


def told(host: Host, path: str) -> str:
    return host.run("stat", "-c", "%a %U:%G", path).strip()


def test_the_engine_is_enough(host: Host, folder: Path) -> None:
    """Written, changed, changed by hand, pruned and destroyed, as through a shell; no plan writes."""
    way = "forwarding" if host.engine_version.startswith("20") else "tcp"
    host.run("sh", "-c", "mkdir -p /srv/real && ln -sfn /srv/real /srv/shop")
    here = site(host, folder, way)
    first = here.plan()
    assert (first.code, containers(host)) == (2, {})
    assert "container deployer.files is created and stays" in " ".join(first.notes)
    here.converge()
    root = host.root
    assert (root / f"srv/real/{Path(BINARY).name}").read_bytes() == BIG
    assert told(host, CONF) == "640 deploy:deploy"
    assert host.run("stat", "-c", "%a %u:%g", BINARY).strip() == "4755 7:0"
    assert told(host, "/srv/real/conf/sub/run.sh") == "751 root:root"
    assert told(host, "/srv/real/conf/sub") == "750 root:root"
    assert (root / "srv/real/conf/sub/link").readlink() == Path("run.sh")

    host.run("sh", "-c", f"touch {CONF} /srv/real/conf/sub/run.sh")
    assert here.plan().changes == []
    changed = here.write(play("port = 81\n")).converge()
    assert changed.changes == [f"{host.name}/file.{CONF} ~ content"]
    assert [each["old"] for each in changed.change(f"{host.name}/file.{CONF}")["fields"]] == ["port = 80"]
    (root / CONF.lstrip("/")).write_text("port = 82\n")
    host.run("touch", "/srv/real/conf/sub/foreign", "/etc/shop/foreign")
    assert "someone changed it by hand" in here.run("drift", *here.arguments).out
    planned = here.plan()
    assert "changed on the host since the last apply" in planned.out
    assert f"{host.name}/file./srv/shop/conf/sub/foreign -" in planned.changes
    here.converge()
    assert (root / CONF.lstrip("/")).read_text() == "port = 81\n"

    own = play("port = 81\n")
    del own["files"]["/etc/shop/checked"]
    own["files"][BINARY] = {"state": "absent"}
    here.write(own).apply("--prune")
    assert host.run("sh", "-c", "ls -A /etc/shop /srv/real").split() == [
        "/etc/shop:", "app.conf", "foreign", "/srv/real:", "conf",
    ]  # fmt: skip
    wait_for(lambda: containers(host) == READER, 20, "the container that writes to go")
    here.run("destroy", "-y", *here.arguments)
    assert host.run("sh", "-c", "ls -A /etc/shop /srv/real").split() == ["/etc/shop:", "foreign", "/srv/real:"]
    assert containers(host) == {}
    assert not [each for each in host.api("GET", "/volumes")["Volumes"] or () if "manifest" in each["Name"]]
    assert not [each for each in host.api("GET", "/images/json") if "deployer/empty:1" in (each["RepoTags"] or ())]


def test_what_cannot_be_written_leaves_the_old_file(host_20: Host, folder: Path) -> None:
    """A file that is there at the first apply, a validation that fails, and an upload that is cut off."""
    host, root = host_20, host_20.root
    here = site(host, folder, "forwarding")
    web = {"containers": {"web": SLEEP}}
    here.write(web).converge()
    there = f"mkdir -p /etc/shop /srv/shop/conf && chmod 700 /srv/shop/conf && echo theirs > {CONF}"
    host.run("sh", "-c", f"{there} && echo ok > /etc/shop/checked")
    web["containers"]["web"] = {**SLEEP, "environment": {"NEW": "1"}}
    failed = here.write(play() | web).apply()
    assert failed.code == 3
    assert "it was created since the plan was made" in failed.out
    # What is there stays, also where it is the same as what is declared.
    assert (root / CONF.lstrip("/")).read_text() == "theirs\n"
    assert (root / "etc/shop/checked").read_text() == "ok\n"
    assert told(host, "/srv/shop/conf") == "700 root:root"
    planned = here.write(play()).plan()
    assert "not written by this project" in planned.out
    assert planned.change(f"{host.name}/file./srv/shop/conf")["fields"][0]["old"] == "0700"
    here.converge()

    bad = play("port = 99\n")
    bad["files"]["/etc/shop/last"] = {"content": "x", "validate": ["sh", "-c", "echo no good >&2; exit 3", "%s"]}
    failed = here.write(bad).apply()
    assert "no good; validation exited with 3" in failed.out
    assert (root / CONF.lstrip("/")).read_text() == "port = 80\n"

    def cut_off() -> Iterator[bytes]:
        yield BIG[:1000]
        raise OSError("cut off")

    with opened(spec(host)) as engine, pytest.raises(OSError, match="cut off"):
        before = hashlib.sha256(b"port = 80\n").hexdigest()
        EngineFiles(engine).put(PutFile(CONF, "", len(BIG), 0o600, before=before), cut_off())
    wait_for(lambda: host.run("ls", "-A", "/etc/shop").split() == ["app.conf", "checked"], 20, "the rest to go")
    assert (root / CONF.lstrip("/")).read_text() == "port = 80\n"
    assert here.write(play()).plan().changes == []
