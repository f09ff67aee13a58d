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

from tests.integration.support import Json, Site, ids, of_container
from tests.lab.host import Host
from tests.lab.settings import CHECKOUT

pytestmark = pytest.mark.lab

PLAYBOOK = CHECKOUT / "playbooks/nginx.yml"
PATH = "/etc/deployer-nginx/default.conf"


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


def fine(answer: str = "fine", healthz: int = 200) -> str:
    return (
        f'server {{ listen 8080; location / {{ return 200 "{answer}"; }} location /healthz {{ return {healthz}; }} }}\n'
    )


def play(content: str, **file: Any) -> Json:
    """The playbook with another content, and a probe."""
    (found,) = yaml.safe_load(PLAYBOOK.read_text())
    found["files"][PATH] |= {"content": content, "on_change": {"exec": ["nginx", "-s", "reload"]}} | file
    update = {"monitor": "300ms", "health_timeout": "2s", "probe": {"http": ":8080/healthz"}}
    found["containers"]["nginx"]["update"] = update
    return dict(found)


@pytest.fixture
def site(host: Host, tmp_path: Path) -> Iterator[Site]:
    found = Site(tmp_path, host)
    found.write(PLAYBOOK.read_text()).converge()
    yield found
    host.run("rm", "-rf", str(Path(PATH).parent))


def test_served_all_the_while(host: Host, site: Site) -> None:
    """By the same container: reloaded by a command and by a signal, and put back when it refuses what is new, or does
    not work with it."""
    assert ask(host) == f"200 Hello from {host.name}\n"
    before = ids(host)
    site.write(play(fine())).converge()
    assert ask(host) == "200 fine"

    with under_load(host) as load:
        reloaded = site.write(play(fine("new"))).converge()
        assert "container.nginx ~" in "\n".join(reloaded.changes)
        site.write(play(fine(), on_change={"signal": "SIGHUP"})).converge()
    assert load.answers.keys() == {"200 fine", "200 new"}, load.answers

    with under_load(host) as load:
        for broken, why in (
            (play("server { listen 8080; lissten; }\n"), 'unknown directive "lissten"'),
            (play(fine(healthz=500)), "its probe http :8080/healthz has not succeeded within 2s: answered 500"),
        ):
            failed = site.write(broken).apply()
            assert (failed.code, why in "\n".join(failed.errors)) == (3, True), failed.errors
    assert load.answers.keys() == {"200 fine"}, load.answers
    assert ids(host) == before
    assert of_container(host, "nginx", "cat", "/etc/nginx/conf.d/default.conf") == fine()
    assert site.write(play(fine())).plan().changes == []

    site.run("destroy", "-y", *site.arguments)
    assert (ids(host), (host.root / PATH[1:]).exists()) == ({}, False)
