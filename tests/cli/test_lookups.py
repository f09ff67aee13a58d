"""Secrets from programs of this machine and from files that deployer writes: lookups and sops."""

from __future__ import annotations

import stat
import string
from typing import Any

import pytest
from ansible.plugins.lookup.password import _gen_candidate_chars  # type: ignore[import-untyped]
from ansible.utils.encrypt import random_password  # type: ignore[import-untyped]

from deployer.config.templates.lookups_outside import new_password
from tests.cli.runs import Shop

PLAYBOOK = """\
- name: Web tier
  hosts: web
  project: shop
  containers:
    web:
      image: nginx:latest
      environment: {DB: "{{ %s }}"}
"""
HOSTS = ("-i", "hosts.yml", "shop.yml")


def written(shop: Shop, expression: str) -> Shop:
    shop.write("shop.yml", PLAYBOOK % expression)
    return shop


def program(shop: Shop, name: str, script: str) -> None:
    path = shop.folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_programs_run_only_where_they_are_allowed(shop: Shop) -> None:
    """Once in a run, for all hosts; the plan names them, and shows nothing of what they print."""
    program(shop, "get", "echo run >> runs; echo 's3cret value'; echo 'and more'")
    written(shop, "lookup('pipe', './get ' ~ 'db')")
    refused = shop.run("plan", *HOSTS)
    assert refused.code == 1
    assert (
        "shop.yml:7:25: containers.web.environment.DB: template failed: lookup 'pipe' runs a program while planning: "
        "./get db; allow it with --allow-commands" in " ".join(refused.err.split())
    )
    assert not (shop.folder / "runs").exists()
    planned = shop.run("plan", *HOSTS, "--allow-commands", "-v")
    assert planned.code == 0, planned.err
    assert planned.err == "--allow-commands: warning: ran on this machine: ./get db\n"
    assert "s3cret" not in planned.out
    assert (shop.folder / "runs").read_text() == "run\n"
    assert shop.run("apply", *HOSTS, "--allow-commands", "--yes").code == 0
    assert "no changes" in shop.run("plan", *HOSTS, "--allow-commands").out
    saved = shop.run("plan", *HOSTS, "--allow-commands", "-o", "shop.plan")
    assert (saved.code, "--allow-commands" in saved.err) == (0, True), saved.err
    assert "s3cret" not in (shop.folder / "shop.plan").read_text()
    assert "allow it with --allow-commands" in " ".join(shop.run("apply", "shop.plan", "--yes").err.split())
    assert shop.run("apply", "shop.plan", "--allow-commands", "--yes").code == 0


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("lookup('command', './fails now')", "lookup 'command': './fails now' ended with status 3: no such entry"),
        (
            "lookup('command', '/no/one')",
            "lookup 'command': '/no/one' cannot be run: No such file or directory",
        ),
        ("lookup('command', '')", "lookup 'command': the command is empty"),
        ("lookup('command', 'a \"b')", "lookup 'command': No closing quotation"),
        (
            "lookup('password', '/dev/null')",
            "lookup 'password': /dev/null keeps no password, so every run would differ",
        ),
        ("lookup('password', 'x length=y')", "lookup 'password': length is not a number: y"),
        ("lookup('password', 'x y size=4')", "lookup 'password': unknown option 'size'; known: length, chars, seed"),
        ("lookup('password', 'x encrypt=bcrypt')", "lookup 'password': encrypt is not available; hash the result with"),
    ],
)
def test_errors_are_at_the_template(shop: Shop, expression: str, message: str) -> None:
    program(shop, "fails", "echo 'no such entry' >&2; exit 3")
    written(shop, expression.replace('"', '\\"'))
    found = shop.run("plan", *HOSTS, "--allow-commands")
    assert found.code == 1
    assert message in " ".join(found.err.split())


def test_a_new_password_is_written_when_the_plan_is_applied(shop: Shop) -> None:
    written(shop, "lookup('password', 'secrets/db length=24 chars=ascii_letters,digits')")
    file = shop.folder / "secrets" / "db"
    planned = shop.run("plan", *HOSTS)
    assert (planned.code, planned.err) == (
        0,
        "secrets/db: warning: does not exist: apply creates it with a new password\n",
    )
    refused = shop.run("plan", *HOSTS, "-o", "shop.plan")
    assert "error: the plan needs passwords that are in no file yet: secrets/db\n" in refused.err
    assert not (shop.folder / "shop.plan").exists()
    assert not shop.run("destroy", *HOSTS, "--yes").code
    assert not file.parent.exists()
    applied = shop.run("apply", *HOSTS, "--yes")
    assert applied.code == 0, applied.err
    password = file.read_text().removesuffix("\n")
    assert len(password) == 24
    assert set(password) <= set(string.ascii_letters + string.digits)
    assert (stat.S_IMODE(file.stat().st_mode), stat.S_IMODE(file.parent.stat().st_mode)) == (0o600, 0o700)
    assert password not in applied.out + applied.err
    again = shop.run("plan", *HOSTS)
    assert (again.err, "no changes" in again.out) == ("", True)
    file.write_text(f"{password} salt=abc\n")
    assert "no changes" in shop.run("plan", *HOSTS).out
    (shop.folder / "vault").write_text("word\n")
    shop.run("vault", "encrypt", "secrets/db", "--vault-password-file", "vault")
    assert "no changes" in shop.run("plan", *HOSTS, "--vault-password-file", "vault").out
    file.write_text("another\n")
    changed = shop.run("plan", *HOSTS)
    assert "environment.DB" in changed.out
    assert "another" not in changed.out
    file.write_text("\n")
    empty = shop.run("plan", *HOSTS)
    assert (empty.code, "secrets/db is empty; write a password" in " ".join(empty.err.split())) == (1, True), empty.err


@pytest.mark.parametrize(
    "options", [{}, {"length": 8}, {"chars": ["digits", ".,"]}, {"chars": ["ascii_letters", ",", "'x\""], "length": 40}]
)
def test_a_seed_gives_ansibles_password(options: dict[str, Any]) -> None:
    chars = _gen_candidate_chars(options.get("chars", ["ascii_letters", "digits", ".,:-_"]))
    theirs = random_password(options.get("length", 20), chars, seed="host1")
    assert new_password({**options, "seed": "host1"}) == theirs


def test_files_of_sops_are_decrypted_by_sops(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.write("vars.yml", "token: ENC[AES256_GCM,data:x,type:str]\nsops:\n  mac: ENC[x]\n  version: 3.9.0\n")
    written(shop, "token")
    shop.edit("  project: shop\n", "  project: shop\n  vars_files: [vars.yml]\n")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    missing = shop.run("plan", *HOSTS)
    assert missing.err.startswith("vars.yml: encrypted with sops, and the program sops is not installed; ")
    monkeypatch.setenv("PATH", f"{shop.folder}:/usr/bin:/bin")
    program(shop, "sops", 'test "$*" = "--decrypt --output-type yaml vars.yml" || exit 9; echo "token: s3cret-token"')
    applied = shop.run("apply", *HOSTS, "--yes", "-v")
    assert applied.code == 0, applied.err
    assert "s3cret" not in applied.out + applied.err
    program(shop, "sops", 'echo "token: s3cret-other"')
    changed = shop.run("plan", *HOSTS)
    assert "environment.DB  (secret, changed)" in " ".join(changed.out.split()).replace("DB (", "DB  (")
    program(shop, "sops", 'echo "Failed to get the data key" >&2; exit 128')
    failed = shop.run("plan", *HOSTS)
    assert failed.err.startswith("vars.yml: sops ended with status 128: Failed to get the data key\n")
