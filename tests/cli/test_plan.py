"""`deployer plan` and `validate` on simulated hosts."""

import json

import pytest

from tests.cli.runs import Shop

PLAN = ("plan", "-i", "hosts.yml", "shop.yml")

WHOLE = """\
shop on web1, web2 (simulated)
  +    image nginx:latest  pull  shop.yml:8
  +    network front       declared at shop.yml:5
  +    container web       declared at shop.yml:7
Plan: 6 to create, 0 to update, 0 to replace, 0 to remove on 2 hosts (simulated).
"""


def test_a_plan(shop: Shop) -> None:
    found = shop.run(*PLAN)
    assert (found.code, found.out, found.err) == (0, WHOLE, "")


def test_planning_changes_nothing(shop: Shop) -> None:
    assert shop.run(*PLAN).out == shop.run(*PLAN).out == WHOLE


def test_detailed_exitcode_distinguishes_changes(shop: Shop) -> None:
    assert shop.run(*PLAN, "--detailed-exitcode").code == 2
    shop.run("apply", "-i", "hosts.yml", "shop.yml", "--yes")
    found = shop.run(*PLAN, "--detailed-exitcode")
    assert (found.code, found.out) == (
        0,
        "shop on web1, web2 (simulated): no changes\nPlan: no changes on 2 hosts (simulated).\n",
    )


def test_verbose_shows_the_steps(shop: Shop) -> None:
    assert "#1 network.front, CreateNetwork front, missing" in shop.run(*PLAN, "-v").words


@pytest.mark.parametrize("words", [("-v", *PLAN), (*PLAN, "-v")])
def test_global_options_stand_before_or_after_the_command(shop: Shop, words: tuple[str, ...]) -> None:
    assert "steps:" in shop.run(*words).words


def test_the_document_has_the_same_changes(shop: Shop) -> None:
    found = shop.run(*PLAN, "--json", "--detailed-exitcode")
    document = json.loads(found.out)
    assert (found.code, found.err) == (2, "")
    assert document["counts"] == {"create": 6, "update": 0, "replace": 0, "remove": 0, "run": 0, "refused": 0}
    assert [change["address"] for change in document["plays"][0]["hosts"][1]["changes"]] == [
        "web2/image.nginx:latest",
        "web2/network.front",
        "web2/container.web",
    ]


def test_limit_and_environment(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    assert shop.run(*PLAN, "--limit", "web2").out.startswith("shop on web2 (simulated)\n")
    monkeypatch.setenv("DEPLOYER_LIMIT", "web1")
    monkeypatch.setenv("DEPLOYER_INVENTORY", "hosts.yml")
    assert shop.run("plan", "shop.yml").out.startswith("shop on web1 (simulated)\n")
    assert shop.run("plan", "shop.yml", "-l", "web2").out.startswith("shop on web2 (simulated)\n")


def test_extra_variables_of_the_environment_keep_their_blanks(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.edit("nginx:latest", "'nginx:{{ tag }}'")
    monkeypatch.setenv("DEPLOYER_EXTRA_VARS", '{"tag": "1.27"}')
    assert "+ image nginx:1.27 pull --extra-vars" in shop.run(*PLAN).words


def test_several_playbooks_are_several_plays(shop: Shop) -> None:
    shop.write("db.yml", "- name: Caches\n  hosts: db\n  containers: {cache: {image: redis:7}}\n")
    assert [line for line in shop.run(*PLAN, "db.yml").words if line.startswith("Play:")] == [
        "Play: Web tier",
        "Play: Caches",
    ]


def test_a_host_that_cannot_be_reached_does_not_hide_the_others(shop: Shop) -> None:
    shop.write(
        "hosts.yml",
        "web:\n  hosts:\n    web1: {connection: simulated}\n    web2: {connection: local, docker_socket: /no}\n",
    )
    found = shop.run(*PLAN, "--detailed-exitcode")
    assert found.code == 4
    assert found.words[0] == "shop on web1 (simulated)"
    assert any(line.startswith("web2: unreachable: ") for line in found.words)
    assert found.words[-1].endswith("on 1 host (simulated); 1 host unreachable.")


def test_refusals_end_with_5(shop: Shop) -> None:
    shop.write("other.yml", "- hosts: web1\n  containers: {web: {image: redis:7}}\n")
    assert shop.run("apply", "-i", "hosts.yml", "other.yml", "-y").code == 0
    found = shop.run(*PLAN, "--detailed-exitcode")
    assert found.code == 5
    assert "! container web refused: the name is taken by project other shop.yml:7" in found.words
    assert "hint: give yours another name, 'container_name: shop-web', or the play a prefix" in found.words


def test_every_error_is_shown_with_its_line(shop: Shop) -> None:
    shop.edit("image:", "imge:")
    shop.edit("8080:80", "8080:eighty")
    found = shop.run(*PLAN)
    assert (found.code, found.out) == (1, "")
    lines = found.err.splitlines()
    assert lines[0].startswith("shop.yml:")
    assert "did you mean 'image'?" in found.err
    assert "  8 |       imge: nginx:latest" in lines
    assert lines[-1].endswith(" errors")


def test_errors_are_a_document_too(shop: Shop) -> None:
    shop.edit("image:", "imge:")
    found = shop.run(*PLAN, "--json")
    document = json.loads(found.out)
    assert (found.code, document["type"], document["exit_code"]) == (1, "error", 1)
    assert document["diagnostics"][0]["origin"]["file"] == "shop.yml"


def test_validate_contacts_no_host(shop: Shop) -> None:
    shop.write("hosts.yml", "web: {hosts: {web1: {ansible_host: 192.0.2.1}}}\n")
    found = shop.run("validate", "-i", "hosts.yml", "shop.yml")
    assert (found.code, found.out, found.err) == (0, "Valid: 1 play, 1 host, 2 resources.\n", "")


def test_validate_as_a_document(shop: Shop) -> None:
    document = json.loads(shop.run("validate", "-i", "hosts.yml", "shop.yml", "--json").out)
    assert document == {
        "format_version": "1.1",
        "type": "validation",
        "valid": True,
        "plays": 1,
        "hosts": 2,
        "resources": 4,
        "warnings": [],
    }


def test_colours_on_demand(shop: Shop) -> None:
    assert "\x1b[32m+\x1b[0m" in shop.run(*PLAN, "--color", "always").out
    assert "\x1b" not in shop.run(*PLAN).out
