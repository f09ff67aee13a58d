"""Shared parts of playbooks: `import_playbook`, `include` and `extends`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer.config.playbook import load_playbooks
from deployer.config.variables.variables import play_vars
from deployer.config.vault import VaultSecrets
from deployer.diagnostics import Problems
from deployer.model.settings import ContainerSettings
from deployer.nodes import to_plain
from tests.config.helpers import SENTINEL, messages, secret, templar
from tests.config.resolving import Resolved, try_resolve

BASE = """\
services:
  root: {image: "base:1", restart: always, networks: [front], user: "1000"}
  base:
    extends: root
    environment: {A: base, B: base}
    command: [sleep, "1"]
    volumes: ["data:/x", "/z:/z"]
    ports: ["80:80"]
    healthcheck: {test: [CMD, "true"], interval: 5s}
    env_file: base.env
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("common").mkdir()
    Path("common/base.yml").write_text(BASE)
    Path("common/base.env").write_text("M=1\n")


def values(found: Resolved, name: str) -> dict[str, Any]:
    (container,) = (each for each in found.one.of(ContainerSettings) if each.name == name)
    return dict(container.values)


def test_a_container_extends_another_of_a_file_as_in_compose() -> None:
    """Maps are merged, lists joined, mounts replaced by target, commands replaced; in whatever spelling."""
    found = try_resolve(
        """
        - hosts: all
          containers:
            web:
              extends: {file: common/base.yml, service: base}
              image: web:1
              env: [B=own]
              command: [run]
              volumes: ["other:/x"]
              published_ports: ["443:443"]
              healthcheck: {interval: 9s}
              networks: {front: {aliases: [www]}, back: {}}
            more:
              extends: web
              environment: {C: "3"}
        """
    )
    web = values(found, "web")
    assert web["environment"] == {"A": "base", "B": "own", "M": "1"}
    assert web["command"] == ["run"]
    assert {target: own["source"] for target, own in web["volumes"].items()} == {"/x": "other", "/z": "/z"}
    assert web["ports"] == ["80:80/tcp", "443:443/tcp"]
    assert web["healthcheck"] == {"test": ["CMD", "true"], "interval": 9_000_000_000}
    assert web["networks"] == {"front": {"aliases": ["www"]}, "back": {}}
    assert (web["restart"], web["user"]) == ("always", "1000")
    assert values(found, "more") == web | {"environment": {**web["environment"], "C": "3"}}


def test_names_and_conditions_are_not_taken_over() -> None:
    found = try_resolve(
        """
        - hosts: all
          containers:
            base: {image: "a:1", container_name: own, when: false, loop: [1, 2], tags: a, restart: always}
            web: {extends: base}
        """
    )
    assert [resource.address.label for resource in found.one.resources] == ["container.web"]
    assert values(found, "web") == {"restart": "always"}


def test_a_play_includes_resources_of_a_file() -> None:
    Path("common/shared.yml").write_text(
        "containers: {metrics: {image: 'prom:1', env_file: base.env}}\nnetworks: {front: {}}\n"
    )
    found = try_resolve(
        """
        - hosts: all
          include: common/shared.yml
          networks: {back: {}}
          containers: {web: {extends: metrics, networks: [front]}}
        """
    )
    assert [resource.address.label for resource in found.one.resources] == [
        "network.back",
        "network.front",
        "container.metrics",
        "container.web",
    ]
    assert values(found, "metrics")["environment"] == {"M": "1"}
    assert found.one.resources[1].origin.short == "common/shared.yml:2"


def test_a_play_includes_configs_and_secrets_of_a_file() -> None:
    Path("common/app.conf").write_text("port = 80\n")
    Path("common/files.yml").write_text("configs: {app.conf: {file: app.conf}}\nsecrets: {unused: {content: x}}\n")
    found = try_resolve(
        """
        - hosts: all
          include: common/files.yml
          configs: {own: {content: y}}
          secrets: {other: {content: z}}
          containers: {web: {image: "web:1", configs: [app.conf, own]}}
        """
    )
    assert sorted(found.one.contents.values()) == [b"port = 80\n", b"y"]
    assert found.one.secrets == {"x", "z"}


def test_plays_of_another_playbook_are_imported_in_place() -> None:
    """Their variables are overridden, tags added; files and the project are those of the imported playbook."""
    Path("common/shop.yml").write_text(
        "- hosts: all\n  tags: own\n  vars: {tag: '1', other: a}\n  containers: {web: {image: 'web:{{ tag }}'}}\n"
    )
    Path("site.yml").write_text(
        "- import_playbook: common/shop.yml\n  vars: {tag: '2'}\n  tags: [all, more]\n- hosts: all\n  networks: {b: }\n"
    )
    problems = Problems()
    first, second = load_playbooks(["site.yml"], problems, VaultSecrets())
    assert messages(problems) == []
    assert (first.file, first.default_project, second.file) == ("common/shop.yml", "shop", "site.yml")
    variables = play_vars(first.keys["vars"], problems)
    assert {name: to_plain(node) for name, node in variables.items()} == {"tag": "2", "other": "a"}
    assert to_plain(first.keys["tags"]) == ["own", "all", "more"]


@pytest.mark.parametrize(
    ("play", "message"),
    [
        ("- import_playbook: nowhere.yml", "site.yml:1:20: import_playbook: nowhere.yml cannot be read: No such file"),
        ("- import_playbook: '{{ a }}'", "the name of a shared file cannot be a template"),
        ("- import_playbook: site.yml", "site.yml:1:3: import_playbook: imports itself: site.yml → site.yml"),
        ("- {import_playbook: common/base.yml, when: a}", "import_playbook: unknown key 'when'; write when in the"),
        ("- {hosts: all, include: nowhere.yml}", "include: nowhere.yml cannot be read: No such file or directory"),
        ("- {hosts: all, include: common/base.yml}", "include: unknown key 'services'; services are declared under"),
        ("- {hosts: all, containers: {a1: {extends: b1}}}", "extends: no container 'b1'"),
        ("- {hosts: all, containers: {a1: {extends: a1}}}", "extends: extends itself: a1 → a1"),
        (
            "- {hosts: all, containers: {a1: {extends: {file: common/base.yml, service: bse}}}}",
            "extends: no container 'bse' in common/base.yml; did you mean 'base'?",
        ),
        (
            "- {hosts: all, containers: {b1: {environment: '{{ e }}'}, a1: {extends: b1, env: {Q: m}}}}",
            "site.yml:1:47: extends: environment: a template cannot be merged with what is written at site.yml:1:82; ",
        ),
        (
            "- {hosts: all, containers: {b1: {ports: [80]}, a1: {extends: b1, ports: '{{ p }}'}}}",
            "site.yml:1:73: extends: ports: a template cannot be merged with what is written at site.yml:1:41; write",
        ),
        (
            "- {hosts: all, containers: {b1: {env: '{{ e }}'}, a1: {extends: b1, environment: '{{ p }}'}}}",
            "site.yml:1:39: extends: environment: a template cannot be merged with what is written at site.yml:1:82",
        ),
        ("- {hosts: all, containers: {a1: {extends: [b1]}}}", "extends: expected a name, or file and service"),
    ],
)
def test_errors(play: str, message: str) -> None:
    Path("site.yml").write_text(f"{play}\n")
    problems = Problems()
    load_playbooks(["site.yml"], problems, VaultSecrets())
    assert any(message in found for found in messages(problems)), messages(problems)


def test_lists_that_are_replaced_and_values_may_be_templates() -> None:
    text = """
        - hosts: all
          containers:
            base: {image: "a:1", command: [a, b], environment: {A: "{{ pw }}"}}
            web: {extends: base, command: "{{ pw }} x", environment: {A: "1"}}
        """
    found = values(try_resolve(text, templar("pw: p")), "web")
    assert (found["command"], found["environment"]) == (["p", "x"], {"A": "1"})


def test_a_resource_of_the_play_and_of_an_included_file_is_an_error() -> None:
    Path("common/shared.yml").write_text("containers:\n  web: {image: a}\n")
    found = try_resolve("- hosts: all\n  include: [common/shared.yml]\n  containers: {web: {image: b}}\n")
    assert found.problems == [
        "common/shared.yml:2:3: containers.web: is also declared by the play, at site.yml:3:16; use extends"
    ]


def test_secrets_stay_secret_in_a_list_that_is_merged_with_a_map() -> None:
    text = """
        - hosts: all
          containers:
            base: {image: "a:1", environment: {A: "1"}}
            web: {extends: base, environment: ["DB={{ pw }}"]}
        """
    found = try_resolve(text, templar(pw=secret()))
    assert values(found, "web")["environment"] == {"A": "1", "DB": SENTINEL}
    assert SENTINEL in found.one.secrets
