"""Compose's `${NAME}`: what it means with `interpolation: compose`, and what is reported without it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from deployer import nodes
from deployer.config.playbook import load_playbooks
from deployer.config.vault import VaultSecrets
from deployer.diagnostics import Problems
from deployer.model.settings import FileSettings
from tests.config.resolving import body, complaints, try_resolve


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALLER", "called")
    monkeypatch.delenv("UNSET", raising=False)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            "user: '${USER_ID}'",
            "user: ${USER_ID} is {WAY}; write \"{{ lookup('env', 'USER_ID') }}\"",
        ),
        (
            "user: $USER_ID",
            "user: $USER_ID is {WAY}; write \"{{ lookup('env', 'USER_ID') }}\"",
        ),
        (
            "hostname: '${H:-secret}'",
            "hostname: ${H…} is {WAY}; write \"{{ lookup('env', 'H') | default('…', true) }}\"",
        ),
        (
            "environment: {PASSWORD: '${DB_PASSWORD}'}",
            "environment.PASSWORD: ${DB_PASSWORD} is {WAY}; write \"{{ lookup('env', 'DB_PASSWORD') }}\"",
        ),
        (
            "ports: ['${PORT:-8080}:80']",
            "ports[0]: ${PORT…} is {WAY}; write \"{{ lookup('env', 'PORT') | default('…', true) }}\"",
        ),
        ("environment: [A=x$$y]", "environment[0]: $$ is Compose's escape of $; write a single $"),
    ],
)
def test_a_variable_of_compose_is_an_error_that_says_what_to_write(keys: str, expected: str) -> None:
    (complaint,) = complaints(body(keys))
    wanted = expected.replace("{WAY}", "a variable of Compose")
    assert f" containers.web.{wanted}, or `interpolation: compose` in the play; !unsafe" in complaint


@pytest.mark.parametrize(
    "keys",
    [
        "command: echo ${HOME} $$ $x",
        "entrypoint: [sh, -c, 'echo ${HOME}']",
        "healthcheck: {test: 'curl $HOST'}",
        "environment: {HASH: $apr1$abc$def, PASSWORD: 'pa$word', PRICE: 5$}",
        "environment: {A: !unsafe '${A}', B: \"{{ '${B}' }}\"}",
        "labels: {rule: 'Host(`$1`)'}",
    ],
)
def test_a_dollar_that_is_meant_is_left_alone(keys: str) -> None:
    assert complaints(body(keys)) == []


def test_the_content_of_a_file_is_taken_as_it_is() -> None:
    files = """
- hosts: all
  files:
    /etc/nginx.conf: {content: 'try_files $uri ${uri} $$;', validate: 'grep -q "$uri" %s'}
"""
    assert complaints(files) == []
    (file,) = try_resolve(files).plays[0].of(FileSettings)
    content = b"try_files $uri ${uri} $$;"
    assert file.settings.source is not None
    assert file.settings.source.sha256 == hashlib.sha256(content).hexdigest()
    moved = files.replace("content: 'try_files $uri ${uri} $$;'", "src: '${FOLDER}/nginx.conf'")
    assert "is a variable of Compose" in complaints(moved)[0]


def test_interpolation_reads_resources_as_compose_does() -> None:
    text = body(
        "user: '${UNSET:-7}'\ncommand: [echo, $CALLER, $$HOME]\n"
        "environment: {A: '${CALLER}', B: pa$$word, C: '${UNSET}'}"
    ).replace("- hosts: all", "- hosts: all\n  interpolation: compose")
    found = try_resolve(text)
    values = found.plays[0].resources[0].values
    assert (values["user"], values["command"]) == ("7", ["echo", "called", "$HOME"])
    assert values["environment"] == {"A": "called", "B": "pa$word", "C": ""}
    assert found.problems == [
        "site.yml:8:53: containers.web.environment.C: the variable UNSET is not set; it is read as empty"
    ]
    (required,) = complaints(text.replace("'${UNSET}'", "'${UNSET:?x}'"))
    assert "containers.web.environment.C: the required variable UNSET is not set" in required


REGISTRY = """
- hosts: all
  vars: {tag: '${TAG}', script: 'x=$y', list: ['${A:-b}'], kept: !unsafe '${TAG}', price: $5}
  registries: {r.example: {username: '${USER_NAME}', password: '%s'}}
  containers: {web: {image: web:1}}
"""


def test_variables_of_a_play_and_credentials_of_registries() -> None:
    warning = "; write \"{{{{ lookup('env', '{}'){} }}}}\", or `interpolation: compose` in the play; !unsafe before it "
    warning += "keeps the text"
    assert try_resolve(REGISTRY.replace("${USER_NAME}", "ci") % "pa$word").problems == [
        "site.yml:2:15: vars.tag: ${TAG} is kept unchanged" + warning.format("TAG", ""),
        "site.yml:2:48: vars.list[0]: ${A…} is kept unchanged" + warning.format("A", " | default('…', true)"),
    ]
    errors = [found.partition(";")[0] for found in complaints(REGISTRY % "${TOKEN}") if "registries" in found]
    assert errors == [
        "site.yml:3:38: registries.r.example.username: ${USER_NAME} is a variable of Compose",
        "site.yml:3:64: registries.r.example.password: ${TOKEN} is a variable of Compose",
    ]


def test_interpolation_reads_variables_and_credentials_of_registries_too() -> None:
    text = REGISTRY.replace("- hosts: all", "- hosts: all\n  interpolation: compose") % "${CALLER}"
    text = text.replace("USER_NAME", "CALLER")
    found = try_resolve(text)
    assert found.plays[0].registries == {"r.example": ("called", "called")}
    assert "called" in found.plays[0].secrets
    Path("site.yml").write_text(text)
    (play,) = load_playbooks(["site.yml"], Problems(), VaultSecrets())
    assert nodes.to_plain(play.keys["vars"]) == {
        "tag": "",
        "script": "x=",
        "list": ["b"],
        "kept": "${TAG}",
        "price": "$5",
    }


@pytest.mark.parametrize(
    ("keys", "settings"),
    [
        ("pull: true", {"pull": "always"}),
        ("pull: false", {"pull": "missing"}),
        ("recreate: true", {"recreate": "always"}),
        ("recreate: 'false'", {"recreate": "auto"}),
        ("protect: 'yes'", {"protect": True}),
        ("protect: 'False'", {"protect": False}),
        ("x-mine: {a: 1}", {"protect": False}),
    ],
)
def test_words_that_ansible_and_compose_take(keys: str, settings: dict[str, object]) -> None:
    found = try_resolve(body(keys))
    assert found.problems == []
    assert {name: getattr(found.plays[0].resources[0].settings, name) for name in settings} == settings


def test_of_a_variable_given_twice_the_last_one_counts() -> None:
    found = try_resolve(body("environment: [A=1, A=2]"))
    assert found.plays[0].resources[0].values["environment"] == {"A": "2"}
    assert found.problems == [
        "site.yml:5:26: containers.web.environment[1]: 'A' is given twice, first at site.yml:5:21; this counts"
    ]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("pull_policy: every_12h", "'every_12h' is not supported: write always, and run `deployer apply` that often"),
        ("force_kill: true", "unknown key 'force_kill'; write stop_signal: SIGKILL, or stop_grace_period: 0s"),
        (
            "volume_driver: nfs",
            "unknown key 'volume_driver'; write driver under volumes",
        ),
        ("external_links: [db]", "unknown key 'external_links'; put both containers on one network"),
    ],
)
def test_features_without_counterpart_have_advice(keys: str, expected: str) -> None:
    (complaint,) = complaints(body(keys))
    assert complaint.endswith(expected)
