"""No secret on any stream, whatever is done."""

import re

import pytest

from deployer.config.vault import VaultSecret, encrypt
from tests.cli.runs import Shop

SENTINEL = 'S3ntinel"/wörd\\9'

PLAYBOOK = """\
- name: Web tier
  hosts: web1
  project: shop
  vars_files: [secrets.yml]
  containers:
    web:
      image: nginx:latest
      environment: {PLAIN_NAME: "{{ hidden }}", URL: "http://u:{{ hidden }}@x/", PORT: "1"}
      labels: {made.from: "x {{ hidden }}"}
"""


@pytest.fixture
def vaulted(shop: Shop) -> Shop:
    (shop.folder / "password").write_text("open sesame\n")
    body = f"hidden: '{SENTINEL}'\n"
    shop.write("secrets.yml", encrypt(body, VaultSecret("default", b"open sesame")))
    shop.write("shop.yml", PLAYBOOK)
    return shop


COMMANDS = (
    ("validate", "shop.yml"),
    ("plan", "shop.yml", "-v"),
    ("plan", "shop.yml", "--json"),
    ("apply", "shop.yml", "--check"),
    ("apply", "shop.yml", "--yes", "-v"),
    ("ps",),
    ("plan", "shop.yml", "-e", "hidden=other"),
    ("apply", "shop.yml", "--yes", "--json", "-e", "hidden=other"),
    ("apply", "shop.yml", "--yes", "--json"),
    ("destroy", "shop.yml", "--yes"),
)


def test_a_secret_from_a_vault_is_nowhere(vaulted: Shop) -> None:
    for words in COMMANDS:
        extra = () if words[0] == "ps" else ("--vault-password-file", "password")
        found = vaulted.run(*words, "-i", "hosts.yml", *extra)
        assert found.code == 0, (words, found.err)
        for text in (found.out, found.err):
            assert "ntinel" not in text, words


def test_an_old_secret_in_a_list_is_nowhere_after_it_was_changed(vaulted: Shop) -> None:
    """The run that changes it only knows the new one."""
    password = ("-i", "hosts.yml", "--vault-password-file", "password")
    shop = (vaulted.folder / "shop.yml").read_text()
    vaulted.write("shop.yml", shop + "      command: [serve, '--with={{ hidden }}']\n")
    assert vaulted.run("apply", "shop.yml", "--yes", *password).code == 0
    found = vaulted.run("plan", "shop.yml", *password, "-e", "hidden=other")
    assert "ntinel" not in found.out


def test_not_even_in_an_error_of_the_engine(vaulted: Shop) -> None:
    text = (vaulted.folder / "shop.yml").read_text()
    vaulted.write("shop.yml", text.replace("nginx:latest", "'nginx:latest'\n      working_dir: 'not/{{ hidden }}'"))
    found = vaulted.run("apply", "-i", "hosts.yml", "shop.yml", "--yes", "--vault-password-file", "password")
    assert found.code in (1, 3)
    assert "ntinel" not in found.out + found.err


LITERAL = """\
- hosts: web1
  project: shop
  containers:
    web:
      image: nginx:latest
      environment: {MEILI_MASTER_KEY: "s3ntinel-{{ n }}", URL: "postgres://u:s3ntinel-{{ n }}@db/x", MODE: "m{{ n }}"}
      command: [serve, "--password=s3ntinel-{{ n }}"]
      labels: {auth.users: "me:$apr1$s3ntinel{{ n }}"}
      logging: {driver: splunk, options: {splunk-token: "s3ntinel-{{ n }}", splunk-url: "https://h"}}
  volumes:
    data: {driver_opts: {type: cifs, device: //s/x, o: "username=u,password=s3ntinel"}}
"""


def test_credentials_are_shown_nowhere(shop: Shop) -> None:
    shop.write("shop.yml", LITERAL)
    host = ("-i", "hosts.yml")
    first, second = ("-e", "n=1"), ("-e", "n=2")
    for words in (
        ("apply", "shop.yml", "--yes", *host, *first),
        ("plan", "shop.yml", "--json", *host, *second),
        ("drift", "shop.yml", *host, *second),
        ("apply", "shop.yml", "--check", "--diff", *host, *second),
        ("apply", "shop.yml", "--yes", "--json", *host, *second),
        ("history", "--project", "shop", *host),
        ("import", "host", "web1", *host, "--project", "shop"),
    ):
        found = shop.run(*words)
        assert found.code in (0, 2), found.err
        assert "s3ntinel" not in found.out + found.err, words
    found = shop.run("plan", "shop.yml", *host, *first)
    assert [line.rpartition(" ")[0] for line in found.words if "secret" in line or " → " in line] == [
        "command (secret, changed)",
        "environment.MEILI_MASTER_KEY (secret, changed)",
        "environment.MODE m2 → m1",
        "environment.URL (secret, changed)",
        "labels.auth.users (secret, changed)",
        "logging.options.splunk-token (secret, changed)",
    ]
    state = next(shop.folder.glob("state/deployer/simulated/web1.json")).read_text()
    labels = re.findall(r'"deployer\.[^"]*": "(?:[^"\\]|\\.)*"', state)
    assert any("deployer.spec" in label for label in labels)
    assert [label for label in labels if "s3ntinel" in label] == []


def test_import_leaves_out_what_was_secret_when_it_was_applied(vaulted: Shop) -> None:
    """The record of the container tells, though nothing in the value does."""
    password = ("--vault-password-file", "password")
    assert vaulted.run("apply", "shop.yml", "--yes", "-i", "hosts.yml", *password).code == 0
    found = vaulted.run("import", "host", "web1", "-i", "hosts.yml", "--project", "shop")
    assert "ntinel" not in found.out
    assert '        PLAIN_NAME: "{{ vault_web_plain_name }}"\n' in found.out
    assert '        PORT: "1"\n' in found.out
    clear = vaulted.run("import", "host", "web1", "-i", "hosts.yml", "--project", "shop", "--with-secrets")
    assert [line.strip() for line in clear.out.splitlines() if "PLAIN_NAME" in line] == [
        'PLAIN_NAME: "S3ntinel\\"/wörd\\\\9"'
    ]


def test_a_value_of_a_vault_is_not_shown_in_an_error_before_anything_is_planned(vaulted: Shop) -> None:
    vaulted.write("shop.yml", PLAYBOOK.replace('PORT: "1"', "A: '{{ hidden | from_json }}'") + "  hosts: nowhere\n")
    found = vaulted.run("validate", "shop.yml", "-i", "hosts.yml", "--vault-password-file", "password")
    assert found.code == 1
    assert "ntinel" not in found.err


def test_a_traceback_shows_none_either(vaulted: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_given: object) -> None:
        raise RuntimeError(f"cannot log in with {SENTINEL}")

    monkeypatch.setattr("deployer.usecases.apply.apply", broken)
    words = ("apply", "-i", "hosts.yml", "shop.yml", "--yes", "--vault-password-file", "password", "--debug")
    found = vaulted.run(*words)
    assert found.code == 1
    assert "RuntimeError: cannot log in with ***" in found.err
    assert "ntinel" not in found.err
