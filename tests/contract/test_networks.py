"""Networks: create, the subnets they get, what is refused, removal."""

from __future__ import annotations

from typing import Any

from tests.contract.sandbox import Sandbox, each_engine_of_one_store, status_of

pytestmark = each_engine_of_one_store


def inspect(sandbox: Sandbox, ref: str) -> dict[str, Any]:
    found = sandbox.engine.inspect_network(ref)
    assert found is not None, ref
    return dict(found)


def test_a_network_without_a_declaration_gets_a_subnet_and_a_gateway(sandbox: Sandbox) -> None:
    found = inspect(sandbox, sandbox.network("n"))
    (config,) = found["IPAM"]["Config"]
    assert set(config) == {"Subnet", "Gateway"}
    assert (found["Driver"], found["Scope"], found["EnableIPv6"]) == ("bridge", "local", False)
    assert (found["IPAM"]["Driver"], found["IPAM"]["Options"]) == ("default", None)
    assert (found["Options"], found["Labels"], found["Containers"]) == ({}, {}, {})
    assert (found["ConfigFrom"], found["ConfigOnly"]) == ({"Network": ""}, False)


def test_a_declared_subnet_shows_no_gateway_of_its_own(sandbox: Sandbox) -> None:
    subnet = f"{sandbox.subnet()}.0/24"
    found = inspect(sandbox, sandbox.network("n", IPAM={"Config": [{"Subnet": subnet}]}))
    assert found["IPAM"]["Config"] == [{"Subnet": subnet}]


def test_the_declaration_is_kept_as_written(sandbox: Sandbox) -> None:
    base = sandbox.subnet()
    config = {
        "Subnet": f"{base}.0/24",
        "Gateway": f"{base}.254",
        "IPRange": f"{base}.128/25",
        "AuxiliaryAddresses": {"router": f"{base}.5"},
    }
    body = {
        "IPAM": {"Config": [config]},
        "Options": {"com.docker.network.driver.mtu": "1400", "foo": "bar"},
        "Labels": {"a": "b"},
        "Internal": True,
        "Attachable": True,
    }
    found = inspect(sandbox, sandbox.network("n", body))
    assert found["IPAM"]["Config"] == [config]
    assert {key: found[key] for key in ("Options", "Labels", "Internal", "Attachable")} == {
        key: body[key] for key in ("Options", "Labels", "Internal", "Attachable")
    }


def test_declared_ipv6_gets_an_ipv4_subnet_beside_it(sandbox: Sandbox) -> None:
    config = [{"Subnet": "FD00:0231:0::0/64"}]
    found = inspect(sandbox, sandbox.network("n", EnableIPv6=True, IPAM={"Config": config}))["IPAM"]["Config"]
    declared, filled = (found[0], found[1]) if sandbox.modern else (found[1], found[0])
    assert declared == config[0]
    assert set(filled) == {"Subnet", "Gateway"}


def test_host_bits_are_kept_by_the_older_and_refused_by_the_newer(sandbox: Sandbox) -> None:
    subnet = f"{sandbox.subnet()}.7/24"
    body = {"IPAM": {"Config": [{"Subnet": subnet}]}}
    if sandbox.modern:
        assert status_of(sandbox.network, "n", body) == 400
    else:
        assert inspect(sandbox, sandbox.network("n", body))["IPAM"]["Config"] == [{"Subnet": subnet}]


def test_found_by_name_id_and_the_beginning_of_the_id(sandbox: Sandbox) -> None:
    key = sandbox.network("n")
    assert {inspect(sandbox, ref)["Id"] for ref in (key, key[:12], sandbox.name("n"))} == {key}


def test_the_list_has_no_containers(sandbox: Sandbox) -> None:
    key = sandbox.network("n")
    sandbox.container("a", HostConfig={"NetworkMode": sandbox.name("n")}, start=True)
    listed = next(each for each in sandbox.engine.list_networks() if each["Id"] == key)
    assert listed["Containers"] == {}
    assert len(inspect(sandbox, key)["Containers"]) == 1
    assert {"bridge", "host", "none"} <= {each["Name"] for each in sandbox.engine.list_networks()}


def test_refused_networks(sandbox: Sandbox) -> None:
    base, other = sandbox.subnet(), sandbox.subnet()
    sandbox.network("taken", IPAM={"Config": [{"Subnet": f"{base}.0/24"}]})
    flag = "com.docker.network.bridge.enable_icc"
    cases: dict[str, tuple[dict[str, Any], int] | tuple[dict[str, Any], int, int]] = {
        "name in use": ({"Name": sandbox.name("taken")}, 409),
        "predefined name": ({"Name": "bridge"}, 403),
        "overlap": (ipam(Subnet=f"{base}.128/25"), 403),
        "no subnet": (ipam(Subnet="foo"), 500, 400),
        "gateway without a subnet": (ipam(Gateway=f"{other}.1"), 500, 400),
        "gateway outside": (ipam(Subnet=f"{other}.0/24", Gateway="10.99.0.1"), 500, 400),
        "range outside": (ipam(Subnet=f"{sandbox.subnet()}.0/24", IPRange="10.99.0.0/25"), 0, 400),
        "reserved address outside": (
            ipam(Subnet=f"{sandbox.subnet()}.0/24", AuxiliaryAddresses={"r": "10.99.0.5"}),
            403,
            400,
        ),
        "two subnets": (
            {"IPAM": {"Config": [{"Subnet": f"{sandbox.subnet()}.0/24"}, {"Subnet": f"{sandbox.subnet()}.0/24"}]}},
            403,
        ),
        "IPv6 without a subnet": ({"EnableIPv6": True}, 0 if sandbox.newest else 404),
        "second host network": ({"Driver": "host"}, 403),
        "overlay without a swarm": ({"Driver": "overlay"}, 500, 403),
        "swarm scope": ({"Scope": "swarm"}, 403),
        "ingress": ({"Ingress": True}, 403),
        "size that is no number": ({"Options": {"com.docker.network.driver.mtu": "abc"}}, 500, 400),
        "flag that is none": ({"Options": {flag: "foo"}}, 500, 400),
        "flag in capitals": ({"Options": {flag: "False"}}, 0),
        "configuration of nobody": ({"ConfigFrom": {"Network": "no-such-network"}}, 404),
        "configuration with use": ({"ConfigOnly": True, "Internal": True}, 403),
        "configuration with a scope": ({"ConfigOnly": True, "Scope": "local"}, 403),
        "configuration and labels": ({"ConfigFrom": {"Network": "c"}, "Labels": {"a": "b"}}, 403),
        "configuration and options": ({"ConfigFrom": {"Network": "c"}, "Options": {"a": "b"}}, 403),
        "configuration and IPv6": ({"ConfigFrom": {"Network": "c"}, "EnableIPv6": True}, 403),
    }
    expected = {name: case[-1] if sandbox.modern else case[1] for name, case in cases.items()}
    found = {name: status_of(sandbox.network, f"n{index}", case[0]) for index, (name, case) in enumerate(cases.items())}
    assert found == expected


def ipam(**config: Any) -> dict[str, Any]:
    return {"IPAM": {"Config": [config]}}


def test_a_network_made_from_a_configuration(sandbox: Sandbox) -> None:
    subnet = f"{sandbox.subnet()}.0/24"
    sandbox.network("c", ConfigOnly=True, IPAM={"Config": [{"Subnet": subnet}]}, Labels={"a": "b"})
    assert inspect(sandbox, sandbox.name("c"))["Driver"] == "null"
    found = inspect(sandbox, sandbox.network("n", ConfigFrom={"Network": sandbox.name("c")}, Internal=True))
    assert found["IPAM"]["Config"] == [{"Subnet": subnet}]
    assert (found["Labels"], found["Internal"], found["Driver"]) == ({"a": "b"}, True, "bridge")
    assert status_of(sandbox.engine.remove_network, sandbox.name("c")) == 403
    sandbox.engine.remove_network(sandbox.name("n"))


def test_only_running_containers_hold_a_network(sandbox: Sandbox) -> None:
    engine, network = sandbox.engine, sandbox.network("n")
    key = sandbox.container("a", HostConfig={"NetworkMode": sandbox.name("n")}, start=True)
    assert status_of(engine.remove_network, network) == 403
    engine.stop_container(key, 0)
    engine.remove_network(network)
    assert engine.inspect_network(network) is None
    assert status_of(engine.start_container, key) == 404
    assert "not found" in sandbox.inspect(key)["State"]["Error"]


def test_a_recreated_network_is_joined_by_containers_that_never_ran(sandbox: Sandbox) -> None:
    engine, first = sandbox.engine, sandbox.network("n")
    key = sandbox.container("a", HostConfig={"NetworkMode": sandbox.name("n")})
    engine.remove_network(first)
    second = sandbox.network("n")
    engine.start_container(key)
    assert sandbox.endpoints(key)[sandbox.name("n")]["NetworkID"] == second


def test_containers_that_ran_use_the_network_id_until_reconnected(sandbox: Sandbox) -> None:
    engine, first, name = sandbox.engine, sandbox.network("n"), sandbox.name("n")
    key = sandbox.container("a", HostConfig={"NetworkMode": name}, start=True)
    engine.stop_container(key, 0)
    assert sandbox.endpoints(key)[name]["NetworkID"] == first
    engine.remove_network(first)
    second = sandbox.network("n")
    assert status_of(engine.start_container, key) == 404
    engine.connect_network(name, key, {"Aliases": ["anew"]})
    engine.start_container(key)
    assert (sandbox.endpoints(key)[name]["Aliases"] or [])[:1] == ["anew"]
    assert sandbox.endpoints(key)[name]["NetworkID"] == second


def test_objects_that_cannot_be_removed(sandbox: Sandbox) -> None:
    assert status_of(sandbox.engine.remove_network, "bridge") == 403
    assert status_of(sandbox.engine.remove_network, sandbox.name("nothing")) == 404
