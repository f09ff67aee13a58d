"""Files of a host: as root, through sudo, and where a disk fills or a run is killed."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.support import SLEEP, Json, Site, inspect, of_container
from tests.lab import faults
from tests.lab.host import Host

pytestmark = pytest.mark.lab

SENTINEL = "s3ntinelHostFile"
BIG = bytes(range(256)) * 40_000


def play(text: str = "port = 80\n", own: Json | None = None) -> Json:
    files = {
        "/etc/shop/app.conf": {"content": text, "mode": "0640", "owner": "deploy", "group": "deploy"},
        '/srv/shop/it\'s a "name" $HOME': {"src": "big.bin", "mode": 755},
        "/etc/shop/key": {"content": SENTINEL + "{{ pw }}"},
    }
    return {"vars": {"pw": "hunter2"}, "files": {**files, **(own or {})}}


def site(host: Host, folder: Path, **variables: object) -> Site:
    (folder / "big.bin").write_bytes(BIG)
    return Site(folder, host, **variables).write(play())


def told(host: Host, path: str) -> str:
    """Its mode and owners, in the names of the host."""
    return host.run("stat", "-c", "%a %U:%G", path).strip()


@pytest.fixture(autouse=True)
def no_files(request: pytest.FixtureRequest) -> Iterator[None]:
    """The lab's hosts are not emptied of files."""
    found = (request.getfixturevalue(name) for name in ("host", "host_26", "host_28") if name in request.fixturenames)
    hosts = [host for host in found if isinstance(host, Host)]
    yield
    for host in hosts:
        host.run("rm", "-rf", "/etc/shop", "/srv/shop")


@pytest.mark.parametrize("user", ["root", "admin"])
def test_files_of_a_host(host: Host, tmp_path: Path, user: str) -> None:
    """Written, changed, changed by hand, pruned and destroyed."""
    here = site(host, tmp_path, ansible_user=user, **({"ansible_become": True} if user == "admin" else {}))
    here.converge()
    root = host.root
    assert (root / 'srv/shop/it\'s a "name" $HOME').read_bytes() == BIG
    assert told(host, "/etc/shop/app.conf") == "640 deploy:deploy"
    assert told(host, '/srv/shop/it\'s a "name" $HOME') == "755 root:root"

    changed = here.write(play("port = 81\n")).converge()
    assert changed.changes == [f"{host.name}/file./etc/shop/app.conf ~ content"]
    assert (root / "etc/shop/app.conf").read_text() == "port = 81\n"
    assert told(host, "/etc/shop/app.conf") == "640 deploy:deploy"

    (root / "etc/shop/app.conf").write_text("port = 82\n")
    drift = here.run("drift", *here.arguments)
    assert "someone changed it by hand" in drift.out
    planned = here.plan()
    assert "changed on the host since the last apply" in planned.out
    here.converge()

    (root / "srv/shop/foreign").write_text("theirs\n")
    own = play("port = 81\n")
    del own["files"]["/etc/shop/key"]
    here.write(own).apply("--prune")
    assert sorted(path.name for path in (root / "etc/shop").iterdir()) == ["app.conf"]
    here.run("destroy", "-y", *here.arguments)
    assert [path.name for path in (root / "srv/shop").iterdir()] == ["foreign"]
    assert not (root / "etc/shop").exists()
    assert not [each for each in host.api("GET", "/volumes")["Volumes"] if "manifest" in each["Name"]]


def test_a_failed_run_puts_every_file_back(host_26: Host, tmp_path: Path) -> None:
    """A validation that fails, and a container that does not work, after a file was replaced."""
    host, root = host_26, host_26.root
    here = site(host, tmp_path)
    here.converge()
    bad = {"/etc/shop/last": {"content": "x", "validate": ["sh", "-c", "echo no good >&2; exit 3", "%s"]}}
    failed = here.write(play("port = 99\n", bad)).apply()
    assert failed.code == 3
    assert "no good; validation exited with 3" in failed.out + failed.err
    assert (root / "etc/shop/app.conf").read_text() == "port = 80\n"
    assert sorted(path.name for path in (root / "etc/shop").iterdir()) == ["app.conf", "key"]
    assert here.write(play()).plan().changes == []

    below = here.write(play(own={"/etc/hostname/x/y": {"content": "x"}})).plan()
    assert below.code == 5
    assert "is below /etc/hostname, which is a file on the host" in below.out

    theirs = {"/etc/shop/app.conf": {"content": "x", "owner": "nobody-of-this-name"}}
    failed = here.write(play(own=theirs)).apply()
    assert "create it on the host, or give app.conf another owner and group" in failed.out + failed.err
    assert (root / "etc/shop/app.conf").read_text() == "port = 80\n"


def test_a_directory_is_synced(host_26: Host, tmp_path: Path) -> None:
    """Modes and links arrive; `delete` removes the rest, and a second run changes nothing."""
    host, root = host_26, host_26.root
    here = tmp_path / "files/conf/sub"
    here.mkdir(parents=True)
    (here / "run.sh").write_bytes(BIG)
    (here / "run.sh").chmod(0o751)
    (here / "link").symlink_to("run.sh")
    own = {"directory": "conf", "delete": True, "exclude": "*.bak", "owner": "deploy", "directory_mode": "0750"}
    own["on_change"] = {"exec": ["sh", "-c", "find /conf -type f > /tmp/told"]}
    web = {**SLEEP, "volumes": ["/srv/shop/conf:/conf:ro"]}
    site = Site(tmp_path, host).write({"files": {"/srv/shop/conf": own}, "containers": {"web": web}})
    site.converge()
    assert (root / "srv/shop/conf/sub/run.sh").read_bytes() == BIG
    assert told(host, "/srv/shop/conf/sub/run.sh") == "751 deploy:root"
    assert told(host, "/srv/shop/conf/sub") == "750 deploy:root"
    assert (root / "srv/shop/conf/sub/link").readlink() == Path("run.sh")

    host.ssh("cd /srv/shop/conf && mkdir -p d/e && touch d/x.bak d/y 'a b' && ln -sfn /etc sub/link")
    (here / "run.sh").unlink()
    site.converge()
    left = host.ssh("cd /srv/shop/conf && find . | sort").split()
    assert left == [".", "./d", "./d/x.bak", "./sub", "./sub/link"]
    assert (root / "srv/shop/conf/sub/link").readlink() == Path("run.sh")
    assert of_container(host, "web", "grep", "-v", "deployer-old", "/tmp/told") == "/conf/d/x.bak\n"
    site.run("destroy", "-y", *site.arguments)
    assert host.ssh("cd /srv/shop && find . -type f").split() == ["./conf/d/x.bak"]
    host.run("rm", "-r", "/srv/shop")

    (tmp_path / "content").write_bytes(BIG)
    with tarfile.open(tmp_path / "app.tgz", "w:gz") as tar:
        tar.add(tmp_path / "content", "bin/run")
    site.write({"files": {"/srv/shop/app": {"archive": "app.tgz", "mode": "0700"}}}).converge()
    assert (root / "srv/shop/app/bin/run").read_bytes() == BIG
    assert told(host, "/srv/shop/app/bin/run") == "700 root:root"
    site.run("destroy", "-y", *site.arguments)
    assert not (root / "srv/shop").exists()


def test_containers_react_to_files_that_they_mount(host_26: Host, tmp_path: Path) -> None:
    """Each once, the reaction of a failed run is taken back, and a second plan is empty."""
    host = host_26
    told = {"exec": ["sh", "-c", "! grep -q bad /conf/a && cat /conf/a >> /tmp/told"]}
    mounts: dict[str, Json] = {
        "restarted": {"volumes": ["/etc/shop:/conf:ro"]},
        "told": {"volumes": [{"type": "bind", "source": "/etc/shop", "target": "/conf", "on_change": told}]},
        "renewed": {"volumes": [{"type": "bind", "source": "/etc/shop/a", "target": "/a", "on_change": "recreate"}]},
    }
    containers = {name: {**SLEEP, **own} for name, own in mounts.items()}

    def wish(text: str) -> Json:
        files = {f"/etc/shop/{name}": {"content": text, "on_change": "restart"} for name in ("a", "b")}
        return {"files": files, "containers": containers}

    site = Site(tmp_path, host).write(wish("1\n"))
    site.converge()
    before = {name: (inspect(host, name)["Id"], inspect(host, name)["State"]["StartedAt"]) for name in mounts}
    site.write(wish("2\n")).converge()
    now = {name: (inspect(host, name)["Id"], inspect(host, name)["State"]["StartedAt"]) for name in mounts}
    assert now["restarted"][0] == before["restarted"][0]
    assert now["restarted"][1] != before["restarted"][1]
    assert now["told"] == before["told"]
    assert of_container(host, "told", "cat", "/tmp/told") == "2\n"
    assert now["renewed"][0] != before["renewed"][0]
    assert of_container(host, "renewed", "cat", "/a") == "2\n"

    failed = site.write(wish("bad\n")).apply()
    assert failed.code == 3
    assert host.ssh("cat /etc/shop/a /etc/shop/b").split() == ["2", "2"]
    assert of_container(host, "told", "cat", "/tmp/told").split()[:1] == ["2"]
    assert of_container(host, "renewed", "cat", "/a") == "2\n"
    assert site.write(wish("2\n")).plan().changes == []

    def without_b(text: str) -> Json:
        return wish(text) | {
            "files": wish(text)["files"] | {"/etc/shop/b": {"state": "absent", "on_change": "restart"}}
        }

    failed = site.write(without_b("bad\n")).apply()
    assert failed.code == 3
    assert host.ssh("cd /etc/shop && cat a b && ls -A").split() == ["2", "2", "a", "b"]
    times = [inspect(host, name)["State"]["StartedAt"] for name in mounts]
    site.write(without_b("2\n")).converge()
    assert host.ssh("ls -A /etc/shop").split() == ["a"]
    assert of_container(host, "told", "cat", "/tmp/told").split()[-1] == "2"
    started = [inspect(host, name)["State"]["StartedAt"] for name in mounts]
    assert [before != after for before, after in zip(times, started, strict=True)] == [True, False, False]


def test_a_full_disk_leaves_the_old_file(host_28: Host, tmp_path: Path) -> None:
    host = host_28
    host.ssh("mkdir -p /mnt/small && mount -t tmpfs -o size=1m small /mnt/small")
    try:
        wish = {"files": {"/mnt/small/data": {"src": "data"}}}
        (tmp_path / "data").write_bytes(b"old")
        here = Site(tmp_path, host).write(wish)
        here.converge()
        (tmp_path / "data").write_bytes(BIG)
        failed = here.apply()
        assert failed.code == 3
        assert "No space left on device" in failed.out + failed.err
        assert host.ssh("cat /mnt/small/data; echo; ls -A /mnt/small").split() == ["old", "data"]
        (tmp_path / "data").write_bytes(b"new")
        here.converge()
    finally:
        host.ssh("umount /mnt/small")


def test_a_user_without_rights_is_told_what_to_do(host_26: Host, tmp_path: Path) -> None:
    here = site(host_26, tmp_path, ansible_user="deploy")
    failed = here.apply()
    assert failed.code == 3
    assert "Permission denied" in failed.out + failed.err
    assert "set `become: true` for the host" in failed.out + failed.err


def test_hosts_without_a_shell(host_26: Host, tmp_path: Path) -> None:
    """SFTP alone is enough, but for links and validation. Without it the engine is, but before the first apply nothing
    can be read, and what is on record stays as it is."""
    host, root = host_26, host_26.root
    faults.restart_sshd(host, {"ForceCommand": "internal-sftp"})
    here = site(host, tmp_path)
    here.converge()
    assert (root / 'srv/shop/it\'s a "name" $HOME').read_bytes() == BIG
    assert told(host, "/etc/shop/app.conf") == "640 deploy:deploy"
    changed = here.write(play("port = 81\n")).converge()
    assert changed.changes == [f"{host.name}/file./etc/shop/app.conf ~ content"]
    assert sorted(path.name for path in (root / "etc/shop").iterdir()) == ["app.conf", "key"]
    bad = {"/etc/shop/app.conf": {"content": "x", "validate": "true %s"}}
    refused = here.write(play(own=bad)).plan()
    assert refused.code == 5
    assert "cannot be validated: the host offers no shell" in refused.out
    assert (root / "etc/shop/app.conf").read_text() == "port = 81\n"
    faults.restart_sshd(host, {"MaxSessions": "0"})
    (unread,) = here.write(play("port = 81\n")).plan().changes
    assert unread == f"{host.name}/file./etc/shop/app.conf ~"
    (left,) = here.write(play("port = 82\n")).apply().remaining
    assert left == f"{host.name}/file./etc/shop/app.conf ~ content"
    here.converge()
    assert (root / "etc/shop/app.conf").read_text() == "port = 82\n"
