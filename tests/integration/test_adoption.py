"""Containers, networks and volumes made with the docker command, taken over as they are: the playbook says the same in
other words. And what peers of this tool get wrong about them (peers 2.11, 5.1, 5.2).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import SLEEP, Json, Site, fetch, ids, inspect, lines
from tests.lab.fixtures import each_engine
from tests.lab.host import Host

pytestmark = [pytest.mark.lab, each_engine]

DECLARED: Mapping[str, tuple[str, Json]] = {
    "capabilities": (
        "--cap-add net_admin --cap-add SYS_TIME --cap-drop all",
        {"cap_add": ["CAP_SYS_TIME", "NET_ADMIN", "net_admin"], "cap_drop": ["ALL"]},
    ),
    "binds": (
        "-v /srv/a/:/a/ -v /srv/b:/b:rw -v /srv/c:/c:ro,z",
        {"volumes": ["/srv/a:/a", "/srv/b/:/b", "/srv/c:/c:z,ro"]},
    ),
    "mounts": (
        "--mount type=bind,src=/tmp,dst=/t,readonly --mount type=volume,src=data,dst=/data,volume-nocopy"
        " --mount type=tmpfs,dst=/run,tmpfs-size=1m,tmpfs-mode=1777",
        {
            "volumes": [
                "/tmp:/t:ro",
                "data:/data:nocopy",
                {"type": "tmpfs", "target": "/run", "tmpfs": {"size": 1048576, "mode": "01777"}},
            ]
        },
    ),
    "memory": (
        "--tmpfs /a:rw,noexec,nosuid,size=65536k --mount type=tmpfs,dst=/b,tmpfs-size=1m,tmpfs-mode=0700 --tmpfs /c:ro",
        {
            "tmpfs": ["/b:size=1024k,mode=0700"],
            "volumes": [
                {"type": "tmpfs", "target": "/a", "tmpfs": {"size": "64m"}},
                {"type": "tmpfs", "target": "/c", "read_only": True},
            ],
        },
    ),
    "anonymous": ("-v /anon --tmpfs /t:size=1m,mode=0700", {"volumes": ["/anon"], "tmpfs": "/t:mode=700,size=1024k"}),
    "private": ("-v /srv/p:/p:rprivate", {"volumes": ["/srv/p:/p"]}),
    "ports": (
        "-p 18501:80 -p 127.0.0.1:18502:81/udp -p [::1]:18503:82 -p 18504-18505:90-91 --expose 9000-9002",
        {
            "ports": [
                "18504-18505:90-91",
                "[0:0::1]:18503:82",
                {"target": 80, "published": "18501"},
                "127.0.0.1:18502:81/UDP",
            ],
            "expose": ["9001", 9000, "9002/tcp"],
        },
    ),
    "limits": (
        "-m 512m --memory-swap 1g --memory-reservation 64m --cpus .5 --pids-limit 100 --cpuset-cpus 0,1"
        " --ulimit nofile=1024 --ulimit nproc=512:1024 --shm-size 32m --oom-score-adj 100",
        {
            "mem_limit": "0.5g",
            "memswap_limit": 1073741824,
            "mem_reservation": "65536k",
            "cpus": "0.50",
            "pids_limit": 100,
            "cpuset": "0-1",
            "ulimits": {"nofile": 1024, "nproc": {"soft": 512, "hard": 1024}},
            "shm_size": "32MiB",
            "oom_score_adj": 100,
        },
    ),
    "quota": (
        "--cpu-quota 50000 --cpu-period 100000 -c 512",
        {"cpu_quota": 50000, "cpu_period": 100000, "cpu_shares": 512},
    ),
    "devices": (
        "--device /dev/null --device /dev/zero:/dev/z:r --device-cgroup-rule 'c 1:3 mr'",
        {"devices": [{"source": "/dev/null"}, "/dev/zero:/dev/z:r"], "device_cgroup_rules": ["c 1:3 rm"]},
    ),
    "options": (
        "--security-opt no-new-privileges --security-opt seccomp=unconfined --security-opt label=disable",
        {"security_opt": ["label:disable", "no-new-privileges:true", "seccomp:unconfined"]},
    ),
    "paths": (
        "--security-opt systempaths=unconfined --security-opt label=disable",
        {"security_opt": ["systempaths:unconfined", "label:disable"]},
    ),
    "environment": (
        "-e A=1 -e NOWHERE -e B= -e URL=a=b -l x=1 -l empty -w /tmp/ -u 0:0 -h box",
        {
            "environment": {"A": 1, "B": "", "URL": "a=b"},
            "labels": ["x=1", "empty"],
            "working_dir": "/tmp",
            "user": "0:0",
            "hostname": "box",
        },
    ),
    "hosts": (
        "--add-host a:192.0.2.1 --add-host b:host-gateway --add-host c:::1 --dns 192.0.2.53 --dns-search example.com"
        " --dns-option ndots:2",
        {
            "extra_hosts": {"c": "::1", "b": "host-gateway", "a": ["192.0.2.1"]},
            "dns": "192.0.2.53",
            "dns_search": "example.com",
            "dns_opt": ["ndots:2"],
        },
    ),
    "restart": ("--restart on-failure:3 --stop-timeout 90", {"restart": "on-failure:3", "stop_grace_period": "1m30s"}),
    "endless": ("--restart on-failure", {"restart": "on-failure:0"}),
    "health": (
        "--health-cmd 'test -e /' --health-interval 1500ms --health-timeout 4500ms --health-retries 2",
        {"healthcheck": {"test": ["CMD-SHELL", "test -e /"], "interval": "1.5s", "timeout": "4.5s", "retries": 2}},
    ),
    "unhealthy": ("--no-healthcheck", {"healthcheck": {"disable": True}}),
    "logging": (
        "--log-opt max-size=10m --log-opt max-file=3 --log-opt labels=a,b",
        {"logging": {"options": {"max-size": "10M", "max-file": 3, "labels": "b,a"}}},
    ),
    "logs": (
        "--log-driver local --log-opt max-size=10000k --log-opt compress=true --log-opt max-file=3",
        {"log_driver": "local", "log_options": {"max-size": "10MB", "compress": "1", "max-file": "03"}},
    ),
    "init": ("--init --read-only -t -i", {"init": True, "read_only": True, "tty": True, "stdin_open": True}),
    "sysctls": (
        "--sysctl net.core.somaxconn=1024 --group-add 100",
        {"sysctls": {"net.core.somaxconn": 1024}, "group_add": [100]},
    ),
    "mac": ("--mac-address 02:42:AC:11:00:55", {"mac_address": "02-42-ac-11-00-55"}),
    "host-mode": ("--network host", {"network_mode": "host"}),
    "no-network": ("--network none", {"network_mode": "none"}),
    "sidecar": ("--network container:mac --pid container:mac", {"network_mode": "container:mac", "pid": "service:mac"}),
    "linked": ("--link mac:db", {"links": ["mac:db"]}),
    "shared": (
        "--volumes-from binds:ro --volumes-from anonymous",
        {"volumes_from": ["container:anonymous:rw", "binds:ro"]},
    ),
    "default": (
        "--network default --ipc private --runtime runc",
        {"network_mode": "bridge", "ipc": "private", "runtime": "runc"},
    ),
    "static": (
        "--network six --network-alias www --ip 10.201.9.9 --ip6 2001:db8:9:0:0::9",
        {"networks": {"six": {"aliases": ["www"], "ipv4_address": "10.201.9.9", "ipv6_address": "2001:0db8:9::9"}}},
    ),
    "linked-there": (
        "--network six --link static:st --link static",
        {"networks": ["six"], "links": ["static", "static:st"]},
    ),
}
"""Words of `docker run`, and a declaration of the same."""

GONE: Mapping[str, Json] = {
    "environment": {"environment": {"A": 1, "URL": "a=b"}},
    "ports": {"ports": ["18501:80"]},
    "limits": {"memswap_limit": "600m"},
    "hosts": {"extra_hosts": {"a": "192.0.2.1"}},
}
"""Declared otherwise, each is refused without --adopt: nothing is overlooked."""


ZEROS: tuple[Json, ...] = (
    {"oom_score_adj": 0, "cpu_shares": 0, "pids_limit": 0, "mem_limit": 0, "cpus": 0, "cpuset": "", "shm_size": 0},
    {"privileged": False, "read_only": False, "tty": False, "auto_remove": False, "restart": "no"},
    {"ports": [], "expose": [], "volumes": [], "dns": [], "cap_add": [], "environment": {}, "labels": []},
    {"working_dir": "/", "cpu_quota": -1, "mem_swappiness": -1, "hostname": "", "user": "", "entrypoint": None},
    {"ulimits": {}, "devices": [], "sysctls": {}, "tmpfs": [], "extra_hosts": {}, "group_add": [], "gpus": []},
    {"network_mode": "default", "logging": {}, "blkio_config": {}, "healthcheck": {}, "links": []},
    {"mem_limit": "64m", "memswap_limit": 0, "runtime": "", "logging": {"driver": "", "options": {}}},
    {"healthcheck": {"disable": True}, "networks": [], "security_opt": []},
)
"""What says nothing: with or without it is the same."""


SEEN_RUNNING = {"ports", "mac_address", "network_mode", "networks", "links", "healthcheck"}
"""What an engine completes when it starts a container: all others are created only, which costs a tenth."""


def state(keys: Json) -> str:
    return "started" if SEEN_RUNNING & set(keys) else "created"


def declaration(keys: Json) -> Json:
    return {**SLEEP, "update": {"monitor": "0s"}, "state": state(keys), **keys}


def make(host: Host) -> None:
    fetch(host, "busybox:1")
    host.docker(
        *("network", "create", "--ipv6", "--subnet", "2001:db8:9:0::/64", "--subnet", "10.201.9.0/24"),
        *("--gateway", "10.201.9.1", "--label", "a=b", "--opt", "com.docker.network.driver.mtu=1400", "six"),
    )
    host.docker("volume", "create", "--label", "a=b", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "ram")
    for name, (words, keys) in DECLARED.items():
        verb = ("run", "-d") if state(keys) == "started" else ("create",)
        host.docker(*verb, "--name", name, *shlex.split(words), "busybox:1", "sleep", "100000")


def play(containers: Mapping[str, Any]) -> Json:
    subnets = [{"subnet": "10.201.9.7/24", "gateway": "10.201.9.1"}, {"subnet": "2001:0DB8:0009::/64"}]
    mtu = {"com.docker.network.driver.mtu": 1400}
    six = {"driver": "", "enable_ipv6": True, "ipam": {"config": subnets}, "labels": {"a": "b"}, "driver_opts": mtu}
    volumes = {
        "ram": {"driver": "", "labels": ["a=b"], "driver_opts": {"type": "tmpfs", "device": "tmpfs"}},
        "data": {},
    }
    return {"networks": {"six": six}, "volumes": volumes, "containers": dict(containers)}


def test_containers_of_docker_run_are_adopted_unchanged(host: Host, tmp_path: Path) -> None:
    make(host)
    own = {"image": "docker.io/library/busybox:1", "stop_signal": None}
    declared: dict[str, Json] = {name: declaration(keys) | own for name, (_, keys) in DECLARED.items()}
    site = Site(tmp_path, host).write(play(declared))
    before = ids(host)
    found = site.plan()
    assert (found.code, found.changes, found.refusals) == (0, [], [])
    assert site.apply().code == 0
    assert ids(host) == before
    site.write(play({name: declared[name] | keys for name, keys in GONE.items()}))
    refused = site.plan().refusals
    assert [text.partition(": ")[0] for text in refused] == [f"{host.name}/container.{name}" for name in sorted(GONE)]


def test_the_same_declaration_converges(host: Host, tmp_path: Path) -> None:
    declared = {name: declaration(keys) for name, (_, keys) in DECLARED.items()}
    zeros: Json = {f"zero-{n}": declaration(keys) for n, keys in enumerate(ZEROS)}
    site = Site(tmp_path, host).write(play({**declared, **zeros}))
    site.converge()
    left = {
        name: {key: own[key] for key in (*SLEEP, "state", "mem_limit") if own.get(key)} for name, own in zeros.items()
    }
    site.write(play({**declared, **left}))
    again = site.plan()
    assert (again.code, again.changes) == (0, [])


def test_a_subnet_of_ipv6_without_enable_ipv6_is_made_once(host: Host, tmp_path: Path) -> None:
    """aa#34855, aa#65815: the order of subnets says nothing."""
    pools = [{"subnet": "10.201.8.0/24"}, {"subnet": "2001:db8:8::/64"}]
    site = Site(tmp_path, host).write({"networks": {"front": {"ipam": {"config": pools}}}})
    site.converge()
    site.write({"networks": {"front": {"ipam": {"config": pools[::-1]}}}})
    again = site.plan()
    assert (again.code, again.changes) == (0, [])


def test_an_ignored_image_brings_no_fields_of_its_own(host: Host, tmp_path: Path) -> None:
    """cd#421."""
    fetch(host, "busybox:1", "deployer/everything:1")
    site = Site(tmp_path, host).containers(web={})
    site.converge()
    site.containers(web={"image": "deployer/everything:1", "ignore_changes": ["image"]})
    again = site.plan()
    assert (again.code, again.changes) == (0, [])


def test_a_host_name_beside_the_hosts_network_and_published_ports_that_go(host: Host, tmp_path: Path) -> None:
    """amc#4748, cd#15, cg#978: the image exposes the port that is no longer published."""
    everything: Json = {"image": "deployer/everything:1", "state": "created"}
    site = Site(tmp_path, host)
    named = {**SLEEP, "network_mode": "host", "hostname": "x"}
    site.write({"containers": {"named": named, "web": {**everything, "ports": ["18080:80"]}}}).converge()
    site.write({"containers": {"named": named, "web": {**everything, "ports": []}}})
    assert site.plan().changes == lines(f"{host.name}/container.web -/+ ports")
    site.converge()
    assert not inspect(host, "web")["HostConfig"]["PortBindings"]
