"""Canonical values spelled out as a user writes them read back as the same values."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.fields.container import CONTAINER
from deployer.fields.field import View
from deployer.fields.network import NETWORK
from deployer.fields.table import Table
from deployer.fields.volume import VOLUME
from tests.fields.declare import declare

COMPANY = {"memswap_limit": {"mem_limit": "64m"}}
FURTHER: dict[str, list[Any]] = {
    "ports": [["80", "127.0.0.1::53/udp", "[::1]:8080-8081:80-81", "9000-9005:90/sctp"]],
    "expose": [["80-82", "53/udp"]],
    "stop_grace_period": [-1, "0s", "1h30m"],
    "healthcheck": [
        {"disable": True},
        {"test": "true", "interval": "1m30s", "timeout": "500ms", "start_period": "1h", "retries": 3},
    ],
    "networks": [
        {"front": {}},
        {"front": None, "back": {"ipv4_address": "10.1.2.3", "mac_address": "02:42:00:00:00:01"}},
    ],
    "volumes": [
        [
            "/anonymous",
            "data:/data:ro,nocopy",
            "/srv:/srv:rshared,z",
            "/srv/a:/a",
            {"type": "bind", "source": "/odd:name", "target": "/odd"},
            {
                "type": "bind",
                "source": "/b",
                "target": "/b",
                "bind": {"create_host_path": False, "recursive": "disabled"},
            },
            {"type": "tmpfs", "target": "/t", "tmpfs": {"size": "64m", "mode": "1770"}},
            {"type": "volume", "source": "sub", "target": "/sub", "volume": {"subpath": "x/y", "nocopy": True}},
            {"type": "volume", "target": "/lab", "volume": {"labels": {"a": "b"}}},
            {"source": "nfs", "target": "/nfs", "volume_driver": "local", "volume_options": {"type": "nfs"}},
            {"type": "image", "source": "busybox", "target": "/img", "image": {"subpath": "bin"}},
        ]
    ],
    "tmpfs": [["/run", "/tmp:mode=1777,size=10%"]],
    "mem_limit": ["100000001", "1g", "1536m"],
    "memswap_limit": [-1],
    "cpus": [0.25, "1.123456789", 12],
    "blkio_config": [
        {
            "weight_device": [{"path": "/dev/sda", "weight": 200}],
            "device_read_bps": [{"path": "/dev/sda", "rate": "1m"}, {"path": "/dev/sdb", "rate": 5}],
            "device_write_iops": [{"path": "/dev/sda", "rate": 100}],
        }
    ],
    "ulimits": [{"nproc": 5, "nofile": {"soft": 1, "hard": -1}}],
    "devices": [["/dev/fuse", "/dev/a:/dev/b", "/dev/c:/dev/c:r", "vendor.com/class=name"]],
    "gpus": [2, [{"device_ids": ["1", "0"], "driver": "nvidia", "options": {"a": "b"}}], [{"count": 0}]],
    "security_opt": [["systempaths=unconfined", "seccomp:unconfined"]],
    "ipam": [
        {
            "driver": "default",
            "options": {"a": "b"},
            "config": [
                {
                    "subnet": "10.1.0.0/16",
                    "ip_range": "10.1.2.0/24",
                    "gateway": "10.1.0.9",
                    "aux_addresses": {"r": "10.1.0.3"},
                },
                {"subnet": "fd00:1::/64"},
            ],
        }
    ],
}
CASES = [
    pytest.param(table, row.name, written, id=f"{table.kind}-{row.name}-{number}")
    for table in (CONTAINER, NETWORK, VOLUME)
    for row in table.fields
    for number, written in enumerate([row.example, row.other, *FURTHER.get(row.name, ())])
]


@pytest.mark.parametrize(("table", "name", "written"), CASES)
def test_spelled_values_read_back(table: Table, name: str, written: Any) -> None:
    company = COMPANY.get(name, {})
    canonical = declare(table, {name: written} | company).values[name]
    spelled = table.row(name).spell(canonical)
    assert declare(table, {name: spelled} | company).values[name] == canonical


@pytest.mark.parametrize(
    ("name", "written", "spelled"),
    [
        ("ports", ["8080:80/tcp", "53:53/udp"], ["53:53/udp", "8080:80"]),
        ("mem_limit", 67108864, "64m"),
        ("mem_limit", 100000001, 100000001),
        ("cpus", "0.50", 0.5),
        ("cpus", "2", 2),
        ("volumes", ["data:/data", "/srv:/srv:ro", "/cache"], ["data:/data", "/srv:/srv:ro", "/cache"]),
        ("devices", ["/dev/fuse:/dev/fuse:rwm"], ["/dev/fuse"]),
        ("networks", {"front": {}, "back": {}}, ["front", "back"]),
        ("ulimits", {"nofile": {"soft": 5, "hard": 5}}, {"nofile": 5}),
        ("stop_grace_period", 90, "1m30s"),
        ("gpus", "all", "all"),
    ],
)
def test_spelling(name: str, written: Any, spelled: Any) -> None:
    assert CONTAINER.row(name).spell(declare(CONTAINER, {name: written}).values[name]) == spelled


@pytest.mark.parametrize(
    ("config", "info", "left"),
    [
        ({"172.18.0.0/16": {"gateway": "172.18.0.1"}}, {}, {}),
        ({"172.18.0.0/16": {}}, {}, {}),
        ({"192.168.16.0/20": {}}, {}, {}),
        ({"172.18.0.0/16": {"gateway": "172.18.0.9"}}, {}, {"172.18.0.0/16": {"gateway": "172.18.0.9"}}),
        ({"172.18.0.0/24": {}}, {}, {"172.18.0.0/24": {}}),
        ({"10.1.0.0/16": {}}, {}, {"10.1.0.0/16": {}}),
        ({"10.1.2.0/24": {}}, {"DefaultAddressPools": [{"Base": "10.1.0.0/16", "Size": 24}]}, {}),
        ({"172.18.0.0/16": {}}, {"DefaultAddressPools": [{"Base": "10.1.0.0/16", "Size": 24}]}, {"172.18.0.0/16": {}}),
        ({"fd00::/64": {}, "172.18.0.0/16": {}}, {}, {"fd00::/64": {}}),
    ],
)
def test_subnets_an_engine_picks_by_itself(config: Any, info: Any, left: Any) -> None:
    usual = NETWORK.row("ipam").usual
    assert usual is not None
    picked = usual(info, View({}, {"ipam": {"driver": "default", "config": config}}))["config"]
    assert {subnet: pool for subnet, pool in config.items() if subnet not in picked} == left
