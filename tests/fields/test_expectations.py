"""What is expected of a live container, beyond the recorded vectors: other engines, records, side effects."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fields.comparing import container, shown
from tests.fields.engine_answers import ID

PLAIN = container()


@pytest.mark.parametrize(
    ("declared", "live"),
    [
        pytest.param({}, container(NetworkMode="bridge"), id="W01 bridge by default"),
        pytest.param({"network_mode": "default"}, container(NetworkMode="bridge"), id="W01 default is bridge"),
        pytest.param({}, container(RestartPolicy={"Name": "no"}), id="W02 no restart policy"),
        pytest.param({"restart": ""}, container(RestartPolicy={"Name": "no"}), id="W02 empty restart policy"),
        pytest.param({"oom_kill_disable": False}, container(OomKillDisable=None), id="W03 null is false"),
        pytest.param(
            {"networks": {"front": {"aliases": ["web"]}}},
            container(networks={"front": {"Aliases": ["web", ID[:12], ID[:12]]}}),
            id="W04 short id among the aliases",
        ),
        pytest.param(
            {"hostname": "www", "networks": {"front": {"aliases": ["web"]}}},
            container({"Hostname": "www"}, {"front": {"Aliases": ["web", ID[:12], "www"]}}),
            id="W04 host name among the aliases",
        ),
        pytest.param(
            {"networks": {"front": {"aliases": ["web"]}}},
            container(networks={"front": {"Aliases": ["web"]}}),
            id="W04 exact aliases",
        ),
        pytest.param(
            {"ports": ["[0:0:0:0:0:0:0:1]:80:80"]},
            container({"ExposedPorts": {"80/tcp": {}}}, PortBindings={"80/tcp": [{"HostIp": "::1", "HostPort": "80"}]}),
            id="W07 addresses are compressed",
        ),
        pytest.param(
            {"network_mode": "host", "ports": ["80:80"]},
            container(NetworkMode="host", PortBindings={"80/tcp": [{"HostPort": "80"}]}, PublishAllPorts=True),
            id="ports without effect",
        ),
        pytest.param(
            {},
            container(LogConfig={"Type": "json-file", "Config": {"labels": "x", "max-size": "5m"}}),
            id="W10 log options of the daemon",
        ),
        pytest.param(
            {"logging": {"options": {"max-size": "1m"}}},
            container(LogConfig={"Type": "json-file", "Config": {"labels": "x", "max-size": "1m"}}),
            id="W10 declared beside the daemon's",
        ),
        pytest.param(
            {"logging": {"options": {"max-size": "10M", "labels": "b,a"}}},
            container(LogConfig={"Type": "local", "Config": {"labels": "a,b", "max-size": "10m"}}),
            id="log options in which the driver reads the same",
        ),
        pytest.param(
            {},
            container(Ulimits=[{"Name": "nofile", "Soft": 1, "Hard": 1}]),
            id="W11 ulimits of the daemon",
        ),
        pytest.param({}, container(ShmSize=33554432), id="W12 shm size of the daemon"),
        pytest.param({"cap_add": ["net_admin"]}, container(CapAdd=["CAP_NET_ADMIN"]), id="W14 made by the docker CLI"),
        pytest.param({"cap_add": ["net_admin"]}, container(CapAdd=["NET_ADMIN"]), id="W14 made by the API"),
        pytest.param(
            {},
            container({"AttachStdout": True}, PortBindings={}, BlkioWeightDevice=[], RestartPolicy={"Name": "no"}),
            id="W15 made by the docker CLI",
        ),
        pytest.param({}, container({"Labels": None}, PortBindings=None, Dns=None), id="W15 made by the API"),
        pytest.param({}, container(CapDrop=["AUDIT_WRITE", "MKNOD", "NET_RAW"]), id="W20 what Podman drops by itself"),
        pytest.param({"cpuset": "0-1"}, container(CpusetCpus="0,1"), id="W22 sets of CPUs"),
        pytest.param({"network_mode": "host"}, container({"Hostname": "box"}, {}, NetworkMode="host"), id="host mode"),
        pytest.param({}, container(MaskedPaths=["/proc/interrupts"], ReadonlyPaths=None), id="masked paths"),
        pytest.param(
            {"privileged": True},
            container(Privileged=True, SecurityOpt=["label=disable"]),
            id="privileged adds a label",
        ),
        pytest.param({"init": False}, container(Init=None), id="init off and unset"),
        pytest.param({}, container({"Env": ["A"]}), id="a variable unset that nobody sets"),
        pytest.param({"environment": ["A", "B=1"]}, container({"Env": ["B=1"]}), id="one that is to be unset"),
        pytest.param(
            {"sysctls": {"net/core/somaxconn": 1024, "net.ipv4.ip_local_port_range": "1024\t65000"}},
            container(Sysctls={"net.core.somaxconn": "1024", "net.ipv4.ip_local_port_range": "1024 65000"}),
            id="kernel parameters by value",
        ),
        pytest.param({}, container(Init=True), id="init by the daemon"),
        pytest.param({}, container(CgroupnsMode="private", IpcMode="shareable", Runtime="runc"), id="daemon's modes"),
        pytest.param({"pids_limit": -1}, container(PidsLimit=None), id="no limit of processes"),
        pytest.param({"user": ""}, container({"User": "1000"}), id="an empty user inherits"),
        pytest.param(
            {"networks": {"front": {"mac_address": "02:00:00:00:00:01"}}},
            container({"MacAddress": "02:00:00:00:00:01"}, {"front": {"MacAddress": "02:00:00:00:00:01"}}),
            id="the first network's MAC address shows up twice",
        ),
        pytest.param(
            {"mac_address": "02:00:00:00:00:01"},
            container({"MacAddress": "02:00:00:00:00:01"}, {"bridge": {"MacAddress": "02:00:00:00:00:01"}}),
            id="a MAC address for the container",
        ),
        pytest.param(
            {"networks": {"front": {"mac_address": "02:00:00:00:00:01"}}},
            container(networks={"front": {"MacAddress": ""}}),
            id="a stopped container reports no MAC address",
        ),
        pytest.param(
            {"networks": ["front"]},
            container(networks={"front": {"MacAddress": "02:42:ac:11:00:02", "IPAddress": "172.17.0.2"}}),
            id="addresses the engine chose",
        ),
        pytest.param(
            {"networks": {"front": {"links": ["db", "cache:c"]}}},
            container(networks={"front": {"Links": ["cache:c", "db:db", "db"]}}),
            id="links of an endpoint",
        ),
        pytest.param(
            {"networks": ["front", "back"], "links": ["db:d"]},
            container(networks={"front": {"Links": ["db:d"]}, "back": {"Links": ["db:d"]}}),
            id="links of the container are links of every endpoint",
        ),
        pytest.param(
            {"networks": ["bridge", "front"], "links": ["db:d"]},
            container(Links=["/db:/it/d"], networks={"bridge": {"Links": ["x"]}, "front": {"Links": ["db:d"]}}),
            id="those on the default network do nothing",
        ),
        pytest.param(
            {"networks": {"front": {"priority": 1}, "back": {"priority": 5}}},
            container(networks={"front": {}, "back": {}}),
            id="the order of joining is past",
        ),
        pytest.param(
            {"networks": {"front": {"aliases": ["it", "www"]}}},
            container(networks={"front": {"Aliases": ["www"]}}),
            id="its own name as an alias",
        ),
        pytest.param(
            {"networks": {"front": {"aliases": ["it"]}}},
            container(networks={"front": {"Aliases": ["it"]}}, name="it.deployer-old"),
            id="its own name as an alias while it has another",
        ),
        pytest.param(
            {"links": ["db:database"]}, container(Links=["/db:/it/database"]), id="links as inspect shows them"
        ),
        pytest.param({"volumes_from": ["db"]}, container(VolumesFrom=["db:rw"]), id="volumes_from"),
        pytest.param({"tmpfs": ["/t"]}, container({"Volumes": {"/t": {}}}, Tmpfs={"/t/": ""}), id="tmpfs over VOLUME"),
        pytest.param(
            {"tmpfs": ["/t:size=64m,mode=1777", "/u:ro"]},
            container(
                Mounts=[
                    {"Type": "tmpfs", "Target": "/t/", "TmpfsOptions": {"SizeBytes": 67108864, "Mode": 0o1777}},
                    {"Type": "tmpfs", "Target": "/u", "ReadOnly": True},
                ]
            ),
            id="a tmpfs that is there as a mount",
        ),
        pytest.param(
            {
                "volumes": [
                    {"type": "tmpfs", "target": "/t", "tmpfs": {"size": "64m", "mode": 1777}},
                    {"type": "tmpfs", "target": "/u", "read_only": True},
                ]
            },
            container(Tmpfs={"/t": "rw,noexec,nosuid,mode=1777,size=65536k", "/u/": "ro"}),
            id="a mount of type tmpfs that is there as tmpfs",
        ),
        pytest.param(
            {"volumes": [{"type": "tmpfs", "target": "/t"}]},
            container(Mounts=[{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"Options": [["noexec"]]}}]),
            id="a tmpfs with what is usual written out",
        ),
        pytest.param({}, container({"Volumes": {"/data": {}}}), id="an anonymous volume carried over keeps its data"),
    ],
)
def test_no_difference(declared: dict[str, Any], live: dict[str, Any]) -> None:
    image = {"User": "1000"} if "user" in declared else {}
    assert shown(declared, live, image=image) == []


@pytest.mark.parametrize(
    ("declared", "live", "differences"),
    [
        pytest.param(
            {"logging": {"options": {"max-size": "10M", "tag": "A"}}},
            container(LogConfig={"Type": "json-file", "Config": {"tag": "a", "max-size": "10000001"}}),
            [
                "logging.options.max-size: 10000001 → 10M (replace)",
                "logging.options.tag: a → A (replace)",
            ],
            id="log options in which the driver reads something else",
        ),
        pytest.param(
            {"mem_limit": "128m"},
            container(Memory=134217728, MemorySwap=536870912),
            ["memswap_limit: 512 MiB → 256 MiB (update in place)"],
            id="W19 swap that an update by hand left",
        ),
        pytest.param(
            {"shm_size": "64m"},
            container(ShmSize=33554432),
            ["shm_size: 32 MiB → 64 MiB (replace)"],
            id="W12 declared shm size",
        ),
        pytest.param(
            {"tmpfs": ["/t:size=32m"]},
            container(Mounts=[{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 67108864}}]),
            ["volumes./t: (tmpfs, size=67108864) →  (replace)", "tmpfs./t:  → size=33554432 (replace)"],
            id="another tmpfs that is there as a mount",
        ),
        pytest.param(
            {},
            container(Tmpfs={"/t": ""}, Mounts=[{"Type": "tmpfs", "Target": "/u"}]),
            ["volumes./u: (tmpfs) →  (replace)", 'tmpfs./t: "" →  (replace)'],
            id="a tmpfs that nobody declared",
        ),
        pytest.param(
            {"networks": {"front": {"links": ["db:d"]}}},
            container(networks={"front": {"Links": ["db:e"]}}),
            ["networks.front.links: db:e → db:d (reconnect)"],
            id="other links of an endpoint",
        ),
        pytest.param(
            {"networks": ["front"]},
            container(networks={"front": {}, "bridge": {"Links": ["db"]}}),
            ["networks.bridge: links=db:db →  (reconnect)"],
            id="the default network with links that nobody declared",
        ),
        pytest.param(
            {"networks": ["front"]},
            container(networks={"front": {"Links": ["db"]}}),
            ["networks.front.links: db:db →  (reconnect)"],
            id="links of an endpoint that nobody declared",
        ),
        pytest.param(
            {"environment": {"A": None}},
            container({"Env": ["A=1"]}),
            ["environment.A: 1 → unset (replace)"],
            id="a variable that is set and should not be",
        ),
        pytest.param(
            {"environment": {"A": ""}},
            container({"Env": ["A"]}),
            ['environment.A: unset → "" (replace)'],
            id="a variable that is unset and should be empty",
        ),
        pytest.param(
            {"networks": {"front": {"driver_opts": {"a": 1}, "gw_priority": 2}}},
            container(networks={"front": {"DriverOpts": {"a": "2", "b": "3"}, "GwPriority": 1}}),
            [
                "networks.front.driver_opts: a=2, b=3 → a=1 (reconnect)",
                "networks.front.gw_priority: 1 → 2 (reconnect)",
            ],
            id="other options of an endpoint",
        ),
        pytest.param(
            {"networks": ["front"], "links": ["db"]},
            container(networks={"front": {}}),
            ["networks.front.links:  → db:db (reconnect)"],
            id="links on a network that a user made",
        ),
        pytest.param(
            {},
            container(CapDrop=["MKNOD", "NET_RAW"]),
            ["cap_drop: MKNOD, NET_RAW → none (replace)"],
            id="W20 some of what Podman drops",
        ),
        pytest.param(
            {},
            container(networks={"bridge": {}, "extra": {}}),
            ["networks.extra: attached →  (reconnect)"],
            id="W18 a network that is not declared",
        ),
        pytest.param(
            {},
            container({"Env": ["HTTP_PROXY=http://proxy"]}),
            ["environment.HTTP_PROXY: http://proxy →  (replace)"],
            id="W23 variables nobody declared",
        ),
        pytest.param(
            {"networks": ["back"]},
            container(networks={"front": {}}),
            ["networks.back:  → attached (reconnect)", "networks.front: attached →  (reconnect)"],
            id="another network",
        ),
        pytest.param(
            {"networks": {"front": {"mac_address": "02:00:00:00:00:02"}}},
            container(networks={"front": {"MacAddress": "02:00:00:00:00:01"}}),
            ["networks.front.mac_address: 02:00:00:00:00:01 → 02:00:00:00:00:02 (replace)"],
            id="another MAC address",
        ),
        pytest.param(
            {"network_mode": "host"},
            PLAIN,
            ["network_mode: networks → host (replace)", "networks.bridge: attached →  (reconnect)"],
            id="to the host's network",
        ),
        pytest.param(
            {"cpus": 1}, PLAIN, ["cpus: no limit → 1 (update in place)"], id="a limit where none was is set in place"
        ),
        pytest.param(
            {"cpus": 1},
            container(CpuQuota=50000, CpuPeriod=100000),
            [
                "cpus: no limit → 1 (update in place)",
                "cpu_quota: 50000 → no limit (replace)",
                "cpu_period: 100000 → no limit (replace)",
            ],
            id="from a quota to cpus",
        ),
        pytest.param(
            {"blkio_config": {"weight": 300}},
            container(BlkioWeight=200),
            ["blkio_config.weight: 200 → 300 (update in place)"],
            id="the weight of block I/O is updated",
        ),
        pytest.param(
            {}, container(BlkioWeight=200), ["blkio_config.weight: 200 →  (replace)"], id="but cannot be removed"
        ),
        pytest.param(
            {}, container(PidsLimit=100), ["pids_limit: 100 → no limit (update in place)"], id="this limit can"
        ),
        pytest.param(
            {"healthcheck": {"interval": "5s"}},
            container({"Healthcheck": {"Test": ["CMD", "true"], "Interval": 9000000000}}),
            ["healthcheck.interval: 9s → 5s (replace)", "healthcheck.test: CMD, true →  (replace)"],
            id="healthcheck",
        ),
        pytest.param(
            {"mac_address": "02:00:00:00:00:01"},
            PLAIN,
            ['mac_address: "" → 02:00:00:00:00:01 (replace)'],
            id="a MAC address where none was",
        ),
        pytest.param(
            {"ports": ["80:80"]},
            container(PortBindings={"80/tcp": [{"HostPort": "80"}]}),
            ["ports: none → 80:80/tcp (replace)"],
            id="a binding of a port that is not exposed is not published",
        ),
        pytest.param(
            {"volumes": ["data:/data"]},
            container({"Volumes": {"/data": {}}}),
            ["volumes./data: anonymous volume → data (replace)"],
            id="a named volume for an anonymous one",
        ),
    ],
)
def test_differences(declared: dict[str, Any], live: dict[str, Any], differences: list[str]) -> None:
    assert shown(declared, live) == differences
