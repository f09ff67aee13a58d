"""`deployer secret list`."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.runs import Shop

PLAY = """\
- name: Web tier
  hosts: web
  project: shop
  vars_files: [secrets.yml]
  secrets:
    api_key: {content: "{{ api_key }}"}
  containers:
    web:
      image: nginx:latest
      environment: {DB: "postgres://app:{{ password }}@db/app", MODE: live}
      secrets: [api_key]
    worker:
      image: nginx:latest
      environment: {KEY: "{{ api_key }}"}
"""
WORDS = ("-i", "hosts.yml", "shop.yml", "--vault-password-file", "word.txt")


@pytest.fixture
def secrets(shop: Shop) -> Shop:
    shop.write("shop.yml", PLAY)
    shop.write("word.txt", "open sesame\n")
    write(shop, "first-passw0rd", "first-k3y")
    return shop


def write(shop: Shop, password: str, key: str) -> None:
    shop.write("secrets.yml", f"password: {password}\napi_key: {key}\n")
    assert shop.run("vault", "encrypt", "secrets.yml", "--vault-password-file", "word.txt").code == 0


def listed(shop: Shop, *more: str) -> list[tuple[str, ...]]:
    found = shop.run("secret", "list", *WORDS, "--json", *more)
    assert found.code == 0, found.err
    assert not re.search("passw0rd|k3y", found.out + found.err)
    rows = json.loads(found.out)["secrets"]
    return [(row["host"], row["container"], row["secret"], row["state"]) for row in rows]


def test_who_uses_which_secret_and_whether_it_is_the_declared_one(secrets: Shop) -> None:
    uses = [
        ("web", "environment.DB"),
        ("web", "secrets.api_key"),
        ("worker", "environment.KEY"),
    ]

    def all_hosts(*states: str) -> list[tuple[str, ...]]:
        return [(host, *use, state) for host in ("web1", "web2") for use, state in zip(uses, states, strict=True)]

    assert listed(secrets) == all_hosts("not applied", "not applied", "not applied")
    assert secrets.run("apply", *WORDS, "--yes").code == 0
    assert listed(secrets) == all_hosts("current", "current", "current")
    table = secrets.run("secret", "list", *WORDS, "--limit", "web1")
    row = r"^web1  web +environment.DB +current +[-0-9]{10} [:0-9]{5}  [0-9a-f]{8}  secrets.yml:1$"
    assert re.search(row, table.out, re.MULTILINE), table.out
    api_key = re.findall(r"(?:secrets.api_key|environment.KEY) .* ([0-9a-f]{8}) ", table.out)
    assert len(api_key) == 2, table.out
    assert len(set(api_key)) == 1, "equal values have equal digests"
    write(secrets, "first-passw0rd", "second-k3y")
    assert listed(secrets) == all_hosts("current", "changed since", "changed since")
    assert secrets.run("apply", *WORDS, "--yes", "--limit", "web1").code == 0
    assert listed(secrets) == [*all_hosts("current", "current", "current")[:3], *listed(secrets)[3:]]
    assert listed(secrets, "--limit", "web2") == all_hosts("current", "changed since", "changed since")[3:]
