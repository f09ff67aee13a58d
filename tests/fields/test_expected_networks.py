"""What is expected of live networks and volumes."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from deployer.fields.network import NETWORK
from deployer.fields.volume import VOLUME
from tests.fields.comparing import shown


class TestNetworks:
    SUBNET: ClassVar[dict[str, Any]] = {"ipam": {"config": [{"subnet": "10.0.0.0/24"}]}}

    @staticmethod
    def live(*pools: dict[str, Any], **keys: Any) -> dict[str, Any]:
        return {"Driver": "bridge", "IPAM": {"Driver": "default", "Options": None, "Config": list(pools)}} | keys

    @pytest.mark.parametrize(
        ("declared", "pools"),
        [
            ({}, [{"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}]),
            (SUBNET, [{"Subnet": "10.0.0.0/24"}]),
            (SUBNET, [{"Subnet": "10.0.0.7/24"}]),
            (SUBNET, [{"Subnet": "10.0.0.0/24", "Gateway": "10.0.0.1"}]),
            ({"ipam": {"config": [{"subnet": "10.0.0.0/24", "gateway": "10.0.0.1"}]}}, [{"Subnet": "10.0.0.0/24"}]),
            (
                {"ipam": {"config": [{"subnet": "10.0.0.0/16", "ip_range": "10.0.5.0/24", "gateway": "10.0.5.0"}]}},
                [{"Subnet": "10.0.0.0/16", "IPRange": "10.0.5.0/24"}],
            ),
            (
                {"enable_ipv6": True, "ipam": {"config": [{"subnet": "fd00:0211:0::0/64"}]}},
                [{"Subnet": "172.18.0.0/16"}, {"Subnet": "FD00:0211:0::0/64", "Gateway": "fd00:211::1/64"}],
            ),
            (
                {"driver": "macvlan", "ipam": {"config": [{"subnet": "10.2.0.0/24"}, {"subnet": "10.1.0.0/24"}]}},
                [{"Subnet": "10.1.0.0/24"}, {"Subnet": "10.2.0.0/24"}],
            ),
        ],
    )
    def test_no_difference(self, declared: dict[str, Any], pools: list[dict[str, Any]]) -> None:
        keys = {"EnableIPv6": "enable_ipv6" in declared, "Driver": declared.get("driver", "bridge")}
        assert shown(declared, self.live(*pools, **keys), table=NETWORK) == []

    def test_another_gateway(self) -> None:
        declared = {"ipam": {"config": [{"subnet": "10.0.0.0/24", "gateway": "10.0.0.254"}]}}
        live = self.live({"Subnet": "10.0.0.0/24", "Gateway": "10.0.0.1"})
        assert shown(declared, live, table=NETWORK) == [
            "ipam.config.10.0.0.0/24: gateway=10.0.0.1 → gateway=10.0.0.254 (replace)"
        ]
        without = self.live({"Subnet": "10.0.0.0/24"})
        assert shown(declared, without, table=NETWORK) == ["ipam.config.10.0.0.0/24: {} → gateway=10.0.0.254 (replace)"]

    def test_a_subnet_no_longer_declared(self) -> None:
        live = self.live({"Subnet": "10.0.0.0/24"})
        assert len(shown({}, live, table=NETWORK, recorded=self.SUBNET)) == 1
        assert shown({}, live, table=NETWORK) == []

    def test_options_of_the_daemon_are_left_alone(self) -> None:
        mtu = "com.docker.network.driver.mtu"
        live = self.live(Options={mtu: "1450"})
        assert shown({}, live, table=NETWORK) == []
        assert shown({}, live, table=NETWORK, recorded={"driver_opts": {mtu: 1450}}) == [
            f"driver_opts.{mtu}: 1450 →  (replace)"
        ]
        assert shown({"driver_opts": {mtu: 1400}}, live, table=NETWORK) == [f"driver_opts.{mtu}: 1450 → 1400 (replace)"]


class TestVolumes:
    def test_null_is_empty(self) -> None:
        assert shown({}, {"Driver": "local", "Options": None, "Labels": None}, table=VOLUME) == []

    def test_another_size(self) -> None:
        declared = {"driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": "size=2m"}}
        live = {"Driver": "local", "Options": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}}
        assert shown(declared, live, table=VOLUME) == ["driver_opts.o: size=1m → size=2m (replace)"]

    @pytest.mark.parametrize(
        ("declared", "live", "differ"),
        [
            ("rw,addr=10.0.0.1,nolock", "addr=10.0.0.1,nolock,rw", False),
            ("size=1m", "size=1m,uid=5", True),
            ("rw,ro", "ro,rw", True),
            ("size=1m,size=2m", "size=2m,size=1m", True),
        ],
    )
    def test_the_order_of_mount_options(self, declared: str, live: str, *, differ: bool) -> None:
        found = shown({"driver_opts": {"o": declared}}, {"Driver": "local", "Options": {"o": live}}, table=VOLUME)
        assert found == ([f"driver_opts.o: {live} → {declared} (replace)"] if differ else [])
        plugin = {"Driver": "vieux/sshfs", "Options": {"o": live}}
        assert f"driver_opts.o: {live} → {declared} (replace)" in shown(
            {"driver": "vieux/sshfs", "driver_opts": {"o": declared}}, plugin, table=VOLUME
        )
