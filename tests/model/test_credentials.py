"""Which names and texts count as credentials, in plans, drift, imports, labels and error excerpts."""

from __future__ import annotations

import time
from typing import Any

import pytest

from deployer.model.credentials import (
    credential_items,
    credentials_in,
    holds_credentials,
    is_credential,
    is_sensitive_name,
)

SENSITIVE = """
DB_PASSWORD MYSQL_PASSWD SECRET_KEY GITHUB_TOKEN AWS_ACCESS_KEY_ID apiKey PASSPHRASE DB_PASS smtp.pass MYSQL_PWD
requirepass MEILI_MASTER_KEY MASTERKEY APP_KEY TS_AUTHKEY JWT_KEY SIGNING_KEY NONCE_SALT REDISCLI_AUTH SSHKEY
KEY_PASSCODE com.example.api-key splunk-token PGPASSWORD PGPASS PIN KEY
"""
HARMLESS = """
PWD COMPASS BYPASS_CACHE MODE KEYBOARD PATH AUTH_URL AUTHOR PUBLIC_KEY SORT_KEY CACHE_KEY MONKEY DONKEY PINNED SALTSTACK
PRIMARY_KEY ssh_public_key AUTH_METHOD
"""


def test_names_of_credentials() -> None:
    assert [name for name in SENSITIVE.split() if not is_sensitive_name(name)] == []
    assert [name for name in HARMLESS.split() if is_sensitive_name(name)] == []


TEXTS = [
    "postgres://u:pw@db/x",
    "redis://:pw@db:6379/0",
    "amqp://u:p@ss@h",
    "mysql://u:pa/ss@h/x",
    "https://0123456789abcdef0123@sentry.example/4",
    "https://abc123@o1.ingest.sentry.io/4",
    "u:pw@tcp(db:3306)/x",
    "app:pw@db:5432/x",
    "host=db user=u password=pw",
    "Server=db;User Id=u;Pwd=pw;",
    "addr=10.0.0.1,username=u,password=pw",
    "--requirepass pw",
    "serve --api-key pw",
    "serve --password=pw",
    "https://h/x?access_token=pw",
    '{"user": "u", "password": "pw"}',
    '{"password":12345}',
    "user: u\npassword: pw\n",
    "curl -H 'X-Api-Key: pw' h",
    "Authorization: Bearer abcdefgh1234",
    "Basic dXNlcjpwYXNz",
    "curl -u admin:pw http://h",
    "mysqldump -u root -ppw db",
    "sshpass -p pw ssh h",
    "redis-cli -a pw ping",
    "-----BEGIN PRIVATE KEY-----",
    "ghp_0123456789abcdefghij",
    "glpat-0123456789abcdefghij",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.x",
    "sk_live_0123456789",
    "https://hooks.slack.com/services/T0/B0/x",
    "admin:$apr1$abcdefgh$0123456789",
    "$2y$05$abcdefghijklmnopqrstuv",
]
PLAIN = [
    "",
    "http://host:8080/path",
    "http://host:8080/path@2x.png",
    "https://example.com/x?a=b",
    "registry.example.com:5000/app@sha256:0123",
    "app:1@sha256:0123",
    "user@example.com",
    "git@github.com:o/r.git",
    "1000:1000",
    "--user 1000:1000",
    "docker run --user 1000",
    "echo password",
    "the password is in the vault",
    "--token-file /run/token",
    "8080:80",
    "PATH=/bin:/usr/bin",
    "a == b",
    "$HOME/bin $1 $$",
    "Host(`shop.example.com`)",
    "auth:9000",
    '{"mode": "a"}',
]


def test_texts_that_hold_credentials() -> None:
    assert [text for text in TEXTS if not holds_credentials(text)] == []
    assert [text for text in PLAIN if holds_credentials(text)] == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"DB_PASSWORD": "x"}, True),
        ({"DB_PASSWORD": ""}, False),
        ({"ALLOW_EMPTY_PASSWORD": "yes"}, False),
        ({"DB_PASSWORD_FILE": "/run/secrets/db"}, False),
        ({"DB_PASSWORD_FILE": "hunter2"}, True),
        ({"TLS_KEY": "/certs/tls.key"}, False),
        ({"APP_KEY": "/base64/of/a/key"}, True),
        ({"token-server": "10.0.0.1"}, False),
        ({"/run/secrets": {"type": "bind", "source": "/srv/secrets"}}, False),
        (["run", "--password", "x"], True),
        (["run", "--password-file", "x"], False),
        (["run", "--password"], False),
        (["run", "--password", "--quiet"], False),
        (["curl", "-u", "admin:pw", "http://h"], True),
        (["id", "-u", "admin"], False),
        (["/usr/bin/mysql", "-uroot", "-ppw"], True),
        (["ssh", "-p22", "h"], False),
        (["sshpass", "-p", "pw", "ssh"], True),
        (["redis-cli", "-a", "pw"], True),
        (["ls", "-a", "x"], False),
        ([["nested", "password=x"]], True),
        (None, False),
        (5, False),
    ],
)
def test_values_that_hold_credentials(value: Any, *, found: bool) -> None:
    assert is_credential(value) is found


@pytest.mark.parametrize(
    "text",
    ["a", "a=", "://a:", "mysql ", "-u a", "\n", "'a", "a: ", "--a ", "eyJ", "@", "=a", " -u", "x://a:b", "a:", "1"],
)
def test_long_texts_take_a_moment(text: str) -> None:
    """A live value may be anything."""
    long = text * (20_000 // len(text))
    before = time.process_time()
    for each in (long, f"{long} @=:-", f"-u {long}"):
        holds_credentials(each)
        list(credentials_in({"X": each}))
    assert time.process_time() - before < 1


def test_credentials_are_found_in_other_texts_by_themselves() -> None:
    value = {
        "environment": {
            "DB_PASSWORD": "hunter47",
            "SHORT_PASSWORD": "pw1",
            "WORD_PASSWORD": "postgres",
            "OAUTH_TOKEN": "https://issuer.example/token",
            "URL": "postgres://u:p@ss-one@db/x",
            "DSN": "u:pass-two@tcp(db)/x",
            "OPTIONS": "user=u password=pass-three;x",
        },
        "command": ["run", "--password", "pass-four", "--api-key=pass-five"],
    }
    found = ["hunter47", "p@ss-one", "pass-two", "pass-three", "pass-four", "pass-five"]
    assert list(credentials_in(value)) == found


def test_the_words_of_a_command_that_are_credentials() -> None:
    assert credential_items(["mysql", "-ppw", "--token", "t", "-u", "a:b", "x"]) == {1, 3, 5}
