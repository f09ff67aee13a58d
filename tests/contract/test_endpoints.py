"""Containers in networks: addresses, aliases, hardware addresses, connect and disconnect."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.sandbox import Sandbox, each_engine_of_one_store, status_of

pytestmark = each_engine_of_one_store


@pytest.fixture
def net(sandbox: Sandbox) -> str:
    """The name of a network with a declared subnet, `base` being its first three octets."""
    sandbox.network("n", IPAM={"Config": [{"Subnet": f"{base(sandbox)}.0/24"}]})
    return sandbox.name("n")


def base(sandbox: Sandbox) -> str:
    """The same for one test: a free /24."""
    if not sandbox.facts.get("base"):
        sandbox.facts["base"] = sandbox.subnet()
    return sandbox.facts["base"]


def joined(net: str, **endpoint: Any) -> dict[str, Any]:
    return {"HostConfig": {"NetworkMode": net}, "NetworkingConfig": {"EndpointsConfig": {net: endpoint}}}


def pinned(address: str) -> dict[str, Any]:
    return {"IPAMConfig": {"IPv4Address": address}}


def test_an_endpoint_before_while_and_after_it_runs(sandbox: Sandbox, net: str) -> None:
    key = sandbox.container("a", joined(net, Aliases=["db"]))
    before = sandbox.endpoints(key)[net]
    assert (before["NetworkID"], before["EndpointID"], before["IPAddress"], before["MacAddress"]) == ("", "", "", "")
    assert before["Aliases"] == ["db"]
    sandbox.engine.start_container(key)
    running = sandbox.endpoints(key)[net]
    assert running["IPAddress"].startswith(f"{base(sandbox)}.")
    assert (running["Gateway"], running["IPPrefixLen"]) == (f"{base(sandbox)}.1", 24)
    assert running["MacAddress"]
    assert running["MacAddress"].startswith("02:42:") is not sandbox.newest, "from the address, or random"
    assert running["EndpointID"]
    sandbox.engine.stop_container(key, 0)
    after = sandbox.endpoints(key)[net]
    assert (after["EndpointID"], after["IPAddress"], after["MacAddress"]) == ("", "", "")
    assert (after["NetworkID"], after["Aliases"]) == (running["NetworkID"], running["Aliases"])


def test_the_short_id_is_an_alias_below_api_1_45(sandbox: Sandbox, net: str) -> None:
    key = sandbox.container("a", joined(net, Aliases=["db", "db"]), start=True)
    endpoint = sandbox.endpoints(key)[net]
    assert endpoint["Aliases"] == (["db", "db"] if sandbox.modern else ["db", "db", key[:12]])
    if sandbox.modern:
        assert endpoint["DNSNames"] == [sandbox.name("a"), "db", key[:12]]
        sandbox.engine.rename_container(key, sandbox.name("b"))
        assert sandbox.endpoints(key)[net]["DNSNames"] == [sandbox.name("b"), "db", key[:12]]


def test_the_network_lists_who_is_attached(sandbox: Sandbox, net: str) -> None:
    key = sandbox.container("a", joined(net, **pinned(f"{base(sandbox)}.77")), start=True)
    found = sandbox.engine.inspect_network(net) or {}
    (entry,) = found["Containers"].values()
    assert set(found["Containers"]) == {key}
    assert (entry["Name"], entry["IPv4Address"], entry["IPv6Address"]) == (
        sandbox.name("a"),
        f"{base(sandbox)}.77/24",
        "",
    )


def test_pinned_addresses(sandbox: Sandbox, net: str) -> None:
    engine = sandbox.engine
    first = sandbox.container("first", joined(net, **pinned(f"{base(sandbox)}.9")), start=True)
    assert sandbox.endpoints(first)[net]["IPAddress"] == f"{base(sandbox)}.9"
    assert sandbox.endpoints(first)[net]["IPAMConfig"] == {"IPv4Address": f"{base(sandbox)}.9"}
    taken = sandbox.container("taken", joined(net, **pinned(f"{base(sandbox)}.9")))
    assert status_of(engine.start_container, taken) == 403
    gateway = sandbox.container("gateway", joined(net, **pinned(f"{base(sandbox)}.1")))
    assert status_of(engine.start_container, gateway) == 403
    engine.stop_container(first, 0)
    engine.start_container(taken)


def test_addresses_that_the_engine_reserves(sandbox: Sandbox) -> None:
    """The ends of the subnet, the gateway, which is the first address of a range, and auxiliary addresses."""
    start = sandbox.subnet()
    pool = {
        "Subnet": f"{start}.0/24",
        "IPRange": f"{start}.128/25",
        "AuxiliaryAddresses": {"nas": f"{start}.7"},
    }
    sandbox.network("reserved", IPAM={"Config": [pool]})
    for last, status in {"0": 403, "255": 403, "128": 403, "7": 403, "1": 0, "5": 0}.items():
        key = sandbox.container(f"a{last}", joined(sandbox.name("reserved"), **pinned(f"{start}.{last}")))
        if status:
            assert status_of(sandbox.engine.start_container, key) == status, last
        else:
            sandbox.engine.start_container(key)


def test_addresses_that_the_network_cannot_give(sandbox: Sandbox, net: str) -> None:
    sandbox.network("auto")
    cases = {
        "outside": (net, pinned("10.99.1.77"), 0, 500),
        "unreadable": (net, pinned("foo"), 400, 0),
        "no declared subnet": (sandbox.name("auto"), pinned("172.18.0.77"), 0, 400),
        "no declared subnet of the family": (net, {"IPAMConfig": {"IPv6Address": "fd00::5"}}, 0, 400),
    }
    for number, (name, (network, endpoint, create, start)) in enumerate(cases.items()):
        expected = 400 if sandbox.modern else create
        assert status_of(sandbox.container, f"a{number}", joined(network, **endpoint)) == expected, name
        if expected == 0:
            assert status_of(sandbox.engine.start_container, sandbox.name(f"a{number}")) == start, name


def test_the_hardware_address(sandbox: Sandbox, net: str) -> None:
    mac = "02:42:AC:11:00:AB"
    key = sandbox.container("a", joined(net), MacAddress=mac)
    assert sandbox.inspect(key)["Config"]["MacAddress"] == mac
    assert sandbox.endpoints(key)[net]["MacAddress"] == (mac if sandbox.modern else "")
    sandbox.engine.start_container(key)
    assert sandbox.endpoints(key)[net]["MacAddress"] == mac.lower()
    sandbox.engine.stop_container(key, 0)
    assert sandbox.inspect(key)["Config"]["MacAddress"] == mac
    assert sandbox.endpoints(key)[net]["MacAddress"] == ""


def test_a_mac_address_is_lost_by_reconnecting_but_still_shown(sandbox: Sandbox, net: str) -> None:
    mac = "02:42:ac:11:00:ab"
    sandbox.network("m")
    key = sandbox.container("a", joined(net), MacAddress=mac, start=True)
    # From 25 on an engine remembers what it showed; who never asked is shown nothing after.
    assert sandbox.inspect(key)["Config"]["MacAddress"] == mac
    sandbox.engine.disconnect_network(net, key, force=False)
    sandbox.engine.connect_network(sandbox.name("m"), key, {"MacAddress": mac})
    assert sandbox.inspect(key)["Config"]["MacAddress"] == mac
    assert sandbox.endpoints(key)[sandbox.name("m")]["MacAddress"] not in ("", mac)


def test_a_hardware_address_in_the_endpoint_counts_from_api_1_44(sandbox: Sandbox, net: str) -> None:
    key = sandbox.container("a", joined(net, MacAddress="02:42:AC:11:00:AC"), start=True)
    assert (sandbox.endpoints(key)[net]["MacAddress"] == "02:42:ac:11:00:ac") is sandbox.modern


def test_several_networks_at_create(sandbox: Sandbox, net: str) -> None:
    sandbox.network("m")
    body = joined(net)
    body["NetworkingConfig"]["EndpointsConfig"][sandbox.name("m")] = {"Aliases": ["q"]}
    if not sandbox.modern:
        assert status_of(sandbox.container, "a", body) == 400
        return
    key = sandbox.container("a", body, start=True)
    assert set(sandbox.endpoints(key)) == {net, sandbox.name("m")}


def test_an_endpoint_given_alone_is_joined_alone(sandbox: Sandbox, net: str) -> None:
    key = sandbox.container("a", NetworkingConfig={"EndpointsConfig": {net: {}}}, start=True)
    assert set(sandbox.endpoints(key)) == {net}
    assert sandbox.host_config(key)["NetworkMode"] == ("bridge" if sandbox.modern else "default")


def test_a_network_given_by_id(sandbox: Sandbox) -> None:
    network = sandbox.network("n")
    key = sandbox.container("a", joined(network, Aliases=["z"]), start=True)
    assert set(sandbox.endpoints(key)) == {sandbox.name("n")}
    assert sandbox.host_config(key)["NetworkMode"] == network


def test_a_further_network_given_by_id_has_its_name_from_the_first_start_on(sandbox: Sandbox, net: str) -> None:
    other = sandbox.network("o")
    body = joined(net)
    body["NetworkingConfig"]["EndpointsConfig"][other] = {"Aliases": ["z"]}
    if not sandbox.modern:
        assert status_of(sandbox.container, "a", body) == 400, "it takes one network at creation"
        return
    key = sandbox.container("a", body)
    assert set(sandbox.endpoints(key)) == {net, other}
    sandbox.engine.start_container(key)
    assert set(sandbox.endpoints(key)) == {net, sandbox.name("o")}
    sandbox.engine.stop_container(key, 0)
    assert set(sandbox.endpoints(key)) == {net, sandbox.name("o")}


def test_a_container_without_a_network(sandbox: Sandbox) -> None:
    assert sandbox.endpoints(sandbox.container("a", NetworkDisabled=True)) == {}
    none = sandbox.container("b", HostConfig={"NetworkMode": "none"}, start=True)
    assert set(sandbox.endpoints(none)) == {"none"}
    assert sandbox.endpoints(none)["none"]["IPAddress"] == ""
    host = sandbox.container("c", HostConfig={"NetworkMode": "host"}, start=True)
    assert set(sandbox.endpoints(host)) == {"host"}


def test_connect_while_it_runs(sandbox: Sandbox, net: str) -> None:
    engine, key = sandbox.engine, sandbox.container("a", start=True)
    engine.connect_network(net, key, {"Aliases": ["x"], **pinned(f"{base(sandbox)}.55")})
    endpoint = sandbox.endpoints(key)[net]
    assert endpoint["IPAddress"] == f"{base(sandbox)}.55"
    assert (endpoint["Aliases"] or [])[:1] == ["x"]
    assert status_of(engine.connect_network, net, key, {}) == 403
    assert set(sandbox.endpoints(key)) == {"bridge", net}


def test_connect_while_it_is_stopped_is_noted_and_not_replaced(sandbox: Sandbox, net: str) -> None:
    engine, key = sandbox.engine, sandbox.container("a")
    engine.connect_network(net, key, {"Aliases": ["x"]})
    engine.connect_network(net, key, {"Aliases": ["y"]})
    endpoint = sandbox.endpoints(key)[net]
    assert (endpoint["Aliases"] or [])[:1] == ["x"]
    assert (endpoint["NetworkID"], endpoint["IPAddress"]) == ("", "")
    engine.start_container(key)
    assert sandbox.endpoints(key)[net]["IPAddress"]


def test_modes_that_connect_no_network(sandbox: Sandbox, net: str) -> None:
    sandbox.network("auto")
    cases: dict[str, tuple[str, dict[str, Any], int, int]] = {
        "alias on the default bridge": ("bridge", {"Aliases": ["x"]}, 400, 400),
        "address on the default bridge": ("bridge", pinned("172.17.0.99"), 400, 400),
        "address without a declared subnet": (sandbox.name("auto"), pinned("172.18.0.77"), 400, 400),
        "address outside": (net, pinned("10.99.1.77"), 400 if sandbox.modern else 0, 400 if sandbox.modern else 500),
        "gateway": (net, pinned(f"{base(sandbox)}.1"), 0, 403),
        "host": ("host", {}, 400, 400),
        "none": ("none", {}, 0, 400),
    }
    stopped, running = (sandbox.container(word, {}, start=word == "running") for word in ("stopped", "running"))
    for key in (stopped, running):
        sandbox.engine.disconnect_network("bridge", key, force=False)
    found = {}
    for name, (network, endpoint, *_) in cases.items():
        found[name] = tuple(
            status_of(sandbox.engine.connect_network, network, key, endpoint) for key in (stopped, running)
        )
        if found[name][0] == 0:
            sandbox.engine.disconnect_network(network, stopped, force=False)
    assert found == {name: case[2:] for name, case in cases.items()}


def test_shared_and_private_network_stacks_are_left_alone(sandbox: Sandbox, net: str) -> None:
    engine, target = sandbox.engine, sandbox.container("t", start=True)
    found = {}
    for mode in ("host", "none", f"container:{target}"):
        key = sandbox.container(mode.partition(":")[0], HostConfig={"NetworkMode": mode}, start=True)
        running = status_of(engine.connect_network, net, key, {})
        engine.stop_container(key, 0)
        found[mode.partition(":")[0]] = (running, status_of(engine.connect_network, net, key, {}))
    assert found == {"host": (400, 400), "none": (400, 400), "container": (400, 0)}


def test_a_network_that_does_not_exist_is_noted_for_a_stopped_container(sandbox: Sandbox) -> None:
    engine, key, nothing = sandbox.engine, sandbox.container("a"), sandbox.name("nothing")
    engine.connect_network(nothing, key, {})
    assert set(sandbox.endpoints(key)) == {"bridge", nothing}
    assert status_of(engine.start_container, key) == 404
    engine.disconnect_network(nothing, key, force=False)
    engine.start_container(key)
    assert status_of(engine.connect_network, nothing, key, {}) == 404
    assert status_of(engine.disconnect_network, nothing, key, force=False) == 404
    assert status_of(engine.connect_network, "bridge", sandbox.name("nobody"), {}) == 404


def test_disconnect(sandbox: Sandbox, net: str) -> None:
    engine, key = sandbox.engine, sandbox.container("a", joined(net), start=True)
    engine.disconnect_network(net, key, force=False)
    assert sandbox.endpoints(key) == {}
    assert status_of(engine.disconnect_network, net, key, force=False) == 500
    assert sandbox.host_config(key)["NetworkMode"] == net, "the mode keeps the name"
    engine.restart_container(key, 0)
    assert sandbox.endpoints(key) == {}, "and is not joined again"
    engine.stop_container(key, 0)
    assert status_of(engine.disconnect_network, net, key, force=False) == 500
    engine.connect_network(net, key, {"Aliases": ["back"]})
    engine.start_container(key)
    assert (sandbox.endpoints(key)[net]["Aliases"] or [])[:1] == ["back"]
