"""Neighbours of the recorded vectors: what clients send to make a container, other ways to write the same in a
playbook, and what is near it and yet something else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.contract.sandbox import BUSYBOX, EVERYTHING

Json = Mapping[str, Any]
SECOND = 10**9
TUN = {"PathOnHost": "/dev/null", "PathInContainer": "/dev/null", "CgroupPermissions": "rwm"}
GPU = {"Driver": "", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}


@dataclass(frozen=True)
class Neighbour:
    """`config` and `host` are parts of the body; `same` are declarations that fit, `other` such as do not. `since`: the
    first engine that knows it."""

    name: str
    config: Json = field(default_factory=dict)
    host: Json = field(default_factory=dict)
    same: tuple[Json, ...] = ()
    other: tuple[Json, ...] = ()
    image: str = BUSYBOX
    since: int = 20


PROCESS = (
    Neighbour(
        "environment",
        {"Env": ["URL=a=b", "N=1.10", "E=", "FLAG=true"]},
        same=(
            {"environment": {"URL": "a=b", "N": "1.10", "E": "", "FLAG": True}},
            {"environment": ["E=", "FLAG=true", "N=1.10", "URL=a=b"]},
        ),
        other=(
            {"environment": {"URL": "a=b", "N": "1.1", "E": "", "FLAG": True}},
            {"environment": ["E", "FLAG=true", "N=1.10", "URL=a=b"]},
            {"environment": ["FLAG=true", "N=1.10", "URL=a=b"]},
            {},
        ),
    ),
    Neighbour("environment twice", {"Env": ["A=1", "A=2"]}, same=({"env": {"A": 2}},), other=({"env": {"A": 1}},)),
    Neighbour(
        "environment of the image",
        image=EVERYTHING,
        same=({}, {"environment": {"A": "img"}}, {"environment": ["B=img"]}),
        other=({"environment": {"A": None}}, {"environment": {"A": ""}}, {"environment": {"a": "img"}}),
    ),
    Neighbour(
        "labels",
        {"Labels": {"a": "", "n": "1", "b": "true"}},
        same=({"labels": ["a", "n=1", "b=true"]}, {"labels": {"a": None, "n": 1, "b": True}}),
        other=({"labels": {"n": 1, "b": True}}, {"labels": {"a": "x", "n": 1, "b": True}}, {}),
    ),
    Neighbour(
        "words of the command",
        {"Cmd": ["sh", "-c", "echo 'a  b'; sleep 9"]},
        same=(
            {"command": ["sh", "-c", "echo 'a  b'; sleep 9"]},
            {"command": "sh -c \"echo 'a  b'; sleep 9\""},
        ),
        other=({"command": "sh -c \"echo 'a b'; sleep 9\""}, {"command": ["sh", "-c", "echo", "'a  b'; sleep 9"]}),
    ),
    Neighbour("numbers in the command", {"Cmd": ["sleep", "600"]}, same=({"command": ["sleep", 600]},), other=({},)),
    Neighbour("user", {"User": "0"}, same=({"user": 0}, {"user": "0"}), other=({"user": "0:0"}, {"user": "root"}, {})),
    Neighbour("user of the image", image=EVERYTHING, same=({}, {"user": "1000:1000"}), other=({"user": 1000},)),
    Neighbour(
        "working directory", {"WorkingDir": "/"}, same=({"working_dir": "/"}, {}), other=({"working_dir": "/tmp"},)
    ),
    Neighbour("no working directory", same=({"working_dir": "/"}, {"working_dir": "//"}, {"working_dir": "/a/.."})),
    Neighbour(
        "root as working directory over the image's",
        {"WorkingDir": "/"},
        image=EVERYTHING,
        same=({"working_dir": "/"},),
        other=({},),
    ),
    Neighbour(
        "stop signal by number",
        {"StopSignal": "15"},
        same=({"stop_signal": 15}, {"stop_signal": "sigterm"}, {}),
        other=({"stop_signal": "SIGINT"}, {"stop_signal": 9}),
    ),
    Neighbour(
        "real-time stop signal",
        {"StopSignal": "SIGRTMIN+3"},
        same=({"stop_signal": "RTMIN+3"}, {"stop_signal": 37}, {"stop_signal": "SIGRTMAX-27"}),
        other=({}, {"stop_signal": 36}),
    ),
    Neighbour(
        "stop timeout",
        {"StopTimeout": 90},
        same=tuple({"stop_grace_period": text} for text in ("1m30s", "90s", 90, "90", "1.5m", "90000ms")),
        other=({"stop_grace_period": "89s"}, {"stop_timeout": 0}, {"stop_grace_period": "1m"}, {}),
    ),
    Neighbour(
        "no stop timeout", {"StopTimeout": 0}, same=({"stop_grace_period": "0s"}, {"stop_timeout": 0}), other=({},)
    ),
    Neighbour("stop timeout without end", {"StopTimeout": -1}, same=({"stop_timeout": -1},), other=({},)),
    Neighbour(
        "exposed ports",
        {"ExposedPorts": {"80/tcp": {}, "53/udp": {}, "9000/tcp": {}, "9001/tcp": {}}},
        same=({"expose": ["9000-9001", "53/UDP", 80]}, {"exposed_ports": ["80/tcp", "9001", "9000", "53/udp"]}),
        other=({"expose": [80, 53, "9000-9001"]}, {"expose": [80, "53/udp", 9000]}, {}),
    ),
    Neighbour(
        "healthcheck",
        {
            "Healthcheck": {
                "Test": ["CMD-SHELL", "true"],
                "Interval": 90 * SECOND,
                "Timeout": SECOND // 2,
                "StartPeriod": 2 * SECOND,
                "Retries": 2,
            }
        },
        same=(
            {"healthcheck": {"test": "true", "interval": "1m30s", "timeout": "0.5s", "start_period": 2, "retries": 2}},
            {
                "healthcheck": {
                    "test": ["CMD-SHELL", "true"],
                    "interval": 90,
                    "timeout": "500ms",
                    "start_period": "2000ms",
                    "retries": 2,
                }
            },
        ),
        other=(
            {"healthcheck": {"test": "true", "interval": "1m30s", "timeout": "0.5s", "retries": 2}},
            {"healthcheck": {"test": "true", "interval": "1m30s"}},
            {"healthcheck": {"disable": True}},
            {},
        ),
    ),
    Neighbour(
        "healthcheck partly the image's",
        {"Healthcheck": {"Interval": 9 * SECOND}},
        image=EVERYTHING,
        same=(
            {"healthcheck": {"interval": "9s"}},
            {"healthcheck": {"interval": "9s", "timeout": "3s"}},
            {"healthcheck": {"test": "true", "interval": "9s", "retries": 4}},
        ),
        other=({}, {"healthcheck": {"interval": "9s", "timeout": "4s"}}, {"healthcheck": {"test": ["NONE"]}}),
    ),
    Neighbour(
        "healthcheck of the image",
        {"Healthcheck": {}},
        image=EVERYTHING,
        same=({}, {"healthcheck": {}}, {"healthcheck": {"test": []}}, {"healthcheck": {"disable": False}}),
        other=({"healthcheck": {"disable": True}},),
    ),
    Neighbour(
        "healthcheck off",
        {"Healthcheck": {"Test": ["NONE"], "Interval": 5 * SECOND}},
        image=EVERYTHING,
        same=(
            {"healthcheck": {"disable": True, "interval": "5s"}},
            {"healthcheck": {"test": "NONE"}},
            {"healthcheck": {"test": ["NONE"], "retries": 9}},
        ),
        other=({}, {"healthcheck": {"interval": "5s"}}),
    ),
)

RESOURCES = (
    Neighbour(
        "memory",
        host={"Memory": 536870912},
        same=(
            {"memory": "0.5GiB", "memory_swap": "1g"},
            *({"mem_limit": size} for size in ("512m", "0.5g", "512M", "512MB", "512mib", "524288k")),
            *({"mem_limit": size} for size in ("536870912", "536870912b", 536870912)),
        ),
        other=({"mem_limit": "511m"}, {}, {"mem_limit": "512m", "memswap_limit": "512m"}),
    ),
    Neighbour(
        "swap left to the engine",
        host={"Memory": 67108864},
        same=({"mem_limit": "64m", "memswap_limit": 0}, {"mem_limit": "64m", "memswap_limit": "128m"}),
        other=({"mem_limit": "64m", "memswap_limit": "64m"},),
    ),
    Neighbour(
        "no swap",
        host={"Memory": 67108864, "MemorySwap": 67108864},
        same=({"mem_limit": "64m", "memswap_limit": "64m"},),
        other=({"mem_limit": "64m", "memswap_limit": -1},),
    ),
    Neighbour(
        "unlimited swap",
        host={"Memory": 67108864, "MemorySwap": -1},
        same=({"mem_limit": "64m", "memswap_limit": -1}, {"memory": "64m", "memory_swap": "-1"}),
        other=({"mem_limit": "64m", "memswap_limit": "128m"},),
    ),
    Neighbour(
        "memory reservation",
        host={"MemoryReservation": 33554432},
        same=({"mem_reservation": "32m"}, {"memory_reservation": "32MiB"}),
        other=({}, {"mem_reservation": "31m"}),
    ),
    Neighbour(
        "swappiness 0 is not unset",
        host={"MemorySwappiness": 0},
        same=({"mem_swappiness": 0},),
        other=({}, {"mem_swappiness": 60}, {"mem_swappiness": -1}),
    ),
    Neighbour("swappiness of the CLI", host={"MemorySwappiness": -1}, same=({}, {"mem_swappiness": -1})),
    Neighbour("zeros", host={"OomScoreAdj": 0, "CpuShares": 0, "PidsLimit": 0, "ShmSize": 0, "Memory": 0}, same=({},)),
    Neighbour(
        "written zeros",
        same=(
            {"oom_score_adj": 0, "cpu_shares": 0, "pids_limit": 0, "mem_limit": 0, "cpus": 0, "cpuset": ""},
            {"privileged": False, "read_only": False, "tty": False, "init": False, "auto_remove": False},
            {"ports": [], "expose": [], "volumes": [], "dns": [], "cap_add": [], "environment": {}, "labels": []},
            {"restart": "no", "command": ["sleep", "600"], "working_dir": "/", "pids_limit": -1, "cpu_quota": -1},
            {"ulimits": {}, "devices": [], "sysctls": {}, "tmpfs": [], "extra_hosts": {}, "group_add": []},
            {"ipc": "private", "network_mode": "default", "logging": {}, "blkio_config": {}, "gpus": []},
            {"shm_size": 0, "runtime": "", "logging": {"driver": "", "options": {}}, "cgroup_parent": "", "user": ""},
        ),
    ),
    Neighbour(
        "cpus",
        host={"NanoCpus": 250000000},
        same=({"cpus": 0.25}, {"cpus": "0.25"}, {"cpus": "0.250"}, {"cpus": ".25"}),
        other=({"cpus": 0.26}, {"cpus": 25}, {}, {"cpu_quota": 25000}),
    ),
    Neighbour("hundredth of a cpu", host={"NanoCpus": 10000000}, same=({"cpus": 0.01}, {"cpus": "0.01"}), other=({},)),
    Neighbour("no quota", host={"CpuQuota": -1}, same=({}, {"cpu_quota": -1}), other=({"cpu_quota": 50000},)),
    Neighbour(
        "set of cpus",
        host={"CpusetCpus": "0,1"},
        same=({"cpuset": "0-1"}, {"cpuset": "1,0"}, {"cpuset_cpus": "0,1"}, {"cpuset": "0, 1"}),
        other=({"cpuset": "0"}, {"cpuset": 1}, {}),
    ),
    Neighbour("one cpu", host={"CpusetCpus": "0-0"}, same=({"cpuset": 0}, {"cpuset": "0"}), other=({"cpuset": "1"},)),
    Neighbour(
        "ulimits",
        host={"Ulimits": [{"Name": "nofile", "Soft": 1024, "Hard": 1024}, {"Name": "memlock", "Soft": -1, "Hard": -1}]},
        same=(
            {"ulimits": {"nofile": 1024, "memlock": -1}},
            {"ulimits": {"memlock": {"soft": -1, "hard": -1}, "nofile": {"soft": 1024, "hard": 1024}}},
            {"ulimits": ["nofile:1024", "memlock:-1:-1"]},
            {"ulimits": ["nofile=1024:1024", "memlock=-1"]},
            {"ulimits": {"nofile": "1024", "memlock": {"soft": "-1", "hard": -1}}},
        ),
        other=(
            {"ulimits": {"nofile": {"soft": 1024, "hard": 2048}, "memlock": -1}},
            {"ulimits": {"nofile": 1025, "memlock": -1}},
            {"ulimits": {"nofile": 1024, "memlock": -1, "nproc": 100}},
        ),
    ),
    Neighbour("shm", host={"ShmSize": 134217728}, same=({"shm_size": "128m"}, {}), other=({"shm_size": "64m"},)),
    Neighbour(
        "devices",
        host={"Devices": [TUN, {"PathOnHost": "/dev/zero", "PathInContainer": "/dev/z", "CgroupPermissions": "mr"}]},
        same=(
            {"devices": ["/dev/null", "/dev/zero:/dev/z:rm"]},
            {"devices": ["/dev/zero:/dev/z:mr", "/dev/null:rwm"]},
            {
                "devices": [
                    {"source": "/dev/null"},
                    {"source": "/dev/zero", "target": "/dev/z", "permissions": "rm"},
                ]
            },
        ),
        other=({"devices": ["/dev/null"]}, {"devices": ["/dev/null", "/dev/zero:/dev/z"]}, {}),
    ),
    Neighbour(
        "device cgroup rules",
        host={"DeviceCgroupRules": ["c 1:3 mr", "b 8:* rwm"]},
        same=({"device_cgroup_rules": ["c 1:3 mr", "b 8:* rwm"]}, {"device_cgroup_rules": ["b 8:* rwm", "c 1:3 rm"]}),
        other=({"device_cgroup_rules": ["c 1:3 mr"]}, {"device_cgroup_rules": ["c 1:3 mw", "b 8:* rwm"]}, {}),
    ),
    Neighbour(
        "all gpus",
        host={"DeviceRequests": [GPU]},
        same=(
            {"gpus": "all"},
            {"gpus": -1},
            {"gpus": [{"count": "all"}]},
            {"gpus": [{"capabilities": ["gpu"]}]},
            {"device_requests": [{"count": -1, "capabilities": [["gpu"]]}]},
        ),
        other=({"gpus": 1}, {"gpus": [{"device_ids": ["0"]}]}, {}, {"gpus": [{"driver": "nvidia"}]}),
    ),
    Neighbour(
        "gpus by number",
        host={"DeviceRequests": [GPU | {"Count": 2}]},
        same=({"gpus": 2}, {"gpus": "2"}, {"gpus": [{"count": 2}]}, {"gpus": [{"count": "2"}]}),
        other=({"gpus": "all"}, {"gpus": 1}),
    ),
    Neighbour(
        "gpus by id",
        host={"DeviceRequests": [GPU | {"Count": 0, "DeviceIDs": ["1", "0"], "Capabilities": [["utility", "gpu"]]}]},
        same=(
            {"gpus": [{"device_ids": ["0", "1"], "capabilities": [["gpu", "utility"]]}]},
            {"gpus": [{"device_ids": [1, 0], "capabilities": ["utility", "gpu"]}]},
        ),
        other=({"gpus": [{"device_ids": ["0", "1"]}]}, {"gpus": "all"}),
    ),
    Neighbour(
        "devices by the names of CDI",
        host={"Devices": [TUN], "DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["v.com/net=b", "v.com/net=a"]}]},
        same=(
            {"devices": ["v.com/net=a", "/dev/null", "v.com/net=b"]},
            {"devices": ["/dev/null", {"source": "v.com/net=a"}, {"source": "v.com/net=b", "target": "v.com/net=b"}]},
            {
                "devices": ["/dev/null"],
                "device_requests": [{"driver": "cdi", "device_ids": ["v.com/net=b", "v.com/net=a"]}],
            },
            {
                "devices": ["/dev/null", "v.com/net=b"],
                "gpus": [{"driver": "cdi", "device_ids": ["v.com/net=a"], "capabilities": ["gpu"], "count": 0}],
            },
        ),
        other=(
            {"devices": ["/dev/null", "v.com/net=a"]},
            {"devices": ["v.com/net=a", "v.com/net=b"]},
            {"devices": ["/dev/null", "v.com/net=a", "v.com/net=c"]},
            {"devices": ["/dev/null", "v.com/net=a", "v.com/net=b"], "gpus": "all"},
            {},
        ),
        since=25,
    ),
)

ISOLATION = (
    Neighbour(
        "capabilities",
        host={"CapAdd": ["cap_net_admin", "SYS_TIME"], "CapDrop": ["CAP_MKNOD"]},
        same=(
            {"cap_add": ["NET_ADMIN", "SYS_TIME"], "cap_drop": ["mknod"]},
            {"capabilities": ["CAP_SYS_TIME", "net_admin", "NET_ADMIN"], "cap_drop": ["Cap_Mknod"]},
        ),
        other=({"cap_add": ["NET_ADMIN"], "cap_drop": ["mknod"]}, {"cap_add": ["NET_ADMIN", "SYS_TIME"]}, {}),
    ),
    Neighbour(
        "all capabilities",
        host={"CapAdd": ["ALL"], "CapDrop": ["CAP_NET_RAW"]},
        same=(
            {"cap_add": ["all"], "cap_drop": ["NET_RAW"]},
            {"cap_add": ["ALL", "NET_ADMIN"], "cap_drop": ["NET_RAW"]},
        ),
        other=({"cap_add": ["NET_ADMIN"], "cap_drop": ["NET_RAW"]}, {"cap_add": ["ALL"], "cap_drop": ["ALL"]}),
    ),
    Neighbour(
        "no capabilities",
        host={"CapDrop": ["ALL", "CAP_MKNOD"]},
        same=({"cap_drop": ["ALL"]}, {"cap_drop": ["MKNOD", "all"]}),
        other=({"cap_drop": ["MKNOD"]}, {}),
    ),
    Neighbour(
        "security options",
        host={"SecurityOpt": ["no-new-privileges", "seccomp=unconfined", "label=disable", "apparmor=unconfined"]},
        same=(
            {"security_opt": ["no-new-privileges:true", "seccomp:unconfined", "label:disable", "apparmor:unconfined"]},
            {"security_opts": ["label=disable", "no-new-privileges=true", "apparmor=unconfined", "seccomp=unconfined"]},
        ),
        other=({"security_opt": ["no-new-privileges"]}, {}),
    ),
    Neighbour(
        "paths of the system",
        host={"SecurityOpt": ["label=disable"], "MaskedPaths": [], "ReadonlyPaths": []},
        same=(
            {"security_opt": ["label=disable", "systempaths=unconfined"]},
            {"security_opt": ["systempaths:unconfined", "label:disable"]},
        ),
        other=({"security_opt": ["label=disable"]}, {}),
    ),
    Neighbour(
        "paths of the system, masked",
        host={"SecurityOpt": ["no-new-privileges"]},
        same=({"security_opt": ["no-new-privileges"]},),
        other=({"security_opt": ["no-new-privileges", "systempaths=unconfined"]},),
    ),
    Neighbour(
        "paths of the system of a privileged one",
        host={"Privileged": True},
        same=({"privileged": True},),
        other=({"privileged": True, "security_opt": ["systempaths=unconfined"]},),
    ),
    Neighbour(
        "new privileges allowed",
        host={"SecurityOpt": ["no-new-privileges=false"]},
        same=({"security_opt": ["no-new-privileges:false"]},),
        other=({"security_opt": ["no-new-privileges"]},),
    ),
    Neighbour(
        "seccomp profile",
        host={"SecurityOpt": ['seccomp={"defaultAction":"SCMP_ACT_ALLOW","syscalls":[]}']},
        same=({"security_opt": ['seccomp={\n  "defaultAction": "SCMP_ACT_ALLOW",\n  "syscalls": []\n}\n']},),
        other=({"security_opt": ['seccomp={"defaultAction": "SCMP_ACT_ERRNO"}']}, {}),
    ),
    Neighbour("groups", host={"GroupAdd": ["100", "audio"]}, same=({"group_add": ["audio", 100]},), other=({},)),
    Neighbour("ipc", host={"IpcMode": "shareable"}, same=({"ipc": "shareable"}, {}), other=({"ipc_mode": "private"},)),
    Neighbour(
        "sysctls",
        host={"Sysctls": {"net.core.somaxconn": "1024", "net.ipv4.ip_unprivileged_port_start": "0"}},
        same=(
            {"sysctls": {"net.core.somaxconn": 1024, "net.ipv4.ip_unprivileged_port_start": 0}},
            {"sysctls": ["net.ipv4.ip_unprivileged_port_start=0", "net.core.somaxconn=1024"]},
        ),
        other=({"sysctls": {"net.core.somaxconn": 1024}}, {}),
    ),
    Neighbour(
        "restart on failure",
        host={"RestartPolicy": {"Name": "on-failure"}},
        same=(
            {"restart": "on-failure"},
            {"restart": "on-failure:0"},
            {"restart_policy": "on-failure", "restart_retries": 0},
        ),
        other=({"restart": "on-failure:1"}, {"restart": "always"}, {}),
    ),
    Neighbour(
        "restart on failure, some times",
        host={"RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3}},
        same=({"restart": "on-failure:3"}, {"restart_policy": "on-failure", "restart_retries": 3}),
        other=({"restart": "on-failure:2"},),
    ),
    Neighbour("init unset", host={"Init": None}, same=({}, {"init": False}), other=({"init": True},)),
    Neighbour("init off", host={"Init": False}, same=({}, {"init": False}), other=({"init": True},)),
    Neighbour("init on", host={"Init": True}, same=({}, {"init": True}), other=({"init": False},)),
    Neighbour(
        "logging",
        host={"LogConfig": {"Type": "json-file", "Config": {"max-file": "3", "compress": "true", "max-size": "10m"}}},
        same=(
            {"logging": {"options": {"max-file": 3, "compress": True, "max-size": "10m"}}},
            {"log_driver": "json-file", "log_options": {"max-file": "3", "compress": "true", "max-size": "10m"}},
            {"logging": {"driver": "json-file", "options": ["max-file=3", "compress=true", "max-size=10m"]}},
            {"logging": {"options": {"max-file": "03", "compress": 1, "max-size": "10M"}}},
            {"log_options": {"max-file": 3, "compress": "True", "max-size": 10000000}},
        ),
        other=(
            {"logging": {"options": {"max-size": "10485760"}}},
            {"logging": {"options": {"compress": False}}},
            {"logging": {"options": {"max-file": 4}}},
            {"logging": {"driver": "local"}},
            {"logging": {"options": {"max-size": "20m"}}},
        ),
    ),
    Neighbour(
        "no logging", host={"LogConfig": {"Type": "none"}}, same=({"logging": {"driver": "none"}}, {"logging": {}})
    ),
    Neighbour(
        "host namespaces",
        host={"PidMode": "host", "IpcMode": "host", "UTSMode": "host", "UsernsMode": "host"},
        same=({"pid": "host", "ipc": "host", "uts": "host", "userns_mode": "host"},),
        other=({"pid": "host", "ipc": "host"}, {}),
    ),
)

ADDRESSES = (
    Neighbour(
        "name servers",
        host={"Dns": ["2001:DB8:0::1", "8.8.8.8"]},
        same=({"dns": ["2001:db8::1", "8.8.8.8"]}, {"dns_servers": ["2001:0db8:0:0::1", "8.8.8.8"]}),
        other=({"dns": ["8.8.8.8", "2001:db8::1"]}, {"dns": "8.8.8.8"}, {}),
    ),
    Neighbour("name server", host={"Dns": ["8.8.8.8"]}, same=({"dns": "8.8.8.8"}, {"dns": ["8.8.8.8"]})),
    Neighbour(
        "search domains",
        host={"DnsSearch": ["example.com"], "DnsOptions": ["ndots:2"]},
        same=(
            {"dns_search": "example.com", "dns_opt": ["ndots:2"]},
            {"dns_search_domains": ["example.com"], "dns_opts": ["ndots:2"]},
        ),
        other=({"dns_search": ["example.com", "example.org"], "dns_opt": ["ndots:2"]}, {}),
    ),
    Neighbour(
        "extra hosts",
        host={"ExtraHosts": ["b:host-gateway", "a:1.2.3.4", "c:::1"]},
        same=(
            {"extra_hosts": ["a=1.2.3.4", "b=host-gateway", "c=[::1]"]},
            {"extra_hosts": ["c:::1", "a:1.2.3.4", "b:host-gateway"]},
            {"extra_hosts": ["c:[::1]", "a:1.2.3.4", "b:host-gateway"]},
            {"etc_hosts": {"a": "1.2.3.4", "b": "host-gateway", "c": "0:0::1"}},
            {"extra_hosts": {"a": ["1.2.3.4"], "b": "host-gateway", "c": "[::1]"}},
        ),
        other=({"extra_hosts": {"a": "1.2.3.4", "b": "host-gateway"}}, {"extra_hosts": ["a=1.2.3.5"]}, {}),
    ),
    Neighbour(
        "a host with two addresses",
        host={"ExtraHosts": ["a:1.2.3.4", "a:1.2.3.5"]},
        same=({"extra_hosts": ["a=1.2.3.5", "a:1.2.3.4"]}, {"extra_hosts": {"a": ["1.2.3.4", "1.2.3.5"]}}),
        other=({"extra_hosts": {"a": "1.2.3.4"}},),
    ),
    Neighbour(
        "ports",
        {"ExposedPorts": {"80/tcp": {}, "53/udp": {}, "81/tcp": {}}},
        {
            "PortBindings": {
                "80/tcp": [{"HostIp": "", "HostPort": "18470"}, {"HostIp": "::1", "HostPort": "18471"}],
                "53/udp": [{"HostIp": "127.0.0.1", "HostPort": "18453"}],
                "81/tcp": [{"HostIp": "", "HostPort": "18481"}],
            }
        },
        same=(
            {"ports": ["18481:81", "[::1]:18471:80", "18470:80/tcp", "127.0.0.1:18453:53/UDP"]},
            {
                "ports": [
                    {"target": 53, "published": 18453, "host_ip": "127.0.0.1", "protocol": "udp"},
                    {"target": 80, "published": "18470", "mode": "host"},
                    {"target": 80, "published": "18471", "host_ip": "::1"},
                    {"target": "81", "published": "18481", "name": "web", "app_protocol": "http"},
                ]
            },
            {"published_ports": ["018470:80", "[0::1]:18471:80", "127.0.0.1:18453:53/udp", "18481:81"]},
        ),
        other=(
            {"ports": ["18481:81", "18470:80", "127.0.0.1:18453:53/udp"]},
            {"ports": ["18481:81", "[::1]:18471:80", "18470:80", "18453:53/udp"]},
            {"ports": ["18481:81", "[::1]:18471:80", "18470:80", "127.0.0.1:18453:53"]},
            {},
        ),
    ),
    Neighbour(
        "a range of ports",
        {"ExposedPorts": {"80/tcp": {}, "81/tcp": {}, "82/tcp": {}}},
        {"PortBindings": {f"{80 + n}/tcp": [{"HostIp": "0.0.0.0", "HostPort": str(18480 + n)}] for n in range(3)}},
        same=(
            {"ports": ["0.0.0.0:18480-18482:80-82"]},
            {"ports": ["0.0.0.0:18480:80", "0.0.0.0:18481-18482:81-82/tcp"]},
            {"ports": [{"target": "80-82", "published": "18480-18482", "host_ip": "0.0.0.0"}]},
        ),
        other=({"ports": ["18480-18482:80-82"]}, {"ports": ["0.0.0.0:18480-18481:80-81"]}),
    ),
    Neighbour(
        "any port",
        {"ExposedPorts": {"80/tcp": {}, "81/udp": {}}},
        {
            "PortBindings": {
                "80/tcp": [{"HostIp": "", "HostPort": "0"}],
                "81/udp": [{"HostIp": "127.0.0.1", "HostPort": ""}],
            }
        },
        same=(
            {"ports": [80, "127.0.0.1::81/udp"]},
            {"ports": ["0:80", {"target": 81, "protocol": "udp", "host_ip": "127.0.0.1"}]},
        ),
        other=({"ports": ["80", "81/udp"]}, {"ports": ["80"]}),
    ),
    Neighbour(
        "no network",
        host={"NetworkMode": "none"},
        same=({"network_mode": "none"},),
        other=({}, {"network_mode": "host"}),
    ),
    Neighbour("the host's network", host={"NetworkMode": "host"}, same=({"network_mode": "host"},), other=({},)),
    Neighbour(
        "names",
        {"Hostname": "web.example.com", "Domainname": "example.com"},
        same=({"hostname": "web.example.com", "domainname": "example.com"},),
        other=({"hostname": "web"}, {}),
    ),
)

STORAGE = (
    Neighbour(
        "bind",
        host={"Binds": ["/tmp/:/t/:rw"]},
        same=(
            {"volumes": ["/tmp:/t"]},
            {"volumes": ["/tmp/../tmp:/t:rw"]},
            {"volumes": ["//tmp:/t/."]},
            {"volumes": [{"type": "bind", "source": "/tmp/", "target": "/t/"}]},
            {"mounts": [{"type": "bind", "source": "/tmp", "target": "/t", "read_only": False}]},
            {"volumes": ["/tmp:/t:rprivate"]},
        ),
        other=({"volumes": ["/tmp:/t:ro"]}, {"volumes": ["/tmp:/t:z"]}, {"volumes": ["/tmp:/t:rshared"]}, {}),
    ),
    Neighbour(
        "bind with options",
        host={"Binds": ["/tmp:/t:ro,Z,rslave"]},
        same=(
            {"volumes": ["/tmp:/t:Z,rslave,ro"]},
            {
                "volumes": [
                    {
                        "type": "bind",
                        "source": "/tmp",
                        "target": "/t",
                        "read_only": True,
                        "bind": {"selinux": "Z", "propagation": "rslave"},
                    }
                ]
            },
        ),
        other=({"volumes": ["/tmp:/t:z,rslave,ro"]}, {"volumes": ["/tmp:/t:Z,rslave"]}, {"volumes": ["/tmp:/t:Z,ro"]}),
    ),
    Neighbour(
        "private propagation written out",
        host={"Binds": ["/tmp:/t:rprivate"]},
        same=({"volumes": ["/tmp:/t"]}, {"volumes": ["/tmp:/t:rw,rprivate"]}),
        other=({"volumes": ["/tmp:/t:private"]},),
    ),
    Neighbour(
        "long bind",
        host={"Mounts": [{"Type": "bind", "Source": "/tmp", "Target": "/t/", "ReadOnly": True}]},
        same=(
            {"volumes": ["/tmp:/t:ro"]},
            {"volumes": [{"type": "bind", "source": "/tmp", "target": "/t", "read_only": True}]},
        ),
        other=({"volumes": ["/tmp:/t"]}, {}),
    ),
    Neighbour(
        "volume",
        host={"Binds": ["eng-vw:/t:rw"]},
        same=(
            {"volumes": ["eng-vw:/t"]},
            {"volumes": [{"source": "eng-vw", "target": "/t"}]},
            {"volumes": [{"type": "volume", "src": "eng-vw", "dst": "/t/", "volume": {"nocopy": False}}]},
        ),
        other=({"volumes": ["eng-vw:/t:nocopy"]}, {"volumes": ["eng-vw:/t:ro"]}, {"volumes": ["/t"]}, {}),
    ),
    Neighbour(
        "long volume",
        host={"Mounts": [{"Type": "volume", "Source": "eng-vw", "Target": "/t", "VolumeOptions": {"NoCopy": True}}]},
        same=(
            {"volumes": ["eng-vw:/t:nocopy"]},
            {"volumes": [{"type": "volume", "source": "eng-vw", "target": "/t", "volume": {"nocopy": True}}]},
            {"mounts": [{"type": "volume", "source": "eng-vw", "target": "/t", "no_copy": True}]},
        ),
        other=({"volumes": ["eng-vw:/t"]}, {"volumes": ["eng-vw:/t:nocopy,ro"]}),
    ),
    Neighbour(
        "part of a volume",
        host={"Mounts": [{"Type": "volume", "Source": "eng-vw", "Target": "/t", "VolumeOptions": {"Subpath": "a/b"}}]},
        same=({"volumes": [{"type": "volume", "source": "eng-vw", "target": "/t", "volume": {"subpath": "a/b"}}]},),
        other=({"volumes": ["eng-vw:/t"]},),
        since=26,
    ),
    Neighbour(
        "anonymous volume",
        {"Volumes": {"/anon/": {}}},
        same=({"volumes": ["/anon"]}, {"volumes": ["/anon:rw"]}, {"volumes": [{"type": "volume", "target": "/anon"}]}),
        other=({"volumes": ["eng-vw:/anon"]}, {"volumes": ["/anon", "/more"]}),
    ),
    Neighbour(
        "long anonymous volume",
        host={"Mounts": [{"Type": "volume", "Target": "/anon"}]},
        same=({"volumes": ["/anon"]},),
    ),
    Neighbour(
        "tmpfs",
        host={"Tmpfs": {"/t/": "rw,size=65536k,mode=01777"}},
        same=(
            {"tmpfs": "/t:size=64m,mode=1777"},
            {"tmpfs": ["/t:mode=1777,size=67108864"]},
        ),
        other=({"tmpfs": ["/t:size=64m"]}, {"tmpfs": ["/t:size=64m,mode=1777,exec"]}, {"tmpfs": "/t"}, {}),
    ),
    Neighbour(
        "long tmpfs",
        host={"Mounts": [{"Type": "tmpfs", "Target": "/t", "TmpfsOptions": {"SizeBytes": 67108864, "Mode": 1023}}]},
        same=(
            {"volumes": [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": "64m", "mode": 1777}}]},
            {"volumes": [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": 67108864, "mode": "01777"}}]},
            {"volumes": [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": "0.0625g", "mode": "0o1777"}}]},
            {"mounts": [{"type": "tmpfs", "target": "/t", "tmpfs_size": "64MiB", "tmpfs_mode": "1777"}]},
        ),
        other=(
            {"volumes": [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": "64m"}}]},
            {"volumes": [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": "64m", "mode": "0700"}}]},
            {"volumes": [{"type": "tmpfs", "target": "/t"}]},
        ),
    ),
    Neighbour("read-only", host={"ReadonlyRootfs": True}, same=({"read_only": True},), other=({},)),
)

NEIGHBOURS = (*PROCESS, *RESOURCES, *ISOLATION, *ADDRESSES, *STORAGE)
