"""`ps`, `doctor` and `inventory` on simulated hosts."""

import json

from tests.cli.runs import Shop

APPLY = ("apply", "-i", "hosts.yml", "shop.yml", "--yes")


def test_ps(shop: Shop) -> None:
    shop.run(*APPLY)
    found = shop.run("ps", "-i", "hosts.yml")
    assert found.code == 0
    assert found.words[0] == "HOST (simulated) NAME IMAGE STATUS PORTS PROJECT"
    assert [words.split()[:3] + words.split()[-2:] for words in found.words[1:]] == [
        ["web1", "web", "nginx:latest", "8080:80/tcp", "shop"],
        ["web2", "web", "nginx:latest", "8080:80/tcp", "shop"],
    ]


def test_ps_of_another_project(shop: Shop) -> None:
    shop.run(*APPLY)
    assert len(shop.run("ps", "-i", "hosts.yml", "--project", "other").words) == 1


def test_ps_as_a_document(shop: Shop) -> None:
    shop.run(*APPLY)
    document = json.loads(shop.run("ps", "-i", "hosts.yml", "-l", "web1", "--json").out)
    container = document["containers"][0]
    assert (document["type"], container["host"], container["name"], container["ports"], container["state"]) == (
        "ps",
        "web1",
        "web",
        ["8080:80/tcp"],
        "running",
    )


def test_ps_of_a_host_that_is_not_there(shop: Shop) -> None:
    shop.write("hosts.yml", "web1: {connection: local}\n")
    shop.write("hosts.yml", "all: {hosts: {web1: {connection: local, docker_socket: /no}}}\n")
    found = shop.run("ps", "-i", "hosts.yml")
    assert found.code == 4
    assert found.err.startswith("web1: unreachable: ")


def test_doctor_names_simulated_hosts(shop: Shop) -> None:
    found = shop.run("doctor", "-i", "hosts.yml", "-l", "web1")
    assert found.code == 0
    assert found.words[1].startswith("web1 simulated docker ")


def test_doctor_reports_failures_with_hints(shop: Shop) -> None:
    shop.write("hosts.yml", "all: {hosts: {web1: {connection: local, docker_socket: /no}}}\n")
    found = shop.run("doctor", "-i", "hosts.yml")
    assert found.code == 4
    assert "unreachable" in found.words[1]
    assert found.words[2].startswith("web1: unreachable: ")
    document = json.loads(shop.run("doctor", "-i", "hosts.yml", "--json").out)
    assert (document["hosts"][0]["ok"], document["hosts"][0]["engine"]) == (False, None)


def test_inventory_list_has_the_shape_of_ansible(shop: Shop) -> None:
    found = shop.run("inventory", "list", "-i", "hosts.yml")
    simulated = {"connection": "simulated"}
    assert (found.code, found.err) == (0, "")
    assert json.loads(found.out) == {
        "_meta": {"hostvars": {"db1": simulated, "web1": simulated, "web2": simulated}},
        "all": {"children": ["db", "web"]},
        "db": {"hosts": ["db1"]},
        "web": {"hosts": ["web1", "web2"]},
    }


def test_inventory_list_of_some_hosts_as_yaml(shop: Shop) -> None:
    assert shop.run("inventory", "list", "-i", "hosts.yml", "-l", "db", "--yaml").out == (
        "_meta:\n  hostvars:\n    db1:\n      connection: simulated\n"
        "all:\n  children:\n  - db\ndb:\n  hosts:\n  - db1\n"
    )


def test_inventory_graph(shop: Shop) -> None:
    assert shop.run("inventory", "graph", "-i", "hosts.yml").out == (
        "@all:\n  |--@db:\n  |  |--db1\n  |--@ungrouped:\n  |--@web:\n  |  |--web1\n  |  |--web2\n"
    )


def test_inventory_host_merges_all_variables(shop: Shop) -> None:
    (shop.folder / "host_vars").mkdir()
    shop.write("host_vars/web1.yml", "colour: blue\nconnection: local\n")
    assert json.loads(shop.run("inventory", "host", "web1", "-i", "hosts.yml", "-e", "size=3").out) == {
        "colour": "blue",
        "connection": "local",
        "size": "3",
    }


def test_inventory_host_of_an_unknown_name(shop: Shop) -> None:
    found = shop.run("inventory", "host", "wbe1", "-i", "hosts.yml")
    assert found.code == 1
    assert "there is no host 'wbe1'; did you mean 'web1'?" in found.err


def test_inventory_masks_secrets(shop: Shop) -> None:
    shop.write(
        "hosts.yml",
        "all:\n  hosts:\n    web1:\n      ansible_password: hunter22\n      api: {token: abcdef, url: x}\n      db_url: 'postgres://u:hunter22@db/x'\n"
        "      db_password: '{{ vault_db_password }}'\n",
    )
    assert json.loads(shop.run("inventory", "host", "web1", "-i", "hosts.yml").out) == {
        "ansible_password": "***",
        "api": {"token": "***", "url": "x"},
        "db_url": "***",
        "db_password": "{{ vault_db_password }}",
    }
