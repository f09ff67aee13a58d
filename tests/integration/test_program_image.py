"""The image of the program itself: built by the program, as CI runners use it."""

from __future__ import annotations

import functools
import hashlib
import subprocess
import sys
import tempfile
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import deployer
from tests.integration.support import Site
from tests.lab import layers, machine
from tests.lab.host import Host
from tests.lab.images import publishing, recipes
from tests.lab.registry import Pusher
from tests.lab.rootfs import MINBASE
from tests.lab.settings import CACHE, CHECKOUT, GATEWAY

PYTHON = layers.Layer("python-pip", "trixie", ("python3", "python3-pip"), "", MINBASE["trixie"])
"""Debian's Python 3.13 under the name of the public image: a stand-in, not that image."""

IMAGE = "deployer:ci"


@pytest.fixture(scope="module")
def _python() -> None:
    """The lab's registry has `python:3.13-slim`."""
    layers.build_all([PYTHON], machine.mirror())
    pusher = Pusher()
    config = {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"], "Cmd": ["python3"]}
    publishing.store(pusher, recipes.Image("library/python", ("3.13-slim",), config, (MINBASE["trixie"], PYTHON)))
    pusher.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def wheels() -> Path:
    """What the program requires, for Python 3.13, from this machine's package index; kept for later runs."""
    file = CHECKOUT / "pyproject.toml"
    folder = CACHE / "wheels" / hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    if not folder.exists():
        project = tomllib.loads(file.read_text("utf-8"))
        wanted = (*project["project"]["dependencies"], *project["build-system"]["requires"])
        pip = (sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--python-version=3.13")
        folder.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as work:
            subprocess.run([*pip, "--dest", f"{work}/new", *wanted], check=True, capture_output=True, timeout=300)
            Path(f"{work}/new").rename(folder)
    return folder


@contextmanager
def package_index() -> Iterator[str]:
    """A `pip.conf` that names these packages, and nothing else."""
    server = ThreadingHTTPServer((GATEWAY, 0), functools.partial(_Quiet, directory=str(wheels())))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        address = f"http://{GATEWAY}:{server.server_address[1]}/"
        yield f"[global]\nno-index = true\nfind-links = {address}\ntrusted-host = {GATEWAY}\n"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.lab
@pytest.mark.usefixtures("_python")
def test_a_ci_runner_applies_with_the_image(host_26: Host, host_28: Host, tmp_path: Path) -> None:
    """Built on one host, where it then runs as a user without a name, with a key and known hosts from outside."""
    build = {"context": str(CHECKOUT), "secrets": {"pip.conf": {"value": "{{ pip_conf }}"}}}
    runner = Site(tmp_path, host_28)
    work = host_28.root / "tmp/ci"
    try:
        with package_index() as pip_conf:
            runner.write_inventory({host_28.name: {}}, {"pip_conf": pip_conf})
            runner.write({"images": {IMAGE: {"build": build}}}).converge()
        work.mkdir()
        (work / "id_ed25519").write_bytes(host_26.key.read_bytes())
        (work / "known_hosts").write_bytes(host_26.known_hosts.read_bytes())
        (work / "hosts.yml").write_text(f"all: {{hosts: {{web1: {{host: {host_26.address}, user: root}}}}}}\n")
        (work / "site.yml").write_text('- {hosts: all, networks: {ci: {labels: {by: "{{ inventory_hostname }}"}}}}\n')
        host_28.run("chown", "-R", "1234", "/tmp/ci")

        def run(*words: str) -> str:
            mounts = ("-v", "/tmp/ci:/work", "-v", "/tmp/ci:/home/deployer/.ssh:ro")
            return host_28.docker("run", "--rm", "--user", "1234", *mounts, IMAGE, *words)

        assert run("--version") == f"deployer {deployer.__version__}\n"
        assert "changed=1" in run("apply", "-i", "hosts.yml", "site.yml", "--yes")
        assert run("plan", "-i", "hosts.yml", "site.yml").endswith("Plan: no changes on 1 host.\n")
    finally:
        host_28.run("rm", "-rf", "/tmp/ci")
        host_28.docker("rmi", "-f", IMAGE, check=False)
