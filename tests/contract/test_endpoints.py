"""Containers in networks: addresses, aliases, hardware addresses, connect and disconnect."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.worlds import World, status_of


@pytest.fixture
def net(world: World) -> str:
    """The name of a network with a declared subnet, `base` being its first three octets."""
    world.network("n", IPAM={"Config": [{"Subnet": f"{base(world)}.0/24"}]})
    return world.name("n")


def base(world: World) -> str:
    """The same for one test: a free /24."""
    if not world.facts.get("base"):
        world.facts["base"] = world.subnet()
    return world.facts["base"]


def joined(net: str, **endpoint: Any) -> dict[str, Any]:
    return {"HostConfig": {"NetworkMode": net}, "NetworkingConfig": {"EndpointsConfig": {net: endpoint}}}


def pinned(address: str) -> dict[str, Any]:
    return {"IPAMConfig": {"IPv4Address": address}}


def test_an_endpoint_before_while_and_after_it_runs(world: World, net: str) -> None:
    key = world.container("a", joined(net, Aliases=["db"]))
    before = world.endpoints(key)[net]
    assert (before["NetworkID"], before["EndpointID"], before["IPAddress"], before["MacAddress"]) == ("", "", "", "")
    assert before["Aliases"] == ["db"]
    world.engine.start_container(key)
    running = world.endpoints(key)[net]
    assert running["IPAddress"].startswith(f"{base(world)}.")
    assert (running["Gateway"], running["IPPrefixLen"]) == (f"{base(world)}.1", 24)
    assert running["MacAddress"]
    assert running["MacAddress"].startswith("02:42:") is not world.newest, "from the address, or random"
    assert running["EndpointID"]
    world.engine.stop_container(key, 0)
    after = world.endpoints(key)[net]
    assert (after["EndpointID"], after["IPAddress"], after["MacAddress"]) == ("", "", "")
    assert (after["NetworkID"], after["Aliases"]) == (running["NetworkID"], running["Aliases"])


def test_the_short_id_is_an_alias_below_api_1_45(world: World, net: str) -> None:
    key = world.container("a", joined(net, Aliases=["db", "db"]), start=True)
    endpoint = world.endpoints(key)[net]
    assert endpoint["Aliases"] == (["db", "db"] if world.modern else ["db", "db", key[:12]])
    if world.modern:
        assert endpoint["DNSNames"] == [world.name("a"), "db", key[:12]]
        world.engine.rename_container(key, world.name("b"))
        assert world.endpoints(key)[net]["DNSNames"] == [world.name("b"), "db", key[:12]]


def test_the_network_lists_who_is_attached(world: World, net: str) -> None:
    key = world.container("a", joined(net, **pinned(f"{base(world)}.77")), start=True)
    found = world.engine.inspect_network(net) or {}
    (entry,) = found["Containers"].values()
    assert set(found["Containers"]) == {key}
    assert (entry["Name"], entry["IPv4Address"], entry["IPv6Address"]) == (
        world.name("a"),
        f"{base(world)}.77/24",
        "",
    )


def test_pinned_addresses(world: World, net: str) -> None:
    engine = world.engine
    first = world.container("first", joined(net, **pinned(f"{base(world)}.9")), start=True)
    assert world.endpoints(first)[net]["IPAddress"] == f"{base(world)}.9"
    assert world.endpoints(first)[net]["IPAMConfig"] == {"IPv4Address": f"{base(world)}.9"}
    taken = world.container("taken", joined(net, **pinned(f"{base(world)}.9")))
    assert status_of(engine.start_container, taken) == 403
    gateway = world.container("gateway", joined(net, **pinned(f"{base(world)}.1")))
    assert status_of(engine.start_container, gateway) == 403
    engine.stop_container(first, 0)
    engine.start_container(taken)


def test_addresses_that_the_network_cannot_give(world: World, net: str) -> None:
    world.network("auto")
    cases = {
        "outside": (net, pinned("10.99.1.77"), 0, 500),
        "unreadable": (net, pinned("foo"), 400, 0),
        "no declared subnet": (world.name("auto"), pinned("172.18.0.77"), 0, 400),
        "no declared subnet of the family": (net, {"IPAMConfig": {"IPv6Address": "fd00::5"}}, 0, 400),
    }
    for number, (name, (network, endpoint, create, start)) in enumerate(cases.items()):
        expected = 400 if world.modern else create
        assert status_of(world.container, f"a{number}", joined(network, **endpoint)) == expected, name
        if expected == 0:
            assert status_of(world.engine.start_container, world.name(f"a{number}")) == start, name


def test_the_hardware_address(world: World, net: str) -> None:
    mac = "02:42:AC:11:00:AB"
    key = world.container("a", joined(net), MacAddress=mac)
    assert world.inspect(key)["Config"]["MacAddress"] == mac
    assert world.endpoints(key)[net]["MacAddress"] == (mac if world.modern else "")
    world.engine.start_container(key)
    assert world.endpoints(key)[net]["MacAddress"] == mac.lower()
    world.engine.stop_container(key, 0)
    assert world.inspect(key)["Config"]["MacAddress"] == mac
    assert world.endpoints(key)[net]["MacAddress"] == ""


def test_a_hardware_address_is_lost_when_it_is_connected_again_though_it_is_still_shown(world: World, net: str) -> None:
    mac = "02:42:ac:11:00:ab"
    world.network("m")
    key = world.container("a", joined(net), MacAddress=mac, start=True)
    # From 25 on an engine remembers what it showed; who never asked is shown nothing after.
    assert world.inspect(key)["Config"]["MacAddress"] == mac
    world.engine.disconnect_network(net, key, force=False)
    world.engine.connect_network(world.name("m"), key, {"MacAddress": mac})
    assert world.inspect(key)["Config"]["MacAddress"] == mac
    assert world.endpoints(key)[world.name("m")]["MacAddress"] not in ("", mac)


def test_a_hardware_address_in_the_endpoint_counts_from_api_1_44(world: World, net: str) -> None:
    key = world.container("a", joined(net, MacAddress="02:42:AC:11:00:AC"), start=True)
    assert (world.endpoints(key)[net]["MacAddress"] == "02:42:ac:11:00:ac") is world.modern


def test_several_networks_at_create(world: World, net: str) -> None:
    world.network("m")
    body = joined(net)
    body["NetworkingConfig"]["EndpointsConfig"][world.name("m")] = {"Aliases": ["q"]}
    if not world.modern:
        assert status_of(world.container, "a", body) == 400
        return
    key = world.container("a", body, start=True)
    assert set(world.endpoints(key)) == {net, world.name("m")}


def test_an_endpoint_given_alone_is_joined_alone(world: World, net: str) -> None:
    key = world.container("a", NetworkingConfig={"EndpointsConfig": {net: {}}}, start=True)
    assert set(world.endpoints(key)) == {net}
    assert world.host_config(key)["NetworkMode"] == ("bridge" if world.modern else "default")


def test_a_network_given_by_id(world: World) -> None:
    network = world.network("n")
    key = world.container("a", joined(network, Aliases=["z"]), start=True)
    assert set(world.endpoints(key)) == {world.name("n")}
    assert world.host_config(key)["NetworkMode"] == network


def test_a_further_network_given_by_id_has_its_name_from_the_first_start_on(world: World, net: str) -> None:
    other = world.network("o")
    body = joined(net)
    body["NetworkingConfig"]["EndpointsConfig"][other] = {"Aliases": ["z"]}
    if not world.modern:
        assert status_of(world.container, "a", body) == 400, "it takes one network at creation"
        return
    key = world.container("a", body)
    assert set(world.endpoints(key)) == {net, other}
    world.engine.start_container(key)
    assert set(world.endpoints(key)) == {net, world.name("o")}
    world.engine.stop_container(key, 0)
    assert set(world.endpoints(key)) == {net, world.name("o")}


def test_a_container_without_a_network(world: World) -> None:
    assert world.endpoints(world.container("a", NetworkDisabled=True)) == {}
    none = world.container("b", HostConfig={"NetworkMode": "none"}, start=True)
    assert set(world.endpoints(none)) == {"none"}
    assert world.endpoints(none)["none"]["IPAddress"] == ""
    host = world.container("c", HostConfig={"NetworkMode": "host"}, start=True)
    assert set(world.endpoints(host)) == {"host"}


def test_connect_while_it_runs(world: World, net: str) -> None:
    engine, key = world.engine, world.container("a", start=True)
    engine.connect_network(net, key, {"Aliases": ["x"], **pinned(f"{base(world)}.55")})
    endpoint = world.endpoints(key)[net]
    assert endpoint["IPAddress"] == f"{base(world)}.55"
    assert (endpoint["Aliases"] or [])[:1] == ["x"]
    assert status_of(engine.connect_network, net, key, {}) == 403
    assert set(world.endpoints(key)) == {"bridge", net}


def test_connect_while_it_is_stopped_is_noted_and_not_replaced(world: World, net: str) -> None:
    engine, key = world.engine, world.container("a")
    engine.connect_network(net, key, {"Aliases": ["x"]})
    engine.connect_network(net, key, {"Aliases": ["y"]})
    endpoint = world.endpoints(key)[net]
    assert (endpoint["Aliases"] or [])[:1] == ["x"]
    assert (endpoint["NetworkID"], endpoint["IPAddress"]) == ("", "")
    engine.start_container(key)
    assert world.endpoints(key)[net]["IPAddress"]


def test_what_a_network_does_not_connect(world: World, net: str) -> None:
    world.network("auto")
    cases: dict[str, tuple[str, dict[str, Any], int, int]] = {
        "alias on the default bridge": ("bridge", {"Aliases": ["x"]}, 400, 400),
        "address on the default bridge": ("bridge", pinned("172.17.0.99"), 400, 400),
        "address without a declared subnet": (world.name("auto"), pinned("172.18.0.77"), 400, 400),
        "address outside": (net, pinned("10.99.1.77"), 400 if world.modern else 0, 400 if world.modern else 500),
        "gateway": (net, pinned(f"{base(world)}.1"), 0, 403),
        "host": ("host", {}, 400, 400),
        "none": ("none", {}, 0, 400),
    }
    stopped, running = (world.container(word, {}, start=word == "running") for word in ("stopped", "running"))
    for key in (stopped, running):
        world.engine.disconnect_network("bridge", key, force=False)
    found = {}
    for name, (network, endpoint, *_) in cases.items():
        found[name] = tuple(
            status_of(world.engine.connect_network, network, key, endpoint) for key in (stopped, running)
        )
        if found[name][0] == 0:
            world.engine.disconnect_network(network, stopped, force=False)
    assert found == {name: case[2:] for name, case in cases.items()}


def test_shared_and_private_network_stacks_are_left_alone(world: World, net: str) -> None:
    engine, target = world.engine, world.container("t", start=True)
    found = {}
    for mode in ("host", "none", f"container:{target}"):
        key = world.container(mode.partition(":")[0], HostConfig={"NetworkMode": mode}, start=True)
        running = status_of(engine.connect_network, net, key, {})
        engine.stop_container(key, 0)
        found[mode.partition(":")[0]] = (running, status_of(engine.connect_network, net, key, {}))
    assert found == {"host": (400, 400), "none": (400, 400), "container": (400, 0)}


def test_a_network_that_does_not_exist_is_noted_for_a_stopped_container(world: World) -> None:
    engine, key, nothing = world.engine, world.container("a"), world.name("nothing")
    engine.connect_network(nothing, key, {})
    assert set(world.endpoints(key)) == {"bridge", nothing}
    assert status_of(engine.start_container, key) == 404
    engine.disconnect_network(nothing, key, force=False)
    engine.start_container(key)
    assert status_of(engine.connect_network, nothing, key, {}) == 404
    assert status_of(engine.disconnect_network, nothing, key, force=False) == 404
    assert status_of(engine.connect_network, "bridge", world.name("nobody"), {}) == 404


def test_disconnect(world: World, net: str) -> None:
    engine, key = world.engine, world.container("a", joined(net), start=True)
    engine.disconnect_network(net, key, force=False)
    assert world.endpoints(key) == {}
    assert status_of(engine.disconnect_network, net, key, force=False) == 500
    assert world.host_config(key)["NetworkMode"] == net, "the mode keeps the name"
    engine.restart_container(key, 0)
    assert world.endpoints(key) == {}, "and is not joined again"
    engine.stop_container(key, 0)
    assert status_of(engine.disconnect_network, net, key, force=False) == 500
    engine.connect_network(net, key, {"Aliases": ["back"]})
    engine.start_container(key)
    assert (world.endpoints(key)[net]["Aliases"] or [])[:1] == ["back"]
