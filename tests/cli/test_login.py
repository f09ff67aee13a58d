"""`deployer login` and `deployer logout`, against a small registry on this machine."""

from __future__ import annotations

import base64
import io
import json
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.engine.registry_auth import Credentials
from deployer.interfaces import RegistryAuth
from tests.cli.runs import Ended, Shop
from tests.engine.test_registry_api import FakeRegistry, running

PASSWORD = "pässword"


@pytest.fixture
def server() -> Iterator[FakeRegistry]:
    with running() as found:
        found.scheme = "Basic"
        yield found


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "docker" / "config.json"


def log_in(shop: Shop, server: FakeRegistry, password: str, monkeypatch: pytest.MonkeyPatch) -> Ended:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
    return shop.run("login", server.address, "-u", "ci", "--password-stdin", "--insecure")


def test_credentials_are_kept_as_docker_keeps_them_and_found_again(
    shop: Shop, server: FakeRegistry, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other settings of the file stay."""
    config.parent.mkdir()
    config.write_text('{"auths": {"other": {"auth": "eDp5"}}, "proxies": {"default": {}}}')
    done = log_in(shop, server, PASSWORD, monkeypatch)
    assert (done.code, PASSWORD in done.out + done.err) == (0, False), done.err
    encoded = base64.b64encode(f"ci:{PASSWORD}".encode()).decode()
    kept = {"auths": {"other": {"auth": "eDp5"}, server.address: {"auth": encoded}}, "proxies": {"default": {}}}
    assert json.loads(config.read_text()) == kept
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert Credentials({}).find(server.address) == RegistryAuth("ci", PASSWORD, server.address)
    assert shop.run("logout", f"http://{server.address}/").out == f"Logged out of {server.address}.\n"
    assert list(json.loads(config.read_text())["auths"]) == ["other"]
    assert shop.run("logout", server.address).out == f"There are no credentials for {server.address}.\n"


def test_wrong_credentials_are_not_kept(
    shop: Shop, server: FakeRegistry, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = log_in(shop, server, "wr0ng-word", monkeypatch)
    assert (done.code, done.err.splitlines()[0]) == (3, f"error: {server.address} rejects the credentials")
    assert "wr0ng-word" not in done.err
    assert not config.exists()
    assert log_in(shop, server, "", monkeypatch).err.startswith("error: --password-stdin: standard input is empty")
    refused = shop.run("login", "bad name", "-u", "ci")
    assert "'bad name' is not a registry such as reg.example.com:5000" in refused.err


def test_a_credential_helper_keeps_them(
    shop: Shop, server: FakeRegistry, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file then names the registry without its credentials; a helper that is missing is an error."""
    config.parent.mkdir()
    config.write_text(json.dumps({"credsStore": "test"}))
    missing = log_in(shop, server, PASSWORD, monkeypatch)
    assert "docker-credential-test not installed or not available in PATH" in missing.err
    kept, helper = config.with_name("kept.json"), config.parent.parent / "docker-credential-test"
    helper.write_text(
        "#!/usr/bin/python3\n"
        "import json, os, sys\n"
        f"file, given = {str(kept)!r}, sys.stdin.read()\n"
        "if sys.argv[1] == 'store': open(file, 'w').write(given)\n"
        "elif not os.path.exists(file): print('credentials not found in native keychain'); sys.exit(1)\n"
        "elif sys.argv[1] == 'erase': os.unlink(file)\n"
        "else: print(open(file).read())\n"
    )
    helper.chmod(0o755)
    done = log_in(shop, server, PASSWORD, monkeypatch)
    assert (done.code, "docker-credential-test" in done.out) == (0, True), done.err
    assert json.loads(kept.read_text()) == {"ServerURL": server.address, "Username": "ci", "Secret": PASSWORD}
    assert json.loads(config.read_text()) == {"credsStore": "test", "auths": {server.address: {}}}
    assert Credentials({}).find(server.address) == RegistryAuth("ci", PASSWORD, server.address)
    assert shop.run("logout", server.address).out == f"Logged out of {server.address}.\n"
    assert not kept.exists()
    assert shop.run("logout", server.address).out == f"There are no credentials for {server.address}.\n"
