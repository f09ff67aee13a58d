"""What an engine takes at creation and refuses at the start is an error; what it takes at both is none."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.fields.container import CONTAINER
from tests.fields.declare import declare, errors_of

MISTAKES = [
    (
        {"sysctls": {"vm.swappiness": 1}},
        "sysctls: vm.swappiness applies to the whole host: only net.*, fs.mqueue.* and",
    ),
    ({"sysctls": ["kernel.foo=1"]}, "sysctls: kernel.foo applies to the whole host"),
    ({"sysctls": {"net.core.somaxconn": 1}, "network_mode": "host"}, "sysctls: net.core.somaxconn cannot be set with"),
    ({"sysctls": {"kernel.shmmax": 1}, "ipc": "host"}, "sysctls: kernel.shmmax cannot be set with ipc: host"),
    ({"ulimits": {"bogus": 1}}, "ulimits: 'bogus' is not one of as, core, cpu, "),
    ({"ulimits": {"nofile": {"soft": 2, "hard": 1}}}, "ulimits: the soft limit of nofile cannot exceed the hard limit"),
    (
        {"ulimits": {"nofile": {"soft": -1, "hard": 1}}},
        "ulimits: the soft limit of nofile cannot exceed the hard limit",
    ),
    ({"hostname": "a" * 65}, "hostname: is longer than 64 bytes"),
    ({"user": "a:b:c"}, "user: 'a:b:c' does not have the form user[:group]"),
    ({"group_add": ["", "audio"]}, "group_add: a group is empty"),
    ({"cpu_shares": 1}, "cpu_shares: 1 is less than the kernel's minimum of 2"),
    ({"mac_address": "01:00:5e:00:00:01"}, "mac_address: 01:00:5e:00:00:01 is a multicast address"),
    (
        {"networks": {"front": {"mac_address": "03-00-00-00-00-01"}}},
        "networks: 03:00:00:00:00:01 is a multicast address",
    ),
    ({"logging": {"driver": "json-file", "options": {"max-size": "abc"}}}, "logging: max-size: 'abc' is not a size"),
    ({"logging": {"driver": "json-file", "options": {"max-size": -1}}}, "logging: max-size: '-1' is not a size"),
    ({"logging": {"driver": "json-file", "options": {"max-size": 0}}}, "logging: max-size: '0' is not a size"),
    (
        {"logging": {"driver": "local", "options": {"max-file": 0}}},
        "logging: max-file: '0' is not a number of 1 or more",
    ),
    ({"tmpfs": ["/t:rw,bogus=1"]}, "tmpfs: 'bogus' of /t is not an option of tmpfs"),
    ({"tmpfs": ["/t:rwx"]}, "tmpfs: 'rwx' of /t is not an option of tmpfs"),
    ({"tmpfs": ["/t:size=foo"]}, "tmpfs: the kernel does not accept the value of size of /t"),
    ({"tmpfs": ["/t:mode=9"]}, "tmpfs: the kernel does not accept the value of mode of /t"),
]


@pytest.mark.parametrize(("written", "said"), MISTAKES)
def test_values_that_only_the_start_refuses(written: dict[str, Any], said: str) -> None:
    (found,) = errors_of(CONTAINER, written)
    assert found.startswith(f"containers.it.{said}")


@pytest.mark.parametrize(
    "written",
    [
        {"sysctls": {"net.core.somaxconn": 1, "fs.mqueue.msg_max": 9, "kernel.shmmax": 1, "net/ipv4/ip_forward": 1}},
        {"sysctls": {"net.core.somaxconn": 1}, "network_mode": "container:db"},
        {"sysctls": {"kernel.shmmax": 1}, "network_mode": "host"},
        {"sysctls": {"kernel.domainname": "x"}, "ipc": "host"},
        {"ulimits": {"nofile": {"soft": 1, "hard": -1}, "nproc": 5, "memlock": -1}},
        {"hostname": "a" * 64, "user": "1000:1000", "group_add": ["audio", 5], "cpu_shares": 2},
        {"mac_address": "02:42:ac:11:00:0a"},
        {"logging": {"driver": "json-file", "options": {"max-size": "1.5 MB", "max-file": "3"}}},
        {"logging": {"driver": "local", "options": {"max-size": 0}}},
        {"logging": {"driver": "json-file", "options": {"max-size": "10MiB"}}},
        {"logging": {"driver": "a-plugin", "options": {"max-size": "abc", "max-file": 0}}},
        {"logging": {"options": {"max-size": "abc"}}},
        {"tmpfs": ["/a", "/b:rw,noexec,nosuid,size=10%,uid=1,gid=2,nr_inodes=5k,mode=01777", "/c:size=64m"]},
    ],
)
def test_values_that_the_start_accepts(written: dict[str, Any]) -> None:
    assert errors_of(CONTAINER, written) == []


def test_limits_in_capitals_are_the_same_limits() -> None:
    expected = {"nofile": {"soft": 5, "hard": 5}}
    for written in ({"NOFILE": 5}, ["NoFile:5:5"], {"nofile": 5}):
        assert declare(CONTAINER, {"ulimits": written}).values["ulimits"] == expected
    live = {"HostConfig": {"Ulimits": [{"Name": "NOFILE", "Soft": 5, "Hard": 5}]}}
    assert CONTAINER.row("ulimits").access.read(live) == expected
