"""playbooks/nginx.yml on real engines: a real nginx serves while its configuration changes, and while it is refused."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.support import Json, Site, ids, of_container, states, volumes
from tests.lab import faults
from tests.lab.host import Host
from tests.lab.settings import CHECKOUT

pytestmark = pytest.mark.lab

PLAYBOOK = CHECKOUT / "playbooks/nginx.yml"
FOLDER = "/etc/deployer-nginx"
PATH = f"{FOLDER}/default.conf"
BROKEN = "server { listen 8080; lissten; }\n"


class Load:
    """Asks a server all the time, over a new connection each time."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._ended = threading.Event()
        self.answers: dict[str, int] = {}

    def run(self) -> None:
        while not self._ended.is_set():
            said = ask(self._host)
            self.answers[said] = self.answers.get(said, 0) + 1

    def end(self) -> None:
        self._ended.set()


def ask(host: Host) -> str:
    """What it answers, or why it does not."""
    line = http.client.HTTPConnection(host.address, 8080, timeout=5)
    try:
        line.request("GET", "/", headers={"Connection": "close"})
        found = line.getresponse()
        return f"{found.status} {found.read().decode()}"
    except OSError as error:
        return f"{type(error).__name__}: {error}"
    finally:
        line.close()


@contextmanager
def under_load(host: Host) -> Iterator[Load]:
    load = Load(host)
    thread = threading.Thread(target=load.run)
    thread.start()
    try:
        yield load
    finally:
        load.end()
        thread.join()


def left(host: Host) -> set[str]:
    """What validations left."""
    return {name for name in states(host) if name.startswith("deployer.validate")} | volumes(host)


def fine(answer: str = "fine", healthz: int = 200) -> str:
    return (
        f'server {{ listen 8080; location / {{ return 200 "{answer}"; }} location /healthz {{ return {healthz}; }} }}\n'
    )


def play(content: str, *, checked: bool = False, **file: Any) -> Json:
    """The playbook with another content, with a probe, and with what must accept the content only if `checked`."""
    (found,) = yaml.safe_load(PLAYBOOK.read_text())
    own = found["files"][PATH] | {"content": content} | file
    found["files"][PATH] = {key: value for key, value in own.items() if checked or key != "validate"}
    update = {"monitor": "300ms", "health_timeout": "2s", "probe": {"http": ":8080/healthz"}}
    found["containers"]["nginx"]["update"] = update
    return dict(found)


@pytest.fixture
def site(host: Host, tmp_path: Path) -> Iterator[Site]:
    found = Site(tmp_path, host)
    found.write(PLAYBOOK.read_text()).converge()
    yield found
    host.run("rm", "-rf", FOLDER)


def test_served_all_the_while(host: Host, site: Site) -> None:
    """By the same container: reloaded by a command and by a signal; with a configuration that nginx does not accept
    before it is written, or afterwards, or with which it does not work."""
    assert ask(host) == f"200 Hello from {host.name}\n"
    before = ids(host)
    site.write(play(fine())).converge()
    assert ask(host) == "200 fine"

    with under_load(host) as load:
        reloaded = site.write(play(fine("new"), checked=True)).converge()
        assert f"{host.name}/container.nginx ~" in reloaded.changes
        site.write(play(fine(), on_change={"signal": "SIGHUP"})).converge()
    assert load.answers.keys() == {"200 fine", "200 new"}, load.answers

    with under_load(host) as load:
        for broken, why in (
            (play(BROKEN, checked=True), "nginx -t in nginx:1.27 ended with code 1:"),
            (play(BROKEN), "the command ended with code 1:"),
            (play(fine(healthz=500)), "its probe http :8080/healthz has not succeeded within 2s: answered 500"),
        ):
            failed = site.write(broken).apply()
            (error,) = failed.errors
            assert (failed.code, why in error) == (3, True), error
            assert BROKEN not in str(broken) or 'unknown directive "lissten"' in error
    assert load.answers.keys() == {"200 fine"}, load.answers
    assert ids(host) == before
    assert of_container(host, "nginx", "cat", "/etc/nginx/conf.d/default.conf") == fine()
    assert site.write(play(fine())).plan().changes == []

    site.run("destroy", "-y", *site.arguments)
    assert (ids(host), (host.root / PATH[1:]).exists()) == ({}, False)


def test_what_nginx_sees_before_it_is_written(host: Host, site: Site) -> None:
    """All that comes and goes in this run, beside what is on the host; where only sockets are forwarded, and with
    nothing left."""
    folder = host.root / FOLDER[1:]
    (folder / "theirs.conf").write_text("map $uri $known { default 1; }\n")
    (folder / "again").hardlink_to(folder / "theirs.conf")
    faults.restart_sshd(host, {"ForceCommand": "/usr/sbin/nologin", "PermitTTY": "no"})
    site.apply()
    before = ids(host)["nginx"]
    for number, name in enumerate(("there", "later"), 2):
        (site.folder / f"{name}.conf").write_text(f"map $uri ${name} {{ default {number}; }}\n")
    (site.folder / "default.conf").write_text('server { listen 8080; return 200 "$known $there $later"; }\n')
    together = play("", checked=True, src="default.conf")
    del together["files"][PATH]["content"]
    together["files"][f"{FOLDER}/there.conf"] = {"src": "there.conf"}
    refused = site.write(together).apply()
    assert 'unknown "later" variable' in refused.errors[0], refused.errors
    assert sorted(path.name for path in folder.iterdir()) == ["again", "default.conf", "theirs.conf"]
    assert (ids(host)["nginx"], left(host)) == (before, set())

    del together["containers"]["nginx"]["update"]["probe"]
    together["files"][f"{FOLDER}/later.conf"] = {"src": "later.conf", "mode": "0600"}
    site.write(together).converge()
    assert ask(host) == "200 1 2 3"
    del together["files"][f"{FOLDER}/later.conf"]
    refused = site.write(together).apply("--prune")
    assert 'unknown "later" variable' in refused.errors[0], refused.errors
    assert (folder / "later.conf").exists()
    assert (ids(host)["nginx"], left(host)) == (before, set())
    site.run("destroy", "-y", *site.arguments)
