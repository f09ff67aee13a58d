"""Published ports of running containers."""

from __future__ import annotations

from typing import Any

from tests.contract.worlds import World, status_of


def published(*bindings: dict[str, str], **keys: Any) -> dict[str, Any]:
    return {"ExposedPorts": {"80/tcp": {}}, "HostConfig": {"PortBindings": {"80/tcp": list(bindings)}, **keys}}


def ports(world: World, key: str) -> dict[str, Any]:
    return dict(world.inspect(key)["NetworkSettings"]["Ports"])


def test_a_port_in_use_is_refused_at_start_and_remembered(world: World) -> None:
    port = str(world.port())
    first = world.container("a", published({"HostPort": port}), start=True)
    second = world.container("b", published({"HostPort": port}))
    assert status_of(world.engine.start_container, second) == 500
    state = world.inspect(second)["State"]
    assert (state["Status"], state["ExitCode"]) == ("created", 128)
    assert "port is already allocated" in state["Error"]
    world.engine.stop_container(first, 0)
    world.engine.start_container(second)
    assert world.inspect(second)["State"]["Error"] == ""


def test_a_failed_start_removes_what_removes_itself(world: World) -> None:
    port = str(world.port())
    world.container("a", published({"HostPort": port}), start=True)
    key = world.container("b", published({"HostPort": port}, AutoRemove=True))
    assert status_of(world.engine.start_container, key) == 500
    assert world.engine.inspect_container(key) is None


def test_addresses_decide_where_a_port_is_published(world: World) -> None:
    everywhere, inside, older = (str(world.port()) for _ in range(3))
    key = world.container("a", published({"HostPort": everywhere}), start=True)
    assert [each["HostIp"] for each in ports(world, key)["80/tcp"]] == ["0.0.0.0", "::"]
    key = world.container("b", published({"HostIp": "127.0.0.1", "HostPort": inside}), start=True)
    assert ports(world, key) == {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": inside}]}
    key = world.container("c", published({"HostIp": "0.0.0.0", "HostPort": older}), start=True)
    assert ports(world, key) == {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": older}]}


def test_one_port_with_and_without_an_address_clashes_with_itself(world: World) -> None:
    port = str(world.port())
    key = world.container("a", published({"HostPort": port}, {"HostIp": "0.0.0.0", "HostPort": port}))
    assert status_of(world.engine.start_container, key) == 500


def test_a_binding_without_an_exposed_port_is_ignored(world: World) -> None:
    body = {"HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": str(world.port())}]}}}
    assert ports(world, world.container("a", body, start=True)) == {}


def test_exposed_ports_without_a_binding_are_listed_empty(world: World) -> None:
    key = world.container("a", ExposedPorts={"80/tcp": {}, "53/udp": {}}, start=True)
    assert ports(world, key) == {"80/tcp": None, "53/udp": None}
    world.engine.stop_container(key, 0)
    assert ports(world, key) == {}


def test_all_exposed_ports_can_be_published(world: World) -> None:
    key = world.container("a", ExposedPorts={"80/tcp": {}}, HostConfig={"PublishAllPorts": True}, start=True)
    assert len(ports(world, key)["80/tcp"]) == 2


def test_an_internal_network_and_the_hosts_publish_nothing(world: World) -> None:
    internal = world.network("n", Internal=True)
    body = published({"HostPort": str(world.port())}, NetworkMode=world.name("n"))
    assert internal
    assert ports(world, world.container("a", body, start=True)) == {}
    body = published({"HostPort": str(world.port())}, NetworkMode="host")
    assert ports(world, world.container("b", body, start=True)) == {}


def test_the_list_shows_each_published_address(world: World) -> None:
    port = world.port()
    body = published({"HostPort": str(port)})
    body["ExposedPorts"]["81/tcp"] = {}
    key = world.container("a", body, start=True)
    listed = next(each for each in world.engine.list_containers() if each["Id"] == key)
    entries = sorted(listed["Ports"], key=lambda each: (each["PrivatePort"], str(each.get("IP"))))
    assert entries == [
        {"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": port, "Type": "tcp"},
        {"IP": "::", "PrivatePort": 80, "PublicPort": port, "Type": "tcp"},
        {"PrivatePort": 81, "Type": "tcp"},
    ]
