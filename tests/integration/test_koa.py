"""A web page of Node.js: built on one host with packages of a private registry, pushed to a registry with TLS and a
login, and run by other hosts from there."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shlex
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.integration.support import Ran, Site, fetch, ids
from tests.lab import layers, machine, secure_registry
from tests.lab.host import Host
from tests.lab.images import publishing, recipes
from tests.lab.registry import Pusher
from tests.lab.settings import CACHE, CHECKOUT, GATEWAY
from tests.lab.shell import wait_for

pytestmark = pytest.mark.lab

NODE = layers.Layer("node", "bookworm", ("nodejs", "npm"), "useradd --create-home node\n", recipes.DEBIAN)
"""Debian's Node.js under the name of the public image: a stand-in, not that image."""

TOKEN = "npm_s3ntinel0123456789"


class Npm(ThreadingHTTPServer):
    """The public registry of npm for those who have the token. What was fetched is kept for later runs."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__((GATEWAY, 0), _Answer)
        self.cache = CACHE / "npm"
        self.cache.mkdir(exist_ok=True)


class _Answer(BaseHTTPRequestHandler):
    server: Npm

    def do_GET(self) -> None:
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.send_error(401)
            return
        kept = self.server.cache / hashlib.sha256(self.path.encode()).hexdigest()
        if not kept.exists():
            with urllib.request.urlopen(f"https://registry.npmjs.org{self.path}", timeout=30) as answer:
                kept.with_suffix(f".{threading.get_ident()}").write_bytes(answer.read())
            kept.with_suffix(f".{threading.get_ident()}").replace(kept)
        body = kept.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def private_npm() -> Iterator[Npm]:
    server = Npm()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def _node() -> None:
    """The lab's registry has `node:22-slim`."""
    layers.build_all([NODE], machine.mirror())
    pusher = Pusher()
    config = {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "Cmd": ["node"]}
    publishing.store(pusher, recipes.Image("library/node", ("22-slim",), config, (recipes.DEBIAN, NODE)))
    pusher.close()


def page(host: Host) -> str:
    found: list[str] = []

    def answers() -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{host.address}:8080/", timeout=5) as answer:
            found.append(answer.read().decode())
        return bool(found)

    wait_for(answers, 20, f"the page of {host.name}")
    return found[0]


@pytest.mark.usefixtures("_node")
def test_a_page_is_built_published_and_run_elsewhere(host_20: Host, host_28: Host, tmp_path: Path) -> None:
    """By the older engine for the newer one, which then builds it for itself."""
    secure = secure_registry.start()
    hosts = (host_20, host_28)
    site = Site(tmp_path, *hosts)
    shutil.copytree(CHECKOUT / "playbooks/koa", tmp_path / "koa")
    site.file.write_text((CHECKOUT / "playbooks/koa-registry.yml").read_text())
    for host in hosts:
        fetch(host, "node:22-slim")
        secure_registry.trust(host, secure)
    try:
        with private_npm() as npm:
            address = f"{GATEWAY}:{npm.server_address[1]}"
            npmrc = f"registry=http://{address}/\n//{address}/:_authToken={TOKEN}\nfund=false\n"
            given = {"registry": secure.address, "registry_user": secure.user, "registry_password": secure.password}
            site.write_inventory({host.name: {} for host in hosts}, given | {"npmrc": npmrc})
            said = _published(site, hosts)
            site.write_inventory({host_28.name: {}}, {"npmrc": npmrc})
            said += _built_alone(site, host_28)
        assert not [secret for secret in (TOKEN, secure.password) if secret in said]
        _are_nowhere((TOKEN, secure.password), host_20, f"{secure.address}/koa-hello:1.1")
    finally:
        for host in hosts:
            host.docker("rm", "-f", "-v", "web", "web.previous", check=False)
            names = (f"{secure.address}/koa-hello:1.0", f"{secure.address}/koa-hello:1.1", "koa-hello:1.0")
            host.docker("rmi", "-f", *names, "koa-hello:latest", check=False)
            secure_registry.distrust(host, secure)


def _published(site: Site, hosts: tuple[Host, ...]) -> str:
    """All that was said while the page was published, changed, published again and removed."""
    first, other = hosts
    ran: list[Ran] = [site.converge()]
    assert [page(host) for host in hosts] == ["Hello from Koa\n"] * 2
    (app := site.folder / "koa" / "app.js").touch()
    assert site.plan().code == 0, "touched without a change"

    before = ids(other)
    app.write_text(app.read_text().replace("Hello from Koa", "Hello from Koa!"))
    image = f"{first.name}/image.{secure_registry.start().address}/koa-hello:1.0"
    reason = site.plan().change(image)["reason"]
    assert re.match("build, app.js changed, then push, the registry has another image, sha256:", reason), reason
    planned = site.plan("-e", "version=1.1")
    assert f"{other.name}/container.web -/+ image" in planned.changes
    assert ids(other) == before
    ran += [planned, site.converge("-e", "version=1.1")]
    assert [page(host) for host in hosts] == ["Hello from Koa!\n"] * 2

    ran.append(site.run("destroy", "--yes", *site.arguments))
    assert ran[-1].code == 0
    assert [ids(host) for host in hosts] == [{}, {}]
    return "".join(each.out + each.err for each in ran)


def _built_alone(site: Site, host: Host) -> str:
    """All that was said while `koa.yml` was applied and removed."""
    site.file.write_text((CHECKOUT / "playbooks/koa.yml").read_text())
    ran = [site.converge()]
    assert page(host) == "Hello from Koa!\n"
    ran.append(site.run("destroy", "--yes", *site.arguments))
    assert ids(host) == {}
    return "".join(each.out + each.err for each in ran)


def _are_nowhere(secrets: tuple[str, ...], host: Host, image: str) -> None:
    """In no layer, label, history or configuration of the image, nor in what Docker keeps for its users."""
    host.docker("save", "-o", "/tmp/koa.tar", image)
    grep = f"grep -F {' '.join(f'-e {shlex.quote(secret)}' for secret in secrets)}"
    look = f'mkdir /tmp/koa && tar -xf /tmp/koa.tar -C /tmp/koa && cd /tmp/koa && find . -type f | while read f; do \
        (zcat -f "$f" | {grep} -q) && echo $f; done; cd /; rm -rf /tmp/koa /tmp/koa.tar'
    assert host.run("bash", "-c", look).strip() == ""
    said = host.docker("history", "--no-trunc", image) + host.docker("inspect", image)
    assert not [secret for secret in secrets if secret in said]
    assert host.run("bash", "-c", f"{grep} -rl /root /home /etc || true").strip() == ""
