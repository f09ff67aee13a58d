"""The playbooks and inventories in the repository: valid; playbooks are also applied and destroyed.

`tests/integration/test_scenarios.py` does so on real hosts.
"""

import json
from pathlib import Path

import pytest

from tests.docs.sandbox import Sandbox, sandbox
from tests.lab.settings import CHECKOUT

PLAYBOOKS = sorted(path.name for path in (CHECKOUT / "playbooks").glob("*.yml"))
INVENTORIES = sorted(path.name for path in (CHECKOUT / "inventory").glob("*.yml"))
VARIABLES = {
    "koa-registry.yml": "registry=reg.example.com registry_user=ci registry_password=three",
    "postgres.yml": "postgres_password=four",
    "wordpress.yml": "wordpress_db_password=one mysql_root_password=two",
}
"""What has to be given for a playbook."""


def run(box: Sandbox, words: str) -> str:
    code, output = box.run(f"deployer {words}")
    assert code == 0, output
    return output


def given(playbook: str) -> str:
    return f"playbooks/{playbook} -e '{VARIABLES[playbook]}'" if playbook in VARIABLES else f"playbooks/{playbook}"


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_playbook_converges_and_is_undone(playbook: str, tmp_path: Path) -> None:
    box, what = sandbox(tmp_path), given(playbook)
    run(box, f"validate -i hosts.yml {what}")
    run(box, f"apply -i hosts.yml --limit web1,db1 --yes {what}")
    run(box, f"plan -i hosts.yml --limit web1,db1 --detailed-exitcode {what}")
    run(box, f"destroy -i hosts.yml --limit web1,db1 --yes {what}")
    assert run(box, "ps -i hosts.yml").splitlines()[1:] == []


@pytest.mark.parametrize("inventory", INVENTORIES)
def test_an_inventory_is_valid_with_every_playbook(inventory: str, tmp_path: Path) -> None:
    box = sandbox(tmp_path)
    for playbook in PLAYBOOKS:
        assert run(box, f"validate -i inventory/{inventory} {given(playbook)}").startswith("Valid: ")


def test_the_example_shows_groups_a_jump_host_sudo_and_tls(tmp_path: Path) -> None:
    box = sandbox(tmp_path)
    assert run(box, "inventory graph -i inventory/example.yml").count("@") == 6
    db1 = json.loads(run(box, "inventory host -i inventory/example.yml db1"))
    assert db1["proxy_jump"] == "admin@bastion.example.com"
    assert db1["docker_command"] == "sudo -n docker"
    assert json.loads(run(box, "inventory host -i inventory/example.yml build1"))["tls_ca"] == "~/.docker/ca.pem"


@pytest.mark.parametrize("playbook", sorted(VARIABLES))
def test_variables_that_must_be_given_are_asked_for_by_name(playbook: str, tmp_path: Path) -> None:
    _, output = sandbox(tmp_path).run(f"deployer validate -i hosts.yml playbooks/{playbook}")
    assert all(pair.partition("=")[0] in output for pair in VARIABLES[playbook].split()), output
    documented = (CHECKOUT / "playbooks" / playbook).read_text("utf-8")
    assert all(f" {pair.partition('=')[0]} " in documented for pair in VARIABLES[playbook].split())
