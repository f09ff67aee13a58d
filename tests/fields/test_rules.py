"""Rules that look at several fields at once."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.fields.container import CONTAINER
from deployer.fields.network import NETWORK
from deployer.fields.network_rules import ignored
from tests.fields.declare import declare, errors_of, try_declare

BRIDGE_OPTION = "com.docker.network.bridge."
BRIDGE: dict[str, Any] = {"networks": {"bridge": {}}}
CDI = "driver cdi requires device_ids such as vendor.com/class=name, without count and options"


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ({"network_mode": "bridge"}, {"network_mode": "networks", "networks": {"bridge": {}}}),
        ({"network_mode": "default"}, {"network_mode": "networks", "networks": {"bridge": {}}}),
        ({"network_mode": "front"}, {"network_mode": "networks", "networks": {"front": {}}}),
        ({"network_mode": "host"}, {"network_mode": "host"}),
        ({"network_mode": "none"}, {"network_mode": "none"}),
        ({"network_mode": "service:db"}, {"network_mode": "container:db"}),
        ({"networks": ["host"]}, {"network_mode": "host", "networks": {}}),
        ({"networks": {"none": None}}, {"network_mode": "none", "networks": {}}),
        ({"network_mode": "host", "hostname": "web"}, {"network_mode": "host", "hostname": "web"}),
        ({"restart": "on-failure", "restart_retries": 3}, {"restart": "on-failure:3"}),
        ({"mem_limit": "64m", "memswap_limit": "128m"}, {"mem_limit": 67108864, "memswap_limit": 134217728}),
        ({"memswap_limit": -1}, {"memswap_limit": -1}),
        ({"cpu_quota": 1000, "cpu_period": 2000}, {"cpu_quota": 1000, "cpu_period": 2000}),
        ({"ports": ["53:53", "53:53/udp"]}, {"ports": ["53:53/tcp", "53:53/udp"]}),
        (
            {"ports": ["127.0.0.1:80:80", "127.0.0.2:80:80", "[::]:80:80"]},
            {"ports": ["127.0.0.1:80:80/tcp", "127.0.0.2:80:80/tcp", "[::]:80:80/tcp"]},
        ),
        ({"ports": ["80", "80-81:80"]}, {"ports": ["80-81:80/tcp", "80/tcp"]}),
        (
            {"devices": ["v.com/c=1"], "gpus": [{"driver": "cdi", "device_ids": ["v.com/c=0"]}, {"count": 1}]},
            {
                "devices": ["v.com/c=0", "v.com/c=1"],
                "gpus": [{"driver": "", "count": 1, "device_ids": [], "capabilities": [["gpu"]], "options": {}}],
            },
        ),
        ({"links": ["db:d"]}, {"links": ["db:d"]}),
        ({"links": ["db:d"], "network_mode": "bridge"}, {"links": ["db:d"], "network_mode": "networks"} | BRIDGE),
        (
            {"links": ["db"], "networks": {"front": {"links": ["c:d", "db"]}, "back": None}},
            {"links": [], "networks": {"front": {"links": ["c:d", "db:db"]}, "back": {"links": ["db:db"]}}},
        ),
        (
            {"links": ["db"], "networks": ["bridge", "front"]},
            {"links": ["db:db"], "networks": {"bridge": {}, "front": {"links": ["db:db"]}}},
        ),
        (
            {"networks": {"a": {"interface_name": "eth7", "driver_opts": {"b": 1}}}},
            {"networks": {"a": {"driver_opts": {"b": "1", "com.docker.network.endpoint.ifname": "eth7"}}}},
        ),
        *(
            ({"volumes": [mount | {"consistency": word}]}, {"volumes": {"/b": {"type": "bind", "source": "/a"}}})
            for word in ("consistent", "default")
            for mount in ({"type": "bind", "source": "/a", "target": "/b"},)
        ),
        ({"auto_remove": True, "restart": "no"}, {"auto_remove": True, "restart": "no"}),
        ({"hostname": "web", "uts": "host", "tty": False} | {"hostname": None}, {"uts": "host", "tty": False}),
    ],
)
def test_valid_together(written: dict[str, Any], values: dict[str, Any]) -> None:
    assert declare(CONTAINER, written).values == values


def test_networks_are_joined_in_the_order_of_their_priority() -> None:
    written = {"low": {"priority": -1}, "b": None, "a": {"priority": 0}, "high": {"priority": 1000}}
    assert list(declare(CONTAINER, {"networks": written}).values["networks"]) == ["high", "b", "a", "low"]
    named = [{"name": "a"}, {"name": "b", "priority": 1, "aliases": ["x"]}]
    assert list(declare(CONTAINER, {"networks": named}).values["networks"].items()) == [
        ("b", {"aliases": ["x"]}),
        ("a", {}),
    ]


@pytest.mark.parametrize(
    ("written", "messages"),
    [
        (
            {"network_mode": "bridge", "networks": ["front"]},
            ["network_mode: write network_mode or networks, not both"],
        ),
        (
            {"network_mode": "container:db", "hostname": "web", "ports": [80], "dns": ["1.1.1.1"], "expose": [1]},
            [
                "hostname: cannot be combined with network_mode: container:db",
                "ports: cannot be combined with network_mode: container:db",
                "dns: cannot be combined with network_mode: container:db",
                "expose: cannot be combined with network_mode: container:db",
            ],
        ),
        ({"network_mode": "host", "links": ["db"]}, ["links: cannot be combined with network_mode: host"]),
        (
            {"network_mode": "container:db", "publish_all_ports": True},
            ["publish_all_ports: cannot be combined with network_mode: container:db"],
        ),
        ({"network_mode": "none", "links": ["db"]}, ["links: cannot be combined with network_mode: none"]),
        (
            {"networks": {"bridge": {"aliases": ["a"], "ipv4_address": "172.17.0.9"}}},
            [
                "networks: the default network 'bridge' does not support aliases; declare a network",
                "networks: the default network 'bridge' does not support ipv4_address; declare a network",
            ],
        ),
        (
            {"networks": {"bridge": {"links": ["db"]}}},
            ["networks: the default network 'bridge' does not support links; write links of the container"],
        ),
        ({"hostname": "web", "uts": "host"}, ["hostname: cannot be combined with uts: host"]),
        ({"ports": ["80:80", "80:81"]}, ["ports: host port 80/tcp is published twice"]),
        ({"ports": ["80:80", "0.0.0.0:80:80"]}, ["ports: host port 80/tcp is published twice"]),
        ({"ports": ["127.0.0.1:80:80", "0.0.0.0:80:81"]}, ["ports: host port 80/tcp is published twice"]),
        ({"ports": ["[::1]:80:80", "[::]:80:81"]}, ["ports: host port 80/tcp is published twice"]),
        ({"mem_limit": "5m"}, ["mem_limit: 5 MiB is less than the engine's minimum of 6 MiB"]),
        ({"mem_reservation": "5m"}, ["mem_reservation: 5 MiB is less than the engine's minimum of 6 MiB"]),
        ({"memswap_limit": "64m"}, ["memswap_limit: requires mem_limit"]),
        (
            {"mem_limit": "64m", "memswap_limit": "32m"},
            ["memswap_limit: includes memory and swap, so it cannot be less than mem_limit"],
        ),
        ({"mem_limit": "64m", "mem_reservation": "65m"}, ["mem_reservation: cannot be more than mem_limit"]),
        (
            {"cpus": 1, "cpu_quota": 1000, "cpu_period": 2000},
            ["cpu_quota: cannot be combined with cpus", "cpu_period: cannot be combined with cpus"],
        ),
        (
            {"restart": "always", "restart_retries": 3},
            ["restart_retries: requires restart: on-failure"],
        ),
        ({"restart_retries": 3}, ["restart_retries: requires restart: on-failure"]),
        ({"auto_remove": True, "restart": "always"}, ["auto_remove: cannot be combined with a restart policy"]),
        ({"tmpfs": ["/t"], "volumes": ["data:/t/"]}, ["tmpfs: '/t' is also under volumes"]),
        ({"gpus": [{"driver": "cdi", "count": 1}]}, [f"gpus: {CDI}"]),
        ({"gpus": [{"driver": "cdi", "device_ids": ["0"]}]}, [f"gpus: {CDI}"]),
        ({"gpus": [{"driver": "cdi", "device_ids": ["v.com/c=0"], "options": {"a": "b"}}]}, [f"gpus: {CDI}"]),
        ({"gpus": [{"driver": "cdi", "device_ids": ["v.com/c=0"], "count": "all"}]}, [f"gpus: {CDI}"]),
        (
            {"devices": [{"source": "v.com/c=0", "permissions": "r"}]},
            ["devices[0]: v.com/c=0: a CDI device takes no path and no permissions; the vendor defines them"],
        ),
    ],
)
def test_errors(written: dict[str, Any], messages: list[str]) -> None:
    assert errors_of(CONTAINER, written) == [f"containers.it.{message}" for message in messages]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            {"networks": ["default", "front"]},
            "'default' is a network of Compose: omit it for 'bridge', or declare a network",
        ),
        (
            {"networks": ["host", "front"]},
            "network host cannot be combined with other networks or options; write network_mode: host",
        ),
        (
            {"networks": {"none": {"aliases": ["a"]}}},
            "network none cannot be combined with other networks or options; write network_mode: none",
        ),
    ],
)
def test_modes_written_as_networks(written: dict[str, Any], said: str) -> None:
    assert errors_of(CONTAINER, written) == [f"containers.it.networks: {said}"]


@pytest.mark.parametrize(
    ("written", "mode", "meaning"),
    [
        ({"network_mode": "host"}, "host", "; the container listens on the addresses of the host"),
        ({"networks": ["host"]}, "host", "; the container listens on the addresses of the host"),
        ({"network_mode": "none"}, "none", ""),
    ],
)
def test_ports_that_will_not_be_published_are_accepted_with_a_warning(
    written: dict[str, Any], mode: str, meaning: str
) -> None:
    found, problems = try_declare(CONTAINER, {**written, "ports": ["127.0.0.1:80:80"], "publish_all_ports": True})
    assert (problems.errors, found and found.values["ports"]) == ((), [])
    assert [f"{warning.address}: {warning.summary}" for warning in problems.warnings] == [
        f"containers.it.{name}: has no effect with network_mode: {mode}{meaning}"
        for name in ("ports", "publish_all_ports")
    ]


POOL = {"subnet": "10.1.0.0/24"}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            {"ipam": {"config": [POOL | {"gateway": "10.2.0.1"}]}},
            ["gateway 10.2.0.1 is not an address of subnet 10.1.0.0/24"],
        ),
        (
            {"ipam": {"config": [POOL | {"aux_addresses": {"nas": "fd00::1", "tv": "10.1.0.9"}}]}},
            ["aux_addresses.nas fd00::1 is not an address of subnet 10.1.0.0/24"],
        ),
        (
            {"ipam": {"config": [POOL | {"ip_range": "10.1.0.0/16"}]}},
            ["ip_range 10.1.0.0/16 is not a part of subnet 10.1.0.0/24"],
        ),
        (
            {"ipam": {"config": [POOL | {"ip_range": "fd00::/64"}]}},
            ["ip_range fd00::/64 is not a part of subnet 10.1.0.0/24"],
        ),
        ({"ipam": {"config": [POOL, {"subnet": "10.2.0.0/24"}]}}, ["a bridge has one IPv4 subnet, not 2"]),
    ],
)
def test_subnets_that_no_engine_takes(written: dict[str, Any], said: list[str]) -> None:
    assert errors_of(NETWORK, written) == [f"networks.it.ipam: {text}" for text in said]


@pytest.mark.parametrize(
    "written",
    [
        {"ipam": {"config": [POOL | {"ip_range": "10.1.0.128/25", "gateway": "10.1.0.1"}, {"subnet": "fd00::/64"}]}},
        {"driver": "macvlan", "ipam": {"config": [POOL, {"subnet": "10.2.0.0/24"}]}},
        {
            "config_only": True,
            "ipam": {"config": [POOL, {"subnet": "10.2.0.0/24"}]},
            "enable_ipv6": True,
            "labels": ["a"],
        },
        {"config_from": "base", "internal": True, "driver": "macvlan"},
    ],
)
def test_valid_networks(written: dict[str, Any]) -> None:
    assert errors_of(NETWORK, written) == []


def test_configurations_and_who_takes_them() -> None:
    only = {"config_only": True, "driver": "macvlan", "internal": True, "attachable": True, "scope": "local"}
    assert errors_of(NETWORK, only) == [
        f"networks.it.{name}: cannot be combined with config_only: true"
        for name in ("driver", "internal", "attachable", "scope")
    ]
    taking = {"config_from": "base", "ipam": {"config": [POOL]}, "driver_opts": {"a": "b"}, "labels": ["a"]}
    assert errors_of(NETWORK, taking) == [
        f"networks.it.{name}: cannot be combined with config_from: the other network has it"
        for name in ("ipam", "driver_opts", "labels")
    ]


@pytest.mark.parametrize("name", ["br-0123456789abc", "a b", "a/b", "..", ""])
def test_invalid_names_of_bridges(name: str) -> None:
    assert errors_of(NETWORK, {"driver_opts": {"com.docker.network.bridge.name": name}}) == [
        f"networks.it.driver_opts: '{name}' is not the name of a bridge: 1 to 15 characters without spaces, / and :"
    ]
    assert errors_of(NETWORK, {"driver_opts": {"com.docker.network.bridge.name": "br-0123456789ab"}}) == []


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            {"ipam": {"config": [{"subnet": "fd00:1::/64"}]}},
            ["the IPv6 subnet fd00:1::/64 has no effect; for IPv6, set enable_ipv6: true"],
        ),
        ({"ipam": {"config": [{"subnet": "fd00:1::/64"}]}, "enable_ipv6": True}, []),
        ({"ipam": {"config": [{"subnet": "10.1.0.0/24"}]}}, []),
        (
            {"driver_opts": {f"{BRIDGE_OPTION}enable_ic": "true"}},
            [
                f"the option {BRIDGE_OPTION}enable_ic has no effect: no engine has this option; "
                f"did you mean '{BRIDGE_OPTION}enable_icc'?"
            ],
        ),
        ({"driver_opts": {"com.docker.network.driver.mtu": 1400, "foo": "bar"}}, []),
    ],
)
def test_network_values_without_effect(written: dict[str, Any], said: list[str]) -> None:
    assert errors_of(NETWORK, written) == []
    assert [*ignored(declare(NETWORK, written).values)] == said


@pytest.mark.parametrize(
    ("name", "value", "is_valid"),
    [
        ("com.docker.network.driver.mtu", "abc", False),
        ("com.docker.network.driver.mtu", "1400", True),
        ("com.docker.network.bridge.enable_icc", "maybe", False),
        ("com.docker.network.bridge.enable_icc", "F", True),
        ("com.docker.network.bridge.enable_icc", True, True),
    ],
)
def test_options_of_a_bridge_have_values_that_the_engine_takes(name: str, value: Any, *, is_valid: bool) -> None:
    meant = "a whole number" if "mtu" in name else "true or false"
    said = [] if is_valid else [f"networks.it.driver_opts: {name}: '{value}' is not {meant}"]
    assert errors_of(NETWORK, {"driver_opts": {name: value}}) == said
    assert errors_of(NETWORK, {"driver": "overlay", "driver_opts": {name: value}}) == []
