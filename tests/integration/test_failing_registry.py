"""A registry that fails in the middle of a pull: what is said, and that nothing else on the host changes.

On the engine with containerd's store only: the others try five times, for most of a minute, and then say the same."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import signal
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.integration.support import PROGRAM, Site, environment, ids
from tests.lab.host import Host
from tests.lab.shell import wait_for

pytestmark = pytest.mark.lab

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


class Failing(ThreadingHTTPServer):
    """Has images of one layer: `cut` ends in the middle of it, `broken` answers with an error, `newer` has a type of
    layer that no engine knows, `drips` takes an hour. `dripping`: one asks for that; `given_up`: it no longer does."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.blobs: dict[str, tuple[str, bytes]] = {}
        self.tags = {name: self._image(name) for name in ("cut", "broken", "newer", "drips")}
        self.dripping, self.given_up = threading.Event(), threading.Event()

    def _image(self, name: str) -> str:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as layer:
            member = tarfile.TarInfo(name)
            member.size = 100_000
            layer.addfile(member, io.BytesIO(os.urandom(member.size)))
        diffs = {"type": "layers", "diff_ids": [digest(archive.getvalue())]}
        config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": diffs}
        types = _CONFIG, _LAYER if name != "newer" else "application/vnd.oci.image.layer.v9.tar+br"
        parts = zip(types, (json.dumps(config).encode(), gzip.compress(archive.getvalue())), strict=True)
        below = [{"mediaType": kind, "size": len(data), "digest": self._keep(name, data)} for kind, data in parts]
        manifest = {"schemaVersion": 2, "mediaType": _MANIFEST, "config": below[0], "layers": below[1:]}
        return self._keep("", json.dumps(manifest).encode())

    def _keep(self, name: str, data: bytes) -> str:
        self.blobs[digest(data)] = (name, data)
        return digest(data)


class _Answer(BaseHTTPRequestHandler):
    server: Failing
    default_request_version = "HTTP/1.1"
    """The engine greets with TLS first, and takes to HTTP when that is answered with an error."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        what = self.path.rpartition("/")[2]
        name, data = self.server.blobs.get(self.server.tags.get(what, what), ("", b"{}"))
        is_layer = len(data) > 50_000
        self.send_response(500 if is_layer and name == "broken" else 200)
        self.send_header("Content-Type", "application/octet-stream" if name else _MANIFEST)
        self.send_header("Docker-Content-Digest", digest(data))
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD" and is_layer and name == "drips":
            self._drip(data)
        elif self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if is_layer and name == "cut" else data)

    def _drip(self, data: bytes) -> None:
        self.server.dripping.set()
        try:
            for byte in data:
                self.wfile.write(bytes([byte]))
                if self.server.given_up.wait(0.05):
                    return
        except OSError:
            self.server.given_up.set()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def registry_on(host: Host) -> Iterator[tuple[str, Failing]]:
    """A failing registry on the host's own address, which engines ask without TLS."""
    server = Failing()
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    address = f"127.0.0.1:{server.server_address[1]}"
    login, *words = host.ssh_command()
    tunnel = subprocess.Popen([login, "-N", "-R", f"{address}:{address}", *words])
    try:
        wait_for(lambda: address in host.run("ss", "-ltn"), 20, "the tunnel")
        yield address, server
    finally:
        tunnel.terminate()
        tunnel.wait()
        server.shutdown()
        server.server_close()
        serving.join()


def images(host: Host) -> set[str]:
    return {str(found["Id"]) for found in host.api("GET", "/images/json")}


def test_a_registry_that_fails_in_the_middle(host_containerd: Host, tmp_path: Path) -> None:
    host = host_containerd
    site = Site(tmp_path, host).containers(web={})
    site.converge()
    before = ids(host), images(host)
    said = {}
    with registry_on(host) as (address, _):
        for name in ("cut", "broken", "newer"):
            failed = site.containers(web={"image": f"{address}/app:{name}"}).apply()
            assert (failed.code, ids(host), images(host)) == (3, *before), name
            (found,) = failed.failures
            said[name] = (found["error"].rpartition(": ")[2], found["hint"])
    assert said == {
        "cut": ("unexpected EOF", "the registry closed the connection: apply again; complete layers are kept"),
        "broken": (
            "500 Internal Server Error",
            "the registry failed, and its log may say why: apply again later; complete layers are kept",
        ),
        "newer": (
            "no processor for media-type",
            "the host's engine does not support the format of this image: upgrade the engine",
        ),
    }


def test_a_stop_ends_a_pull_that_would_go_on_for_an_hour(host_containerd: Host, tmp_path: Path) -> None:
    """At once, and the engine then gives it up. What ran runs on."""
    host = host_containerd
    site = Site(tmp_path, host).containers(web={})
    site.converge()
    before = ids(host), images(host)
    with registry_on(host) as (address, server):
        site.containers(web={"image": f"{address}/app:drips"})
        words = [str(PROGRAM), "apply", "--yes", *site.arguments]
        pipe = subprocess.PIPE
        with subprocess.Popen(words, env=environment(site.folder), stdout=pipe, stderr=pipe, text=True) as running:
            assert server.dripping.wait(30)
            running.send_signal(signal.SIGINT)
            out, err = running.communicate(timeout=10)
        assert running.returncode == 130, (out, err)
        assert f"image {address}/app:drips: pulling interrupted" in err
        assert server.given_up.wait(10), "the engine goes on with it"
    assert (ids(host), images(host)) == before
