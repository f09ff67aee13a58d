"""Published ports of running containers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.sandbox import Sandbox, each_engine_of_one_store, status_of

pytestmark = each_engine_of_one_store


def published(*bindings: dict[str, str], **keys: Any) -> dict[str, Any]:
    return {"ExposedPorts": {"80/tcp": {}}, "HostConfig": {"PortBindings": {"80/tcp": list(bindings)}, **keys}}


def ports(sandbox: Sandbox, key: str) -> dict[str, Any]:
    return dict(sandbox.inspect(key)["NetworkSettings"]["Ports"])


def test_a_port_in_use_is_refused_at_start_and_remembered(sandbox: Sandbox) -> None:
    port = str(sandbox.port())
    first = sandbox.container("a", published({"HostPort": port}), start=True)
    second = sandbox.container("b", published({"HostPort": port}))
    assert status_of(sandbox.engine.start_container, second) == 500
    state = sandbox.inspect(second)["State"]
    assert (state["Status"], state["ExitCode"]) == ("created", 128)
    assert "port is already allocated" in state["Error"]
    sandbox.engine.stop_container(first, 0)
    sandbox.engine.start_container(second)
    assert sandbox.inspect(second)["State"]["Error"] == ""


def test_a_failed_start_removes_auto_remove_containers(sandbox: Sandbox) -> None:
    port = str(sandbox.port())
    sandbox.container("a", published({"HostPort": port}), start=True)
    key = sandbox.container("b", published({"HostPort": port}, AutoRemove=True))
    assert status_of(sandbox.engine.start_container, key) == 500
    assert sandbox.engine.inspect_container(key) is None


def test_addresses_decide_where_a_port_is_published(sandbox: Sandbox) -> None:
    everywhere, inside, older = (str(sandbox.port()) for _ in range(3))
    key = sandbox.container("a", published({"HostPort": everywhere}), start=True)
    assert [each["HostIp"] for each in ports(sandbox, key)["80/tcp"]] == ["0.0.0.0", "::"]
    key = sandbox.container("b", published({"HostIp": "127.0.0.1", "HostPort": inside}), start=True)
    assert ports(sandbox, key) == {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": inside}]}
    key = sandbox.container("c", published({"HostIp": "0.0.0.0", "HostPort": older}), start=True)
    assert ports(sandbox, key) == {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": older}]}


@pytest.mark.parametrize("address", ["[::1]", "::1%lo", "127.1"])
def test_text_that_is_read_as_no_address_is_bound_everywhere(sandbox: Sandbox, address: str) -> None:
    key = sandbox.container("a", published({"HostIp": address, "HostPort": str(sandbox.port())}), start=True)
    assert [each["HostIp"] for each in ports(sandbox, key)["80/tcp"]] == ["0.0.0.0", "::"]


def test_one_port_with_and_without_an_address_clashes_with_itself(sandbox: Sandbox) -> None:
    port = str(sandbox.port())
    key = sandbox.container("a", published({"HostPort": port}, {"HostIp": "0.0.0.0", "HostPort": port}))
    assert status_of(sandbox.engine.start_container, key) == 500


def test_a_binding_without_an_exposed_port_is_ignored(sandbox: Sandbox) -> None:
    body = {"HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": str(sandbox.port())}]}}}
    assert ports(sandbox, sandbox.container("a", body, start=True)) == {}


def test_exposed_ports_without_a_binding_are_listed_empty(sandbox: Sandbox) -> None:
    key = sandbox.container("a", ExposedPorts={"80/tcp": {}, "53/udp": {}}, start=True)
    assert ports(sandbox, key) == {"80/tcp": None, "53/udp": None}
    sandbox.engine.stop_container(key, 0)
    assert ports(sandbox, key) == {}


def test_all_exposed_ports_can_be_published(sandbox: Sandbox) -> None:
    key = sandbox.container("a", ExposedPorts={"80/tcp": {}}, HostConfig={"PublishAllPorts": True}, start=True)
    assert len(ports(sandbox, key)["80/tcp"]) == 2


def test_an_internal_network_and_the_hosts_publish_nothing(sandbox: Sandbox) -> None:
    internal = sandbox.network("n", Internal=True)
    body = published({"HostPort": str(sandbox.port())}, NetworkMode=sandbox.name("n"))
    assert internal
    assert ports(sandbox, sandbox.container("a", body, start=True)) == {}
    body = published({"HostPort": str(sandbox.port())}, NetworkMode="host")
    assert ports(sandbox, sandbox.container("b", body, start=True)) == {}


def test_the_list_shows_each_published_address(sandbox: Sandbox) -> None:
    port = sandbox.port()
    body = published({"HostPort": str(port)})
    body["ExposedPorts"]["81/tcp"] = {}
    key = sandbox.container("a", body, start=True)
    listed = next(each for each in sandbox.engine.list_containers() if each["Id"] == key)
    entries = sorted(listed["Ports"], key=lambda each: (each["PrivatePort"], str(each.get("IP"))))
    assert entries == [
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": port, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 80, "PublicPort": port, "Type": "tcp"},
        {"PrivatePort": 81, "Type": "tcp"},
    ]
