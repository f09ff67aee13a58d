"""The playbooks of the repository, used as their users would: each is applied twice and undone, on real engines.

`test_koa.py`, `test_nginx.py` and `test_preflight.py` have those that need more than a playbook.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import subprocess
import urllib.parse
import urllib.request
import xmlrpc.client
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.integration.support import PROGRAM, Ran, Site, environment, fetch, ids, of_container, states, volumes
from tests.integration.trees import listing
from tests.lab import secure_registry
from tests.lab.host import Host
from tests.lab.settings import CHECKOUT
from tests.lab.shell import wait_for

pytestmark = pytest.mark.lab

ADMIN, PASSWORD = "ann", "correct horse battery"
DATABASE_PASSWORD = "f0ur w$rd #%"


def scenario(name: str, folder: Path, *hosts: Host, **variables: str) -> Site:
    """A playbook of the repository, in a folder where it may be changed."""
    shutil.copytree(CHECKOUT / "playbooks", folder / "playbooks")
    site = Site(folder, *hosts, **variables)
    site.file = folder / "playbooks" / f"{name}.yml"
    return site


def done(site: Site, *words: str) -> Ran:
    ran = site.run(*words, "-i", str(site.inventory))
    assert ran.code == 0, (words, ran.out, ran.err)
    return ran


def undone(site: Site, host: Host, *words: str) -> None:
    """Nothing is left of it, once the loss of the data is agreed to."""
    consent = [f"--allow-data-loss={host.name}/volume.{name}" for name in volumes(host)]
    done(site, "destroy", "--volumes", *consent, "--yes", str(site.file), *words)
    networks = {found["Name"] for found in host.api("GET", "/networks")}
    assert (ids(host), volumes(host), networks) == ({}, set(), {"bridge", "host", "none"})


def answer(host: Host, port: int, path: str = "/") -> str:
    """The first answer of a page."""
    found: list[str] = []

    def answers() -> bool:
        address = f"http://{host.address}:{port}{path}"
        with (
            contextlib.suppress(OSError, http.client.HTTPException),
            urllib.request.urlopen(address, timeout=5) as page,
        ):
            found.append(page.read().decode())
        return bool(found)

    wait_for(answers, 20, f"port {port} of {host.name}")
    return found[0]


def visit(host: Host, version: str) -> int:
    page = json.loads(answer(host, 8080))
    assert page["version"] == version
    return int(page["visits"])


def redis(site: Site, host: Host) -> None:
    """And `docker ps`, `images`, `volume ls`, `network ls`, `stop`, `start`, `rm` and `rmi`."""
    with socket.create_connection((host.address, 6379), timeout=5) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(100) == b"+PONG\r\n"
    shown = {kind: done(site, kind, "--limit", host.name).out for kind in ("ps", "images", "volumes", "networks")}
    assert [" 6379:6379/tcp " in shown["ps"], "redis:latest" in shown["images"]] == [True, True]
    assert [" redis " in shown["volumes"], " bridge " in shown["networks"]] == [True, True]
    for verb, state in (("stop", "exited"), ("start", "running"), ("restart", "running")):
        done(site, verb, host.name, "redis", "--yes")
        assert states(host) == {"redis": state}
    done(site, "rm", host.name, "redis", "--stop", "--yes")
    done(site, "image", "remove", "redis:latest", host.name, "--yes")
    assert (states(host), "redis:latest" in host.docker("images", "--format", "{{.Repository}}:{{.Tag}}")) == (
        {},
        False,
    )
    site.converge()


def web_redis(site: Site, host: Host) -> None:
    """The count survives the replacement of either container."""
    first = visit(host, "1.0")
    done(site, "apply", "--yes", str(site.file), "-e", "version=1.1")
    second = visit(host, "1.1")
    done(site, "apply", "--yes", str(site.file), "-e", "version=1.1", "-e", "redis_memory=32mb")
    assert first < second < visit(host, "1.1")


def mounts(site: Site, host: Host) -> None:
    """Code reaches both containers as it is here, and they share a volume, and nothing else."""
    before = ids(host)
    for name in ("short", "long"):
        of_container(host, name, "sh", "-c", f"touch /uploads/{name} /scratch/{name}; ! touch /app/new")
        assert of_container(host, name, "ls", "/scratch").split() == [name]
        kind, size = of_container(host, name, "sh", "-c", "stat -f -c %T /scratch; df -m /scratch | tail -1").split()[
            :3:2
        ]
        assert (kind, size) == ("tmpfs", "16")
    assert of_container(host, "short", "ls", "/uploads").split() == ["long", "short"]
    folder = site.folder / "playbooks" / "mounts"
    (folder / "index.html").write_text("changed\n")
    (folder / "more").mkdir()
    (folder / "more" / "page").write_text("new\n")
    assert [line.rpartition(" ")[0] for line in site.plan().changes] == [
        f"{host.name}/file./srv/mounts/code/index.html ~",
        f"{host.name}/file./srv/mounts/code/more",
        f"{host.name}/file./srv/mounts/code/more/page",
    ]
    site.converge()
    assert [answer(host, port) + answer(host, port, "/more/page") for port in (8081, 8082)] == ["changed\nnew\n"] * 2
    shutil.rmtree(folder / "more")
    site.converge()
    assert of_container(host, "long", "ls", "/app").split() == ["index.html"]
    assert ids(host) == before


SCENARIOS: dict[str, Callable[[Site, Host], None]] = {
    "redis": redis,
    "web-redis": web_redis,
    "mounts": mounts,
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_playbook_is_applied_twice_used_and_undone(name: str, host: Host, tmp_path: Path) -> None:
    site = scenario(name, tmp_path, host)
    site.converge()
    SCENARIOS[name](site, host)
    undone(site, host)


def page(host: Host, path: str = "/", **form: str) -> str:
    data = urllib.parse.urlencode(form).encode() if form else None
    with urllib.request.urlopen(f"http://{host.address}:8000{path}", data, timeout=30) as answer:
        return str(answer.read().decode())


def test_wordpress(host: Host, tmp_path: Path) -> None:
    """A post survives the replacement of the web container, and the migration of the database's volume."""
    site = Site(tmp_path, host, wordpress_db_password="one w$rd #%", mysql_root_password="two")
    play = yaml.safe_load((CHECKOUT / "playbooks" / "wordpress.yml").read_text("utf-8"))[0]
    play["containers"]["db"]["healthcheck"]["interval"] = "1s"
    play["volumes"]["db-copy"] = {}
    site.write(play).converge()
    assert "WordPress" in page(host)
    install = {"admin_password": PASSWORD, "admin_password2": PASSWORD, "pw_weak": "on"}
    install |= {"weblog_title": "Shop", "user_name": ADMIN, "admin_email": "ann@example.com", "blog_public": "0"}
    assert "Success" in page(host, "/wp-admin/install.php?step=2", **install)
    service = xmlrpc.client.ServerProxy(f"http://{host.address}:8000/xmlrpc.php")
    content = {"post_title": "Opening", "post_content": "We are open", "post_status": "publish"}
    post = str(service.wp.newPost(0, ADMIN, PASSWORD, content))
    assert "We are open" in page(host, f"/?p={post}")
    play["containers"]["wordpress"]["environment"]["TZ"] = "Europe/Berlin"
    site.write(play).converge()
    assert "We are open" in page(host, f"/?p={post}")
    done(site, "volume", "migrate", f"{host.name}/db-data", f"{host.name}/db-copy", "--yes")
    play["containers"]["db"]["volumes"] = ["db-copy:/var/lib/mysql"]
    site.write(play).converge()
    assert "We are open" in page(host, f"/?p={post}")
    undone(site, host)


def test_postgres(host: Host, tmp_path: Path) -> None:
    """Its password is in a file alone; what a backup holds is there again after everything was lost."""
    site = scenario("postgres", tmp_path, host, postgres_password=DATABASE_PASSWORD)

    def query(text: str, password: str = DATABASE_PASSWORD) -> str:
        """Over TCP, with a password."""
        address = f"postgresql://postgres:{urllib.parse.quote(password)}@127.0.0.1/app"
        return host.docker("exec", "postgres", "psql", "-qtA", address, "-c", text, check=False).strip()

    said = site.converge().out
    assert query("CREATE TABLE visits AS SELECT 42 AS count; SELECT count FROM visits") == "42"
    assert query("SELECT 1", "wrong") == ""
    said += done(site, "backup", "run", str(site.file), "--yes").err
    (archive,) = (site.file.parent / "backups").glob("*.tar.zst")
    undone(site, host)
    said += done(site, "volume", "restore", str(archive), f"{host.name}/postgres-data", "--yes").err
    said += site.converge().out
    assert query("SELECT count FROM visits") == "42"
    assert DATABASE_PASSWORD not in said + host.docker("inspect", "postgres")
    undone(site, host)


def test_mongo(host: Host, host_26: Host, tmp_path: Path) -> None:
    """The image is a stand-in without a database: the files in its volume count. They are saved, restored and moved."""
    site = scenario("mongo", tmp_path, host, host_26)
    limit = ("--limit", host.name)
    site.converge(*limit)
    folder, other = (each.root / "var/lib/docker/volumes/mongo-data/_data" for each in (host, host_26))
    (folder / "journal").mkdir(mode=0o700)
    with (folder / "journal" / "WiredTigerLog.1").open("wb") as file:
        file.truncate(5_000_000)
    before, volume, archive = listing(folder, exact=False), f"{host.name}/mongo-data", str(tmp_path / "mongo.tar.zst")
    done(site, "volume", "backup", volume, "-o", archive, "--pause", "--yes")
    undone(site, host, *limit)
    done(site, "volume", "restore", archive, volume, "--yes")
    site.converge(*limit)
    assert listing(folder, exact=False) == before
    done(site, "volume", "migrate", volume, host_26.name, "--yes")
    assert listing(other, exact=False) == before
    site.converge("--limit", host_26.name)
    assert (listing(other, exact=False), states(host)) == (before, {"mongo": "running"})
    for each in (host, host_26):
        undone(site, each, "--limit", each.name)


def test_an_image_is_published_and_run_elsewhere(host: Host, host_26: Host, tmp_path: Path) -> None:
    """By `login`, `tag` and `push`, and a playbook that names no password: the credentials stay on this machine."""
    secure = secure_registry.start()
    site = Site(tmp_path, host, host_26)
    image = f"{secure.address}/shop/web:{host.name}"
    fetch(host, "busybox:1")
    for each in (host, host_26):
        secure_registry.trust(each, secure)
    try:
        ran = [done(site, "image", "tag", "busybox:1", image, host.name)]
        ran.append(site.run("image", "push", image, host.name, "-i", str(site.inventory)))
        assert (ran[-1].code, "credentials" in ran[-1].err + ran[-1].out) == (3, True), ran[-1]
        ran.append(logged_in(site, secure))
        ran.append(done(site, "image", "push", image, host.name))
        done(site, "image", "remove", image, host.name, "--yes")
        ran.append(site.containers(web={"image": image}).converge())
        assert (states(host), states(host_26)) == ({"web": "running"}, {"web": "running"})
        assert secure.password not in "".join(each.out + each.err for each in ran)
        for each in (host, host_26):
            kept = each.run("grep", "-rlF", secure.password, "/root", "/home", "/etc", "/tmp", check=False)
            assert (kept, secure.password in each.docker("inspect", "web", image)) == ("", False)
        assert site.run("logout", secure.address).out == f"Logged out of {secure.address}.\n"
        undone(site, host)
    finally:
        for each in (host, host_26):
            each.docker("rm", "-f", "web", check=False)
            each.docker("rmi", "-f", image, check=False)
            secure_registry.distrust(each, secure)


def logged_in(site: Site, secure: secure_registry.SecureRegistry) -> Ran:
    found = subprocess.run(
        [PROGRAM, "login", secure.address, "-u", secure.user, "--password-stdin"],
        input=secure.password,
        env=environment(site.folder) | {"REQUESTS_CA_BUNDLE": str(secure.certificate)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert found.returncode == 0, found.stderr
    return Ran(found.returncode, found.stdout, found.stderr)
