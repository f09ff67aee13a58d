"""Secrets arrive byte for byte and show up nowhere else (T15)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.config import vault
from tests.integration.support import SLEEP, Ran, Site, inspect, of_container
from tests.lab.fixtures import newest_engine
from tests.lab.host import Host

pytestmark = pytest.mark.lab

SENTINEL = "s3ntinel"
SECRETS = {
    "PEM": f"-----BEGIN PRIVATE KEY-----\n{SENTINEL}AAAA+/=\n-----END PRIVATE KEY-----\n",
    "DOLLAR": f"{SENTINEL}foo#$123$$HOME${{X}}",
    "JSON": f'{{"a": "{SENTINEL}\\n", "b": [1, "\\u00e4"]}}',
    "TRAILING": f" {SENTINEL} with blanks  ",
    "UNICODE": f"{SENTINEL}äöü€😀",
    "PERCENT": f"{SENTINEL}%s%(x)s%%",
    "QUOTES": f"""{SENTINEL}'"`\\""",
    "BRACES": f"{SENTINEL}{{x}}",
    "LONG": SENTINEL + "x" * 5000,
    "EQUALS": f"{SENTINEL}=a=b",
}
PASSWORD = "vault-" + SENTINEL


@pytest.fixture
def site(host: Host, tmp_path: Path) -> Site:
    """Variables in a vault, used in every kind of field that can hold a secret."""
    site = Site(tmp_path, host)
    (tmp_path / "password").write_text(PASSWORD)
    clear = yaml.safe_dump({name.lower(): value for name, value in SECRETS.items()})
    (tmp_path / "secrets.yml").write_text(vault.encrypt(clear, vault.VaultSecret("default", PASSWORD.encode())))
    return write(site, "1")


def write(site: Site, salt: str) -> Site:
    environment = {name: f"{{{{ {name.lower()} }}}}" for name in SECRETS}
    changing = {
        "environment": {"PASSWORD": "{{ dollar }}" + salt, "URL": "redis://:{{ equals }}@db:6379/" + salt},
        "labels": {"api-token": "{{ percent }}" + salt},
        "command": ["sh", "-c", 'sleep 100000; echo "$0"', "{{ percent }}" + salt],
        "healthcheck": {"test": ["CMD", "sh", "-c", "true", "{{ percent }}" + salt], "interval": "0.5s"},
        "hostname": "web",
    }
    plain = {**SLEEP, "environment": environment}
    return site.write(
        {
            "vars_files": ["secrets.yml"],
            "registries": {"registry.example.com": {"username": "ci", "password": "{{ unicode }}"}},
            "containers": {"plain": plain, "web": {**SLEEP, **changing}},
        }
    )


VAULT = ("--vault-password-file", "password")


def says_nothing(ran: Ran) -> None:
    for text in (ran.out, ran.err):
        assert SENTINEL not in text
        assert SENTINEL not in json.dumps(text)


def environment_of(host: Host, container: str) -> dict[str, bytes]:
    """As the process has it."""
    raw = of_container(host, container, "sh", "-c", "base64 /proc/1/environ | tr -d '\\n'")
    pairs = (entry.partition(b"=") for entry in base64.b64decode(raw).split(b"\0") if entry)
    return {name.decode(): value for name, _, value in pairs}


def test_secrets_arrive_byte_for_byte(site: Site, host: Host) -> None:
    site.converge(*VAULT)
    found = environment_of(host, "plain")
    assert {name: found[name].decode() for name in SECRETS} == SECRETS


@newest_engine
def test_no_output_shows_one(site: Site, host: Host) -> None:
    for words in (("plan",), ("plan", "--json"), ("plan", "-v"), ("apply", "--check", "--diff"), ("validate",)):
        says_nothing(site.run(*words, *site.arguments, *VAULT))
    says_nothing(site.program("apply", "--yes", "-vv", *site.arguments, *VAULT))
    write(site, "2")
    changed = site.plan(*VAULT)
    assert changed.change(f"{host.name}/container.web")["symbol"] == "-/+"
    says_nothing(changed)
    says_nothing(site.run("plan", "-v", *site.arguments, *VAULT))
    says_nothing(site.run("drift", *site.arguments, *VAULT))
    says_nothing(site.program("apply", "--yes", "--json", *site.arguments, *VAULT))


def test_nor_does_a_failure(site: Site, host: Host) -> None:
    """The engine repeats in its errors what it was given, and a container may print it, or a part of a longer value."""
    site.converge(*VAULT)
    prints = 'echo "$PERCENT"; x=${URL#*//u:}; echo "cannot log in with ${x%@*}"; echo "$x" | base64; exit 1'
    environment = {"PERCENT": "{{ percent }}", "URL": "postgres://u:{{ equals }}@h/x"}
    shouts = {"command": ["sh", "-c", prints], "environment": environment}
    refused = {"command": ["{{ percent }}"]}
    for containers, commands in (({"plain": shouts}, [()]), ({"web": refused}, [(), ("--json",), ("--debug",)])):
        declared = {name: {**SLEEP, **keys} for name, keys in containers.items()}
        site.write({"vars_files": ["secrets.yml"], "containers": declared})
        for words in commands:
            failed = site.program("apply", "--yes", *words, *site.arguments, *VAULT)
            assert failed.code == 3
            says_nothing(failed)
            assert base64.b64encode(SENTINEL.encode()).decode()[:8] not in failed.out + failed.err
            assert ("cannot log in with ***" in failed.out + failed.err) == ("plain" in containers)


@newest_engine
def test_nor_do_labels_of_the_tool(site: Site, host: Host) -> None:
    site.converge(*VAULT)
    for container in ("plain", "web"):
        own = {key: value for key, value in inspect(host, container)["Config"]["Labels"].items() if "deployer" in key}
        assert own
        assert SENTINEL not in json.dumps(own)


@newest_engine
def test_an_error_in_a_secret_does_not_show_it(site: Site) -> None:
    wrong: dict[str, Any] = {**SLEEP, "mem_limit": "{{ dollar }}", "ports": ["{{ equals }}"], "restart": "{{ quotes }}"}
    site.write({"vars_files": ["secrets.yml"], "containers": {"web": wrong}})
    said = site.run("plan", *site.arguments, *VAULT)
    assert said.code == 1
    says_nothing(said)


@newest_engine
def test_a_secret_removed_from_the_playbook_is_not_shown(site: Site, host: Host) -> None:
    site.converge(*VAULT)
    site.write({"containers": {"plain": SLEEP, "web": SLEEP}})
    gone = site.plan()
    fields = {part["path"][-1] for part in gone.change(f"{host.name}/container.plain")["fields"]}
    assert fields == set(SECRETS)
    says_nothing(gone)
    says_nothing(site.run("plan", *site.arguments))
    says_nothing(site.program("apply", "--yes", *site.arguments))


def test_a_changed_secret_is_seen_as_such(site: Site, host: Host) -> None:
    site.converge(*VAULT)
    write(site, "2")
    fields = [".".join(part["path"]) for part in site.plan(*VAULT).change(f"{host.name}/container.web")["fields"]]
    assert fields == ["command", "environment.PASSWORD", "environment.URL", "labels.api-token", "healthcheck.test"]
    site.converge(*VAULT)
