"""A simulated host's containers as a playbook: what is printed, what is kept back, what goes wrong."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from deployer.simulated import SimulatedEngine
from deployer.simulated.persistence import StateFile, default_state_path
from deployer.simulated.profile import HostFacts
from tests.cli.runs import SHOP, Shop

IMPORT = ("import", "host", "-i", "hosts.yml")
SENTINEL = "S3ntinel-4711"


def made_by_hand(name: str, host: str = "web1", **body: Any) -> None:
    engine = SimulatedEngine(facts=HostFacts(name=host), store=StateFile(default_state_path(host)))
    engine.pull_image("docker.io/library/nginx:1.27", "", None, lambda _message: None)
    engine.create_container(name, {"Image": "nginx:1.27", "HostConfig": {}} | body, "")
    engine.start_container(name)


def with_secret(name: str = "api") -> None:
    made_by_hand(name, Env=["MODE=production", f"DB_PASSWORD={SENTINEL}"], Cmd=["serve", f"--token={SENTINEL}"])


def test_the_playbook_is_printed(shop: Shop) -> None:
    host = {"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}, "Binds": ["data:/data"]}
    made_by_hand("web", ExposedPorts={"80/tcp": {}}, HostConfig=host)
    found = shop.run(*IMPORT, "web1")
    assert (found.code, found.err) == (0, "Imported from web1: 1 volume, 1 container.\n")
    assert found.out == (
        "# 1 container of web1, as it was read.\n"
        "- name: Imported from web1\n"
        "  hosts: web1\n"
        "  volumes:\n"
        "    data: {}\n"
        "  containers:\n"
        "    web:\n"
        "      image: nginx:1.27\n"
        '      ports: ["8080:80"]\n'
        '      volumes: ["data:/data"]\n'
    )


def test_the_file_changes_nothing_on_its_host(shop: Shop) -> None:
    made_by_hand("web")
    found = shop.run(*IMPORT, "web1", "-o", "web1.yml")
    assert (found.code, found.out) == (0, "")
    assert found.err == "Imported from web1: 1 container (in web1.yml).\n"
    plan = shop.run("plan", "-i", "hosts.yml", "web1.yml", "--detailed-exitcode")
    assert (plan.code, "Plan: no changes on 1 host (simulated)." in plan.out) == (0, True)


def test_its_own_file_is_overwritten_until_somebody_edits_it(shop: Shop) -> None:
    made_by_hand("web")
    assert shop.run(*IMPORT, "web1", "-o", "web1.yml").code == 0
    made_by_hand("api")
    assert shop.run(*IMPORT, "web1", "-o", "web1.yml").code == 0
    text = (shop.folder / "web1.yml").read_text()
    assert "    api:\n" in text
    shop.write("web1.yml", text.replace("    api:\n", "    api2:\n"))
    refused = shop.run(*IMPORT, "web1", "-o", "web1.yml")
    assert (refused.code, "web1.yml exists, and would be overwritten" in refused.err) == (5, True)


@pytest.mark.parametrize("command", [("ps",), ("doctor",), ("import", "host", "web1")])
def test_a_variable_that_nothing_uses_is_an_error_without_a_playbook_too(shop: Shop, command: tuple[str, ...]) -> None:
    found = shop.run(*command, "-i", "hosts.yml", "-e", "tga=1")
    assert (found.code, "--extra-vars: nothing uses the variable 'tga'" in found.err) == (1, True)


def test_secrets_are_left_to_variables(shop: Shop) -> None:
    with_secret()
    found = shop.run(*IMPORT, "web1")
    assert SENTINEL not in found.out + found.err
    assert (
        "  # Secrets were left out. Set these variables in a vault, with -e, or here:\n"
        "  # vars:\n"
        "  #   vault_api_command_2:  # container.api command.2\n"
        "  #   vault_api_db_password:  # container.api environment.DB_PASSWORD\n"
    ) in found.out
    assert 'DB_PASSWORD: "{{ vault_api_db_password }}"' in found.out
    assert found.err.endswith("Left out: 2 secrets\n  hint: the playbook uses variables instead, and lists them\n")


def test_without_the_variables_nothing_is_planned_and_with_them_nothing_changes(shop: Shop) -> None:
    with_secret()
    assert shop.run(*IMPORT, "web1", "-o", "web1.yml").code == 0
    plan = ("plan", "-i", "hosts.yml", "web1.yml", "--detailed-exitcode")
    missing = shop.run(*plan)
    assert (missing.code, "vault_api_db_password" in missing.err) == (1, True)
    given = ("-e", f"vault_api_db_password={SENTINEL}", "-e", f"vault_api_command_2=--token={SENTINEL}")
    assert shop.run(*plan, *given).code == 0


def test_the_variables_can_be_given_where_they_are_listed(shop: Shop) -> None:
    with_secret()
    text = shop.run(*IMPORT, "web1").out
    text = text.replace("  # vars:\n", "  vars:\n").replace("  #   vault_", "    vault_")
    text = text.replace("command_2:  #", f"command_2: --token={SENTINEL}  #")
    shop.write("web1.yml", text.replace("password:  #", f"password: {SENTINEL}  #"))
    assert shop.run("plan", "-i", "hosts.yml", "web1.yml", "--detailed-exitcode").code == 0


def test_in_clear_only_when_asked_for_and_then_for_the_owner_alone(shop: Shop) -> None:
    with_secret()
    found = shop.run(*IMPORT, "web1", "--with-secrets", "-o", "web1.yml")
    assert SENTINEL not in found.out + found.err
    file = shop.folder / "web1.yml"
    assert file.read_text().count(SENTINEL) == 2
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert shop.run("plan", "-i", "hosts.yml", "web1.yml", "--detailed-exitcode").code == 0


def test_named_containers(shop: Shop) -> None:
    for name in ("one", "two", "three"):
        made_by_hand(name)
    found = shop.run(*IMPORT, "web1", "two", "one")
    assert [name for name in ("one", "two", "three") if f"    {name}:\n" in found.out] == ["one", "two"]
    missing = shop.run(*IMPORT, "web1", "tow", "nothing")
    assert (missing.code, missing.out) == (1, "")
    assert "web1 has no container 'tow'; did you mean 'two'?" in missing.err
    assert "web1 has no container 'nothing'; deployer ps lists the containers" in missing.err


def test_resources_of_projects_are_left_out_unless_named(shop: Shop) -> None:
    assert shop.run("apply", "-i", "hosts.yml", "shop.yml", "--yes").code == 0
    shop.edit("nginx:latest", "nginx:1.28")
    assert shop.run("apply", "-i", "hosts.yml", "shop.yml", "--yes").code == 0
    nothing = shop.run(*IMPORT, "web1")
    assert (nothing.code, nothing.out) == (1, "")
    assert nothing.err == (
        "error: nothing to import: web1 has no unmanaged resources\n  hint: --project imports the resources of shop\n"
    )
    made_by_hand("mine")
    found = shop.run(*IMPORT, "web1")
    assert "web" not in found.out.replace("web1", "")
    assert found.err == (
        "Imported from web1: 1 container.\n"
        "Left out, created by project shop: container.web, network.front\n"
        "  hint: --project shop imports it\n"
    )
    found = shop.run(*IMPORT, "web1", "--project", "shop")
    assert found.err == "Imported from web1: 1 network, 1 container.\n"
    assert "  project: shop\n" in found.out
    assert "web.previous" not in found.out
    shop.write("again.yml", found.out)
    assert shop.run("plan", "-i", "hosts.yml", "again.yml", "--prune", "--detailed-exitcode").code == 0
    other = shop.run(*IMPORT, "web1", "mine", "--project", "shop")
    assert "'mine' on web1 belongs to no project; omit --project shop" in other.err


def test_left_out_values_are_reported(shop: Shop) -> None:
    made_by_hand("web", Labels={"com.docker.compose.project": "x"}, HostConfig={"Dns": ["no address"]})
    found = shop.run(*IMPORT, "web1")
    assert found.err.splitlines()[1:] == [
        "Left out: container.web labels: com.docker.compose.* belong to another tool",
        "Left out: container.web dns: 'no address' is not an IP address",
    ]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("wbe1", "HOST: the inventory has no host 'wbe1'; did you mean 'web1'?"),
        ("web", "HOST: the inventory has no host 'web'"),
        ("web[1]", "HOST: the inventory has no host 'web[1]'"),
    ],
)
def test_unknown_hosts(shop: Shop, name: str, says: str) -> None:
    found = shop.run(*IMPORT, name)
    assert (found.code, found.out, says in found.err) == (1, "", True), found.err


def test_an_empty_host(shop: Shop) -> None:
    found = shop.run(*IMPORT, "db1")
    assert (found.code, found.out) == (1, "")
    assert found.err == "error: nothing to import: db1 has no unmanaged resources\n"
    found = shop.run(*IMPORT, "db1", "--project", "shop")
    assert found.err == "error: nothing to import: db1 has no resources of project shop\n"


def test_a_host_that_cannot_be_reached(shop: Shop) -> None:
    shop.write("gone.yml", "all: {hosts: {gone: {ansible_host: 127.0.0.1, ansible_port: 1, ansible_user: me}}}\n")
    found = shop.run("import", "host", "-i", "gone.yml", "gone")
    assert (found.code, found.out) == (4, "")
    assert found.err.startswith("error: gone: ")


def test_a_file_that_cannot_be_written(shop: Shop) -> None:
    made_by_hand("web")
    found = shop.run(*IMPORT, "web1", "-o", "nowhere/web1.yml")
    assert found.code == 1
    assert found.err == (
        "error: nowhere/web1.yml cannot be written: No such file or directory\n  hint: name another file\n"
    )


def test_nothing_is_written_to_the_host(shop: Shop) -> None:
    made_by_hand("web")
    before = Path(default_state_path("web1")).read_bytes()
    assert shop.run(*IMPORT, "web1").code == 0
    assert Path(default_state_path("web1")).read_bytes() == before


def test_another_file_is_not_overwritten(shop: Shop) -> None:
    made_by_hand("web")
    found = shop.run(*IMPORT, "web1", "-o", "shop.yml")
    assert found.code == 5
    assert "shop.yml exists, and would be overwritten" in found.err
    assert (shop.folder / "shop.yml").read_text() == SHOP
    assert [shop.run(*IMPORT, "web1", "-o", "web1.yml").code for _ in range(2)] == [0, 0]
    assert shop.run(*IMPORT, "web1", "-o", "shop.yml", "--force").code == 0


COMPOSE = ("import", "compose")
PROJECT = """\
name: shop
services:
  web: {image: "nginx:1.27", environment: {TOKEN: S3ntinel-4711}, develop: {}}
  debug: {image: "nginx:1.27", profiles: [debug], ports: ["${PORT}:80"]}
"""


def test_a_compose_project_is_written_with_its_secrets_beside_it(shop: Shop) -> None:
    shop.write("compose.yml", PROJECT)
    shop.write("my.env", "PORT=8080\n")
    words = ("--profile", "debug", "--env-file", "my.env", "--hosts", "db1", "--project-name", "other", "-o", "out.yml")
    found = shop.run(*COMPOSE, "compose.yml", *words)
    assert (found.code, found.out) == (0, "")
    assert found.err == (
        "compose.yml:3:76: warning: services.web.develop: left out: deployer has no such key; it is for "
        "`docker compose watch` only\n"
        "Imported: 1 network, 2 containers (in out.yml); 1 key left out.\n"
        "1 secret in out.secrets.yml.\n"
        "  hint: deployer vault encrypt out.secrets.yml encrypts the file; deployer reads it\n"
    )
    for name in ("out.yml", "out.secrets.yml"):
        assert stat.S_IMODE((shop.folder / name).stat().st_mode) == 0o600
    text = (shop.folder / "out.yml").read_text()
    assert ("container_name: other-debug-1" in text, "8080:80" in text, SENTINEL in text) == (True, True, False)
    assert shop.run("apply", "-i", "hosts.yml", "out.yml", "--yes").code == 0
    assert "no changes" in shop.run("plan", "-i", "hosts.yml", "out.yml").out
    shop.write("out.secrets.yml", "edited: true\n")
    again = shop.run(*COMPOSE, "compose.yml", *words)
    assert (again.code, "out.secrets.yml exists, and would be overwritten" in again.err) == (5, True)
    assert shop.run(*COMPOSE, "compose.yml", *words, "--force").code == 0


def test_errors_of_a_compose_file_write_nothing(shop: Shop) -> None:
    shop.write("compose.yml", "services:\n  web: {image: nginx, prots: []}\n")
    found = shop.run(*COMPOSE, "compose.yml", "-o", "out.yml")
    assert found.code == 1
    assert found.err.startswith("compose.yml:2:23: services.web: unknown key 'prots'; did you mean 'ports'?\n")
    assert not (shop.folder / "out.yml").exists()
    assert "--force requires --out" in shop.run(*COMPOSE, "--force").err
