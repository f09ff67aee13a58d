"""Whose credentials a pull is sent with."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from deployer.engine.registry_auth import TOKEN_USER, Credentials, auth_header
from deployer.errors import DeployerError
from deployer.interfaces import RegistryAuth


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path


def write(folder: Path, settings: Any) -> None:
    (folder / "config.json").write_text(json.dumps(settings))


def entry(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def helper(folder: Path, name: str, answers: dict[str, dict[str, str]]) -> Path:
    """A docker-credential-NAME that knows `answers`; it notes each call in NAME.calls."""
    script = folder / f"docker-credential-{name}"
    script.write_text(
        "#!/usr/bin/python3\n"
        "import json, sys\n"
        f"open({str(folder / (name + '.calls'))!r}, 'a').write('x')\n"
        f"found = {answers!r}.get(sys.stdin.read().strip())\n"
        "print(json.dumps(found) if found else 'credentials not found in native keychain')\n"
        "sys.exit(0 if found else 1)\n"
    )
    script.chmod(0o755)
    return folder / f"{name}.calls"


def test_the_plays_own_come_first(folder: Path) -> None:
    write(folder, {"auths": {"registry.example.com": entry("docker", "login")}})
    own = {"registry.example.com": {"username": "ci", "password": "s3cret"}}
    assert Credentials(own).find("registry.example.com") == RegistryAuth("ci", "s3cret", "registry.example.com")


@pytest.mark.parametrize("key", ["docker.io", "index.docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"])
def test_docker_hub_has_several_names_and_one_server(key: str) -> None:
    found = Credentials({key: {"username": "me", "password": "pw"}}).find("docker.io")
    assert found == RegistryAuth("me", "pw", "https://index.docker.io/v1/")


def test_a_token_of_the_play() -> None:
    assert Credentials({"r.io": {"token": "t0ken"}}).find("r.io") == RegistryAuth(TOKEN_USER, "t0ken", "r.io")


def test_without_any_a_pull_is_anonymous(folder: Path) -> None:
    assert Credentials({}).find("docker.io") is None
    write(folder, {})
    assert Credentials({}).find("docker.io") is None
    write(folder, {"auths": {"other.example.com": entry("a", "b")}, "HttpHeaders": {"X": "y"}})
    assert Credentials({}).find("registry.example.com") is None


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("registry.example.com", "registry.example.com"),
        ("https://registry.example.com/v2/", "registry.example.com"),
        ("registry.example.com:5000", "registry.example.com:5000"),
        ("https://index.docker.io/v1/", "docker.io"),
    ],
)
def test_docker_logins_are_used(folder: Path, key: str, registry: str) -> None:
    write(folder, {"auths": {key: entry("me", "p:w")}})
    found = Credentials({}).find(registry)
    assert found and (found.username, found.password) == ("me", "p:w")


def test_an_identity_token_is_used(folder: Path) -> None:
    write(folder, {"auths": {"r.example.com": {"auth": "", "identitytoken": "t0ken"}}})
    found = Credentials({}).find("r.example.com")
    assert found == RegistryAuth(TOKEN_USER, "t0ken", "r.example.com")
    header = auth_header(found)["X-Registry-Auth"]
    assert json.loads(base64.urlsafe_b64decode(header)) == {"identitytoken": "t0ken", "serveraddress": "r.example.com"}


def test_a_helper_of_one_registry_and_the_store_for_the_others(folder: Path) -> None:
    helper(folder, "one", {"one.example.com": {"Username": "first", "Secret": "1"}})
    helper(folder, "all", {"two.example.com": {"Username": "<token>", "Secret": "2"}})
    write(folder, {"credsStore": "all", "credHelpers": {"one.example.com": "one"}})
    credentials = Credentials({})
    assert credentials.find("one.example.com") == RegistryAuth("first", "1", "one.example.com")
    assert credentials.find("two.example.com") == RegistryAuth(TOKEN_USER, "2", "two.example.com")
    assert credentials.find("three.example.com") is None


def test_docker_hub_is_asked_for_by_its_server(folder: Path) -> None:
    helper(folder, "all", {"https://index.docker.io/v1/": {"Username": "me", "Secret": "pw"}})
    write(folder, {"credsStore": "all"})
    found = Credentials({}).find("docker.io")
    assert found == RegistryAuth("me", "pw", "https://index.docker.io/v1/")


def test_a_helper_is_asked_once_a_run(folder: Path) -> None:
    calls = helper(folder, "all", {"r.example.com": {"Username": "me", "Secret": "pw"}})
    write(folder, {"credsStore": "all"})
    credentials = Credentials({})
    for _ in range(3):
        credentials.find("r.example.com")
    assert calls.read_text() == "x"


def test_a_missing_helper_is_named(folder: Path, recwarn: pytest.WarningsRecorder) -> None:
    write(folder, {"credsStore": "gone"})
    with pytest.raises(DeployerError) as caught:
        Credentials({}).find("r.example.com")
    assert "docker-credential-gone not installed or not available in PATH" in caught.value.message
    assert not recwarn.list


def test_a_broken_file_is_named(folder: Path) -> None:
    (folder / "config.json").write_text("{")
    with pytest.raises(DeployerError, match=r"config\.json cannot be read"):
        Credentials({}).find("docker.io")


def test_credentials_are_not_in_the_repr() -> None:
    assert "s3cret" not in repr(RegistryAuth("ci", "s3cret", "r.io"))
