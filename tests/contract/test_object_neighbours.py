"""Other spellings of the networks, volumes and endpoints that an engine has are no change; what is near is one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from deployer.diagnostics import Origin
from deployer.engine.observe import read_network, read_volume
from deployer.fields.field import View
from deployer.fields.network import NETWORK
from deployer.fields.table import Table
from deployer.fields.volume import VOLUME
from deployer.model.desired import Address, Kind, Resource
from deployer.model.settings import Settings
from deployer.planning.diff import Comparison, diff
from tests.contract.sandbox import SLEEP, Sandbox, each_engine_of_one_store, status_of
from tests.contract.test_verdicts import differences
from tests.fields.declare import declare

pytestmark = each_engine_of_one_store

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """`body` is created; declarations of `same` fit, those of `other` do not. `until`: the engine that refuses it."""

    name: str
    body: Json = field(default_factory=dict)
    same: tuple[Json, ...] = ()
    other: tuple[Json, ...] = ()
    until: int = 99


def pools(*config: Json, **keys: Any) -> dict[str, Any]:
    return {"IPAM": {"Driver": "default", "Config": list(config)}, **keys}


def ipam(*config: Json, **keys: Any) -> dict[str, Any]:
    return {"ipam": {"config": list(config)}, **keys}


MTU = "com.docker.network.driver.mtu"
ICC = "com.docker.network.bridge.enable_icc"
NETWORKS = (
    Case(
        "nothing declared",
        same=(
            {},
            {"driver": "bridge", "ipam": {}, "driver_opts": {}, "labels": {}, "internal": False},
            {"ipam": {"driver": "default"}, "attachable": False, "enable_ipv6": False, "scope": "local"},
            {"ipam": {"config": []}, "driver_opts": None, "labels": None},
        ),
        other=(
            {"driver": "macvlan"},
            {"internal": True},
            {"attachable": True},
            {"enable_ipv6": True},
            {"labels": {"a": "b"}},
            {"driver_opts": {MTU: 1400}},
            ipam({"subnet": "10.222.250.0/24"}),
        ),
    ),
    Case(
        "subnet",
        pools({"Subnet": "10.222.1.0/24"}),
        same=(
            {},
            ipam({"subnet": "10.222.1.0/24"}),
            ipam({"subnet": "10.222.1.77/24"}),
            ipam({"subnet": "10.222.1.0/24", "gateway": "10.222.1.1"}),
            {"ipam": {"driver": "default", "config": [{"subnet": "10.222.1.0/24"}]}},
        ),
        other=(
            ipam({"subnet": "10.222.1.0/25"}),
            ipam({"subnet": "10.222.2.0/24"}),
            ipam({"subnet": "10.222.1.0/24", "gateway": "10.222.1.254"}),
            ipam({"subnet": "10.222.1.0/24", "ip_range": "10.222.1.0/25"}),
            ipam({"subnet": "10.222.1.0/24", "aux_addresses": {"printer": "10.222.1.5"}}),
        ),
    ),
    Case(
        "subnet with host bits",
        pools({"Subnet": "10.222.3.7/24"}),
        same=(ipam({"subnet": "10.222.3.0/24"}), ipam({"subnet": "10.222.3.9/24"})),
        until=24,
    ),
    Case(
        "gateway",
        pools({"Subnet": "10.222.4.0/24", "Gateway": "10.222.4.254"}),
        same=(ipam({"subnet": "10.222.4.0/24", "gateway": "10.222.4.254"}), ipam({"subnet": "10.222.4.0/24"})),
        other=(ipam({"subnet": "10.222.4.0/24", "gateway": "10.222.4.1"}),),
    ),
    Case(
        "range and reserved addresses",
        pools(
            {
                "Subnet": "10.222.5.0/24",
                "IPRange": "10.222.5.128/25",
                "AuxiliaryAddresses": {"printer": "10.222.5.5", "nas": "10.222.5.6"},
            }
        ),
        same=(
            ipam(
                {
                    "subnet": "10.222.5.0/24",
                    "iprange": "10.222.5.200/25",
                    "aux_addresses": {"nas": "10.222.5.6", "printer": "10.222.5.5"},
                }
            ),
        ),
        other=(
            ipam({"subnet": "10.222.5.0/24"}),
            ipam({"subnet": "10.222.5.0/24", "ip_range": "10.222.5.128/25"}),
            ipam(
                {
                    "subnet": "10.222.5.0/24",
                    "ip_range": "10.222.5.128/25",
                    "aux_addresses": {"nas": "10.222.5.7", "printer": "10.222.5.5"},
                }
            ),
        ),
    ),
    Case(
        "IPv6",
        pools({"Subnet": "10.222.6.0/24"}, {"Subnet": "FD00:0222:0::0/64"}, EnableIPv6=True),
        same=(
            {"enable_ipv6": True},
            ipam({"subnet": "fd00:222::/64"}, {"subnet": "10.222.6.0/24"}, enable_ipv6=True),
            ipam({"subnet": "10.222.6.0/24"}, {"subnet": "fd00:0222:0000::/64"}, enable_ipv6=True),
            ipam({"subnet": "fd00:222::/64"}, enable_ipv6=True),
        ),
        other=(
            {},
            ipam({"subnet": "fd00:222::/64"}, {"subnet": "10.222.6.0/24"}),
            ipam({"subnet": "fd00:222::/48"}, enable_ipv6=True),
            ipam({"subnet": "fd00:222::/64", "gateway": "fd00:222::9"}, enable_ipv6=True),
        ),
    ),
    Case(
        "IPv6 with an IPv4 subnet of the engine's",
        pools({"Subnet": "fd00:223::/64", "Gateway": "fd00:223::1"}, EnableIPv6=True),
        same=(
            ipam({"subnet": "fd00:223:0::/64"}, enable_ipv6=True),
            ipam({"subnet": "fd00:223:0::/64", "gateway": "fd00:223:0::0001"}, enable_ipv6=True),
        ),
        other=(ipam({"subnet": "fd00:223:0::/64"}, {"subnet": "10.222.99.0/24"}, enable_ipv6=True),),
    ),
    Case(
        "IPv6 subnet without IPv6",
        pools({"Subnet": "fd00:224::/64"}),
        same=(ipam({"subnet": "fd00:224:0::/64"}), {}),
        other=(ipam({"subnet": "fd00:224:0::/64"}, enable_ipv6=True), ipam({"subnet": "fd00:225::/64"})),
    ),
    Case(
        "options of the address management",
        {"IPAM": {"Options": {"foo": "1"}}},
        same=({"ipam": {"options": {"foo": 1}}}, {"ipam_driver_options": {"foo": "1"}}, {}),
        other=({"ipam": {"options": {"foo": 2}}}, {"ipam_driver_options": {"bar": 1}}),
    ),
    Case(
        "Ansible's spelling",
        pools({"Subnet": "10.222.12.0/24", "IPRange": "10.222.12.0/25"}),
        same=(
            {"ipam_config": [{"subnet": "10.222.12.0/24", "iprange": "10.222.12.0/25"}]},
            {"ipam_config": [{"subnet": "10.222.12.0/24", "ip_range": "10.222.12.0/25"}], "ipam_driver": "default"},
        ),
        other=({"ipam_config": [{"subnet": "10.222.12.0/24"}]},),
    ),
    Case(
        "options",
        {"Options": {ICC: "false", MTU: "1450", "com.docker.network.bridge.name": "br-t1"}},
        same=(
            {"driver_opts": {ICC: False, MTU: 1450, "com.docker.network.bridge.name": "br-t1"}},
            {"driver_options": {MTU: "1450"}},
            {},
        ),
        other=({"driver_opts": {MTU: 1400}}, {"driver_opts": {ICC: True}}, {"driver_opts": {"x": "y"}}),
    ),
    Case(
        "internal and attachable",
        {"Internal": True, "Attachable": True},
        same=({"internal": True, "attachable": True}, {"attachable": True, "internal": True, "ingress": False}),
        other=({}, {"internal": True}, {"attachable": True}),
    ),
    Case(
        "labels",
        {"Labels": {"a": "", "n": "1", "t": "true"}},
        same=({"labels": ["a", "n=1", "t=true"]}, {"labels": {"a": None, "n": 1, "t": True}}),
        other=({}, {"labels": {"n": 1, "t": True}}, {"labels": {"a": "x", "n": 1, "t": True}}),
    ),
    Case(
        "labels of another tool",
        {"Labels": {"com.docker.compose.project": "shop", "com.docker.compose.network": "front"}},
        other=({},),
    ),
    Case(
        "only a configuration",
        pools({"Subnet": "10.222.9.0/24"}, ConfigOnly=True, Options={MTU: "1400"}),
        same=(ipam({"subnet": "10.222.9.0/24"}, config_only=True, driver_opts={MTU: 1400}), {"config_only": True}),
        other=({}, ipam({"subnet": "10.222.10.0/24"}, config_only=True)),
    ),
)
VOLUMES = (
    Case(
        "nothing declared",
        same=({}, {"driver": "local", "driver_opts": {}, "labels": {}}, {"driver_options": None, "labels": None}),
        other=({"driver": "nfs"}, {"driver_opts": {"type": "tmpfs", "device": "tmpfs"}}, {"labels": ["a"]}),
    ),
    Case(
        "options",
        {"DriverOpts": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,uid=1000"}},
        same=(
            {"driver_opts": {"o": "size=1m,uid=1000", "device": "tmpfs", "type": "tmpfs"}},
            {"driver_options": {"o": "size=1m,uid=1000", "device": "tmpfs", "type": "tmpfs"}},
            {"driver_opts": {"o": "uid=1000,size=1m", "device": "tmpfs", "type": "tmpfs"}},
        ),
        other=(
            {},
            {"driver_opts": {"type": "tmpfs", "device": "tmpfs"}},
            {"driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": "size=2m,uid=1000"}},
        ),
    ),
    Case(
        "labels",
        {"Labels": {"a": "", "n": "1.10"}},
        same=({"labels": ["a=", "n=1.10"]}, {"labels": {"a": None, "n": "1.10"}}),
        other=({}, {"labels": {"a": None}}, {"labels": {"a": None, "n": 1.1}}),
    ),
)


def compared(table: Table, live: Any, written: Json) -> list[str]:
    declared = declare(table, written).values
    view = View(declared, live.values, live.name, live.owner.recorded)
    address = Address("web1", Kind(table.kind), live.name)
    resource = Resource(address, Origin("play.yml"), Settings(), declared)
    found = diff(Comparison(table, resource, view, frozenset()))
    return [f"{each.name}: {each.old} → {each.new}" for each in found]


def wrong(case: Case, table: Table, live: Any) -> list[str]:
    found = [f"{json.dumps(each)} is the same: {diffs}" for each in case.same if (diffs := compared(table, live, each))]
    return [*found, *(f"{json.dumps(e)} is something else" for e in case.other if not compared(table, live, e))]


@pytest.mark.parametrize("case", NETWORKS, ids=[case.name for case in NETWORKS])
def test_networks(sandbox: Sandbox, case: Case) -> None:
    if sandbox.version >= (case.until,):
        assert status_of(sandbox.network, "n", dict(case.body)) == 400, "newer engines refuse it"
        return
    found = sandbox.engine.inspect_network(sandbox.network("n", dict(case.body)))
    assert found is not None
    assert wrong(case, NETWORK, read_network(found)) == []


@pytest.mark.parametrize("case", VOLUMES, ids=[case.name for case in VOLUMES])
def test_volumes(sandbox: Sandbox, case: Case) -> None:
    assert sandbox.version < (case.until,)
    assert wrong(case, VOLUME, read_volume(sandbox.volume("v", **case.body))) == []


def test_a_network_with_the_configuration_of_another(sandbox: Sandbox) -> None:
    """What it took over is the other one's to declare."""
    both = ({"Subnet": "10.222.11.0/24"}, {"Subnet": "fd00:226::/64"})
    sandbox.network("base", pools(*both, ConfigOnly=True, EnableIPv6=True, Options={MTU: "1400"}, Labels={"a": "b"}))
    base = {"config_from": sandbox.name("base")}
    found = sandbox.engine.inspect_network(sandbox.network("n", {"ConfigFrom": {"Network": sandbox.name("base")}}))
    assert found is not None
    live = read_network(found)
    assert compared(NETWORK, live, base) == []
    assert compared(NETWORK, live, {"config_from": "other"}) != []


def test_a_volume_that_a_bind_made(sandbox: Sandbox) -> None:
    sandbox.container("c", HostConfig={"Binds": [f"{sandbox.name('v')}:/data"]})
    sandbox.volumes.append(sandbox.name("v"))
    found = sandbox.engine.inspect_volume(sandbox.name("v"))
    assert found is not None
    assert compared(VOLUME, read_volume(found), {}) == []


def endpoints(sandbox: Sandbox) -> tuple[Case, ...]:
    """On a network with addresses of its own; containers sleep and do not run."""
    front = sandbox.name("front")
    settings = {
        "Aliases": ["www", "api"],
        "IPAMConfig": {"IPv4Address": "10.222.20.7", "IPv6Address": "fd00:220::0007"},
        "MacAddress": "02:42:0a:DE:14:07",
    }

    def body(**endpoint: Any) -> dict[str, Any]:
        return {"HostConfig": {"NetworkMode": front}, "NetworkingConfig": {"EndpointsConfig": {front: endpoint}}}

    whole = {"aliases": ["api", "www"], "ipv4_address": "10.222.20.7", "ipv6_address": "fd00:220::7"}
    return (
        Case(
            "no network named",
            {"HostConfig": {}},
            same=({}, {"network_mode": "default"}, {"network_mode": "bridge"}, {"networks": ["bridge"]}),
            other=({"networks": [front]}, {"network_mode": "none"}, {"networks": ["bridge", front]}),
        ),
        Case(
            "one network",
            body(),
            same=(
                {"networks": [front]},
                {"networks": {front: {}}},
                {"networks": {front: None}},
                {"networks": [{"name": front}]},
                {"network_mode": front},
                {"networks": {front: {"aliases": []}}},
                {"networks": [{"name": front, "aliases": None}]},
                {"networks": {front: {"aliases": None, "driver_opts": {}}}},
            ),
            other=(
                {},
                {"network_mode": "bridge"},
                {"networks": {front: {"aliases": ["www"]}}},
                {"networks": {front: {"ipv4_address": "10.222.20.8"}}},
                {"networks": ["bridge"]},
                {"networks": [front, "bridge"]},
            ),
        ),
        Case(
            "aliases and addresses",
            body(**{key: value for key, value in settings.items() if key != "MacAddress"}),
            same=(
                {"networks": {front: whole}},
                {"networks": {front: whole | {"aliases": ["www", "api", "www"]}}},
                {"networks": {front: whole | {"ipv6_address": "FD00:0220:0::7"}}},
            ),
            other=(
                {"networks": {front: whole | {"aliases": ["www"]}}},
                {"networks": {front: {"ipv4_address": "10.222.20.7", "ipv6_address": "fd00:220::7"}}},
                {"networks": {front: whole | {"ipv4_address": "10.222.20.8"}}},
                {"networks": {front: whole | {"ipv6_address": "fd00:220::8"}}},
                {"networks": {front: {"aliases": ["www", "api"], "ipv6_address": "fd00:220::7"}}},
                {"networks": [front]},
            ),
        ),
        Case(
            "by the network's id",
            {"HostConfig": {"NetworkMode": sandbox.networks[0]}},
            same=({"networks": [front]},),
        ),
        Case(
            "the host's network",
            {"HostConfig": {"NetworkMode": "host"}},
            same=({"network_mode": "host"}, {"networks": ["host"]}),
            other=({}, {"networks": [front]}, {"network_mode": "none"}),
        ),
        Case(
            "none",
            {"HostConfig": {"NetworkMode": "none"}},
            same=({"network_mode": "none"},),
            other=({}, {"network_mode": "host"}),
        ),
    )


def test_endpoints(sandbox: Sandbox) -> None:
    sandbox.network("front", pools({"Subnet": "10.222.20.0/24"}, {"Subnet": "fd00:220::/64"}, EnableIPv6=True))
    found = []
    for number, case in enumerate(endpoints(sandbox)):
        key = sandbox.container(f"c{number}", dict(case.body), Cmd=SLEEP)
        for written in case.same:
            if diffs := differences(sandbox, key, {"command": SLEEP, **written}):
                found.append(f"{case.name}: {json.dumps(written)} is the same: {diffs}")
        for written in case.other:
            if not differences(sandbox, key, {"command": SLEEP, **written}):
                found.append(f"{case.name}: {json.dumps(written)} is something else")
    assert found == []
