"""The API of registries, against a small registry with a token server on this machine."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from deployer.engine.registry_api import Registry
from deployer.engine.remote_images import RemoteImages, choose, is_insecure, local_contents
from deployer.errors import RegistryError
from deployer.interfaces import RegistryAuth

BASIC = "Basic " + base64.b64encode("ci:pässword".encode()).decode()
AUTH = RegistryAuth("ci", "pässword", "reg")
CONFIG = json.dumps(
    {
        "os": "linux",
        "architecture": "amd64",
        "created": "2026-01-02T03:04:05Z",
        "config": {"Env": ["A=1"]},
        "rootfs": {"type": "layers", "diff_ids": ["sha256:a"]},
    }
).encode()


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


MANIFEST = json.dumps({"config": {"digest": digest(CONFIG)}, "layers": [{"digest": "sha256:z", "size": 7}]}).encode()
INDEX = json.dumps(
    {"manifests": [{"digest": digest(MANIFEST), "platform": {"os": "linux", "architecture": "amd64"}}]}
).encode()


class FakeRegistry(ThreadingHTTPServer):
    """`scheme`: of its challenge, "" for none. `asked`: paths, and the credentials they came with."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.scheme = ""
        self.asked: list[tuple[str, str]] = []
        self.pages: dict[str, tuple[int, bytes, dict[str, str]]] = {"/v2/": (200, b"{}", {})}

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: FakeRegistry

    def do_GET(self) -> None:
        given, path = self.headers.get("Authorization") or "", self.path
        self.server.asked.append((path, given))
        if path.startswith("/token"):
            granted = given in ("", BASIC)
            return self._answer(200 if granted else 401, b'{"token": "t0ken"}' if granted else b"{}")
        wanted = {"Bearer": "Bearer t0ken", "Basic": BASIC}.get(self.server.scheme, given)
        if given != wanted:
            realm = f'realm="http://{self.server.address}/token",service="reg",scope="a:b:pull"'
            challenge = f"Bearer {realm}" if self.server.scheme == "Bearer" else 'Basic realm="reg"'
            return self._answer(401, b"{}", {"WWW-Authenticate": challenge})
        status, body, headers = self.server.pages.get(
            path, (404, b'{"errors": [{"code": "X", "message": "manifest unknown"}]}', {})
        )
        return self._answer(status, body, headers)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing is logged."""


@contextmanager
def running() -> Iterator[FakeRegistry]:
    found = FakeRegistry()
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        found.shutdown()
        found.server_close()
        thread.join()


@pytest.fixture
def server() -> Iterator[FakeRegistry]:
    with running() as found:
        yield found


def registry(server: FakeRegistry, auth: RegistryAuth | None = None) -> Registry:
    return Registry(server.address, auth, insecure=True)


@pytest.mark.parametrize("scheme", ["", "Basic", "Bearer"])
def test_every_kind_of_login(server: FakeRegistry, scheme: str) -> None:
    server.scheme = scheme
    registry(server, AUTH).check()
    assert {given for path, given in server.asked if path == "/v2/"} >= {""}
    if scheme == "Bearer":
        assert ("/token?service=reg&scope=a%3Ab%3Apull", BASIC) in server.asked
    wrong = RegistryAuth("ci", "wrong", "reg")
    if scheme:
        with pytest.raises(RegistryError) as caught:
            registry(server, wrong).check()
        assert caught.value.status == 401


def test_without_credentials(server: FakeRegistry) -> None:
    server.scheme = "Bearer"
    registry(server).check()
    server.scheme = "Basic"
    with pytest.raises(RegistryError, match="requires credentials"):
        registry(server).check()


def test_credentials_are_not_sent_to_a_token_server_without_tls(server: FakeRegistry) -> None:
    server.scheme = "Bearer"
    with pytest.raises(RegistryError, match="does not use TLS"):
        Registry("reg.example.com", AUTH, base=f"http://{server.address}").check()
    assert not any(given for _, given in server.asked)


def test_what_is_not_there_and_what_is_limited_say_so(server: FakeRegistry) -> None:
    server.pages["/v2/b/manifests/1"] = (429, b"{}", {"Retry-After": "7"})
    with pytest.raises(RegistryError) as caught:
        registry(server).manifest("a", "1")
    assert (caught.value.status, caught.value.message) == (
        404,
        f"{server.address} answered 404 Not Found: manifest unknown",
    )
    with pytest.raises(RegistryError, match="429 Too Many Requests: retry-after: 7s"):
        registry(server).manifest("b", "1")


def test_answers_that_are_not_what_was_asked_for_are_refused(server: FakeRegistry) -> None:
    key = digest(MANIFEST)
    server.pages |= {f"/v2/a/manifests/{key}": (200, INDEX, {}), f"/v2/a/blobs/{key}": (200, b"{}", {})}
    server.pages |= {"/v2/a/manifests/list": (200, b"[]", {}), "/v2/a/manifests/text": (200, b"<html>", {})}
    for ask, said in (
        (lambda: registry(server).manifest("a", key), "another manifest"),
        (lambda: registry(server).blob("a", key), "another blob"),
        (lambda: registry(server).manifest("a", "list"), "did not answer as a registry does"),
        (lambda: registry(server).manifest("a", "text"), "did not answer in JSON"),
    ):
        with pytest.raises(RegistryError, match=said):
            ask()


def test_tags_come_in_pages(server: FakeRegistry) -> None:
    following = {"Link": '</v2/a/tags/list?n=1000&last=2>; rel="next"'}
    server.pages["/v2/a/tags/list?n=1000"] = (200, b'{"tags": ["1", "2"]}', following)
    server.pages["/v2/a/tags/list?n=1000&last=2"] = (200, b'{"tags": null}', {})
    assert registry(server).tags("a") == ("1", "2")


def test_an_address_that_nobody_answers_at() -> None:
    with pytest.raises(RegistryError) as caught:
        Registry("127.0.0.1:1", None).check()
    assert caught.value.message.startswith("127.0.0.1:1 cannot be reached: ")
    assert " at 0x" not in caught.value.message


def info(server: FakeRegistry) -> dict[str, Any]:
    return {"RegistryConfig": {"Mirrors": [f"http://{server.address}/"]}}


def test_contents_come_from_the_hosts_mirror_and_once_for_all_hosts(server: FakeRegistry) -> None:
    pages = {digest(INDEX): INDEX, digest(MANIFEST): MANIFEST}
    server.pages |= {f"/v2/library/web/manifests/{key}": (200, page, {}) for key, page in pages.items()}
    server.pages[f"/v2/library/web/blobs/{digest(CONFIG)}"] = (200, CONFIG, {})
    remote, reference = RemoteImages(), "docker.io/library/web:1"
    found = remote.contents(reference, digest(INDEX), "linux/amd64", None, info(server))
    assert found is not None
    assert (found.created, found.layers) == ("2026-01-02T03:04:05Z", (("sha256:a", 7),))
    assert found.values["environment"] == {"A": "1"}
    assert remote.contents(reference, digest(INDEX), "linux/amd64", None, info(server)) is found
    assert len(server.asked) == 3


def test_a_registry_that_does_not_answer_is_asked_once(server: FakeRegistry) -> None:
    remote = RemoteImages()
    for tag in ("1", "2"):
        assert remote.contents(f"docker.io/library/{tag}:1", "sha256:0", "linux/amd64", None, info(server)) is None
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("platform", "expected"),
    [("linux/amd64", "1"), ("linux/arm64", "2"), ("linux/arm64/v8", "2"), ("linux/arm/v7", "4"), ("linux/s390x", "")],
)
def test_the_image_of_an_index_for_a_platform(platform: str, expected: str) -> None:
    known = [("amd64", ""), ("arm64", "v8"), ("arm", "v6"), ("arm", "v7")]
    entries = [
        {"digest": str(number), "platform": {"os": "linux", "architecture": arch, "variant": variant}}
        for number, (arch, variant) in enumerate(known, 1)
    ]
    assert choose([{"digest": "0", "platform": {"os": "unknown", "architecture": "unknown"}}, *entries], platform) == (
        expected
    )


@pytest.mark.parametrize(
    ("domain", "expected"),
    [("plain:5000", True), ("10.1.2.3:5000", True), ("11.1.2.3:5000", False), ("docker.io", False), ("reg", False)],
)
def test_registries_that_an_engine_does_not_check(domain: str, *, expected: bool) -> None:
    indexes = {"plain:5000": {"Secure": False}, "docker.io": {"Secure": True}}
    config = {"RegistryConfig": {"IndexConfigs": indexes, "InsecureRegistryCIDRs": ["10.0.0.0/8"]}}
    assert is_insecure(domain, config) is expected


def test_an_image_that_its_engine_does_not_describe_has_no_contents_to_compare() -> None:
    """containerd's store, if it left out layers that it had unpacked."""
    described = {"Id": "1", "Os": "linux", "Created": "2026-01-31", "RootFS": {"Layers": ["a"]}, "Config": {}}
    found = local_contents(described)
    assert found is not None
    assert (found.created, found.layers) == ("2026-01-31", (("a", 0),))
    assert local_contents(described | {"Os": "", "RootFS": {}}) is None
