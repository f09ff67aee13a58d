"""Policies of a play and of files: violations are errors of the input."""

from __future__ import annotations

import pytest

from tests.cli.runs import Shop

DIGEST = "sha256:" + "ab" * 32


def errors(shop: Shop, policy: str, body: str, *words: str) -> list[str]:
    """First lines of the diagnostics, with their hints."""
    shop.write("p.yml", f"- hosts: web\n  policy: {policy}\n  containers:\n    web: {body}\n")
    ended = shop.run("validate", "-i", "hosts.yml", "p.yml", *words)
    assert ended.code in (0, 1), ended.err
    return [line for line in ended.err.splitlines() if line.startswith("p.yml")]


@pytest.mark.parametrize(
    ("policy", "good", "bad", "summary", "hint"),
    [
        (
            "no_latest: true",
            "image: nginx:1.27",
            "image: nginx",
            "nginx:latest has the tag latest",
            "no_latest: name a version",
        ),
        (
            "require_digest: true",
            f"image: 'nginx@{DIGEST}'",
            "image: nginx:1.27",
            "nginx:1.27 has no digest",
            "require_digest: name it with @sha256:…",
        ),
        (
            "allowed_registries: [reg.example.com/team]",
            "image: reg.example.com/team/a:1",
            "image: reg.example.com/teams/a:1",
            "reg.example.com/teams/a:1 is from reg.example.com",
            "allowed_registries: reg.example.com/team",
        ),
        (
            "allowed_registries: []",
            "state: absent, image: a:1",
            "image: a:1",
            "a:1 is from docker.io",
            "allowed_registries: none",
        ),
        (
            "allowed_registries: '*.example.com'",
            "image: reg.example.com/a:1",
            "image: redis:7",
            "redis:7 is from docker.io",
            "allowed_registries: *.example.com",
        ),
        (
            "no_docker_socket: true",
            "image: a:1, volumes: ['/srv:/srv', '/data']",
            "image: a:1, volumes: ['/var/run/docker.sock:/s:ro']",
            "mounts /var/run/docker.sock, which gives control of the engine",
            "no_docker_socket",
        ),
        (
            "no_docker_socket: true",
            "image: a:1",
            "image: a:1, volumes: ['/run/:/host']",
            "mounts /run, which gives control of the engine",
            "no_docker_socket",
        ),
        (
            "no_docker_socket: true",
            "image: a:1, volumes: ['/run/user:/host']",
            "image: a:1, mounts: [{type: bind, source: /var/run/../run/docker/, target: /s, read_only: true}]",
            "mounts /var/run/docker, which gives control of the engine",
            "no_docker_socket",
        ),
        ("no_privileged: true", "image: a:1", "image: a:1, privileged: true", "is privileged", "no_privileged"),
        (
            "no_privileged: true",
            "image: a:1, cap_add: [NET_ADMIN]",
            "image: a:1, cap_add: [all]",
            "has all capabilities",
            "no_privileged",
        ),
        (
            "allowed_registries: reg.example.com, require_digest: true, no_latest: true",
            f"image: 'a:1', build: {{dockerfile_inline: 'FROM reg.example.com/b@{DIGEST}'}}",
            f"image: 'a:1', build: {{dockerfile_inline: 'FROM other.org/b@{DIGEST}'}}",
            f"base image other.org/b@{DIGEST} is from other.org",
            "allowed_registries: reg.example.com",
        ),
        (
            "require_limits: true",
            "image: a:1, mem_limit: 64m, cpus: 1",
            "image: a:1, cpus: 1",
            "mem_limit is missing",
            "require_limits",
        ),
        (
            "require_limits: [pids_limit]",
            "image: a:1, pids_limit: 9",
            "image: a:1",
            "pids_limit is missing",
            "require_limits",
        ),
    ],
)
def test_each_policy(shop: Shop, policy: str, good: str, bad: str, summary: str, hint: str) -> None:
    assert errors(shop, f"{{{policy}}}", f"{{{good}}}") == []
    (found,) = errors(shop, f"{{{policy}}}", f"{{{bad}}}")
    assert found.startswith("p.yml:4:")
    assert found.endswith(f": containers.web: {summary}; the policy at p.yml:2: {hint}")


RULES = """
    rules:
      - that: container.restart | default('no') != 'no' or container.kind == 'job'
        message: must restart
      - that: "'team' in container.labels | default({})"
        message: needs the label team
"""


def test_rules_of_your_own(shop: Shop) -> None:
    assert errors(shop, RULES, "{image: a:1, restart: always, labels: {team: x}}") == []
    found = errors(shop, RULES, "{image: a:1, restart: always}")
    place = "the policy at p.yml:6: 'team' in container.labels | default({})"
    assert found == [f"p.yml:10:5: containers.web: needs the label team; {place}"]
    wrong = errors(shop, "{rules: [{that: container.nothing.there, message: m}]}", "{image: a:1}")
    assert len(wrong) == 1
    assert "must" not in wrong[0]
    assert "nothing" in wrong[0]


def test_a_limit_that_does_not_exist(shop: Shop) -> None:
    (found,) = errors(shop, "{require_limits: [memory]}", "{image: a:1}")
    assert "p.yml:2:" in found
    assert "one of mem_limit, cpus, " in found


def test_policies_in_files_and_for_all_plays(shop: Shop) -> None:
    """Beside the play's own; nothing is contacted."""
    (shop.folder / "rules").mkdir()
    shop.write("rules/images.yml", "no_latest: true\n")
    shop.write("all.yml", "no_privileged: true\n")
    body = "{image: nginx, privileged: true}"
    found = errors(shop, "[rules/images.yml, {require_limits: [cpus]}]", body, "--policy", "all.yml")
    assert [line.partition("; ")[2] for line in found] == [
        "the policy at p.yml:2: require_limits",
        "the policy at rules/images.yml:1: no_latest: name a version",
        "the policy at all.yml:1: no_privileged",
    ]
    assert shop.run("plan", "-i", "hosts.yml", "shop.yml", "--policy", "rules/images.yml").code == 1
    assert shop.run("plan", "-i", "hosts.yml", "shop.yml", "--policy", "all.yml").code == 0


def test_wrong_policies(shop: Shop) -> None:
    assert "unknown key 'no_latst'" in errors(shop, "{no_latst: true}", "{image: nginx}")[0]
    assert "'message' is missing" in errors(shop, "{rules: [{that: 'true'}]}", "{image: nginx}")[0]
    ended = shop.run("validate", "-i", "hosts.yml", "shop.yml", "--policy", "away.yml")
    assert ended.err.splitlines()[0] == "--policy: policy: away.yml cannot be read: No such file or directory"


def test_a_volume_does_not_stand_for_the_engines_socket(shop: Shop) -> None:
    opts = "{type: none, o: bind, device: /var/run/}"
    play = f"- hosts: web\n  policy: {{no_docker_socket: true}}\n  volumes: {{run: {{driver_opts: {opts}}}}}\n"
    shop.write("p.yml", play)
    ended = shop.run("validate", "-i", "hosts.yml", "p.yml")
    assert (ended.code, ended.err.splitlines()[0].partition(" ")[2]) == (
        1,
        "volumes.run: mounts /var/run/, which gives control of the engine; the policy at p.yml:2: no_docker_socket",
    )


def test_what_validates_a_file_complies_too(shop: Shop) -> None:
    check = "{image: 'web:1', command: web, volumes: ['/srv:/srv', '/run:/x']}"
    file = f"  files: {{/etc/a: {{content: x, validate: {check}}}, /etc/b: {{content: x, validate: 'check %s'}}}}\n"
    shop.write(
        "p.yml", f"- hosts: web\n  policy: {{allowed_registries: [reg.example.com], no_docker_socket: true}}\n{file}"
    )
    ended = shop.run("validate", "-i", "hosts.yml", "p.yml")
    assert [line.partition(" ")[2] for line in ended.err.splitlines() if line.startswith("p.yml")] == [
        "files./etc/a: web:1 is from docker.io; the policy at p.yml:2: allowed_registries: reg.example.com",
        "files./etc/a: mounts /run, which gives control of the engine; the policy at p.yml:2: no_docker_socket",
    ]
