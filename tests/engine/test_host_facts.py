"""Gathering facts about a host: what is asked, and when the shell's word counts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from deployer.engine.host_facts import gather
from deployer.engine.remote_images import RemoteImages
from deployer.interfaces import Engine, EngineInfo
from deployer.model.observed import Observed, ObservedNetwork
from deployer.model.preflight import Facts, Listener, Process, Questions, Room, Route
from deployer.planning.preflight import taken

PORTS = Questions(ports=frozenset({"8080:80/tcp"}), sources=frozenset({"/srv/a"}), routes=True, room=True)
SAID = """\
[host]
web1
[dev]
docker0: 1
br-0123456789ab: 1
eth0: 1
[tcp]
 0: 00000000:1F90 00000000:0000 0A 0:0 0:0 0 0 0 4711 1 0
 1: 00000000:1F91 00000000:0000 0A 0:0 0:0 0 0 0 4712 1 0
[tcp6]
[udp]
[udp6]
[route]
br-0123456789ab 00000A0A 00000000 0001 0 0 0 00FFFFFF 0 0 0
tun0 0000000B 00000000 0001 0 0 0 000000FF 0 0 0
[root]
yes
[missing]
/srv/a
[df]
/dev/vda1 1000 600 300 67% /
[end]
"""
INFO = {"Name": "web1", "DockerRootDir": "/data", "RegistryConfig": {"Mirrors": []}}


class Asked:
    """An engine and a shell that remember what they are asked."""

    def __init__(self, said: str | None = SAID, info: Any = INFO, networks: Iterable[ObservedNetwork] = ()) -> None:
        self.calls: list[str] = []
        self._said = said
        self._info = info
        bridge = ObservedNetwork("0123456789abcdef", "back", {"driver": "bridge"})
        self.observed = Observed(
            "web1", EngineInfo("26.1.5", "1.45", "1.45", "linux", "amd64"), networks=(bridge, *networks)
        )

    def info(self) -> Any:
        self.calls.append("info")
        return self._info

    def list_images(self) -> Any:
        self.calls.append("images")
        tags = ["web:1", "reg.example.com:5000/web:2", "<none>:<none>"]
        return [
            {"Id": "1", "RepoTags": tags, "Size": 10},
            {"Id": "1", "RepoTags": ["web:2"], "Size": 30},
            {"Id": "1", "RepoTags": None, "Size": 40},
        ]

    def list_containers(self) -> Any:
        self.calls.append("containers")
        return [{"Id": "1", "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}]}]

    def shell(self, text: str) -> str | None:
        is_second = "[owner]" in text
        self.calls.append("owners" if is_second else "shell")
        return "[owner] [4711] 812 nginx\n[end]\n" if is_second else self._said

    def gather(self, questions: Questions = PORTS) -> Facts:
        return gather(
            cast(Engine, self),
            self.observed,
            questions,
            auth=lambda _reference: None,
            shell=self.shell,
            remote=RemoteImages(),
            taken=taken,
        )


def test_everything_that_can_be_had() -> None:
    asked = Asked()
    assert asked.gather() == Facts(
        sizes={"docker.io/library/web": 30, "reg.example.com:5000/web": 10, "<none>": 10},
        listeners=(Listener("tcp", "0.0.0.0", 8080, 4711),),
        published=frozenset({"0.0.0.0:8080:80/tcp"}),
        processes={4711: Process(812, "nginx")},
        routes=(Route("11.0.0.0/8", "tun0"),),
        missing=frozenset({"/srv/a"}),
        room=Room("/data", 300 * 1024, 400 * 1024),
    )
    assert asked.calls == ["info", "shell", "images", "owners", "containers"]


def test_who_listens_is_not_asked_where_ports_are_free() -> None:
    asked = Asked()
    found = asked.gather(Questions(ports=frozenset({"9090:80/tcp"})))
    assert (found.listeners, asked.calls) == ((), ["info", "shell"])


def test_a_host_without_a_shell_gives_no_facts() -> None:
    asked = Asked(None)
    assert (asked.gather(), asked.calls) == (Facts(), ["info", "shell"])
    assert Asked("docker: unknown command\n").gather() == Facts()


def test_a_shell_on_another_machine_than_the_engine_does_not_count() -> None:
    assert Asked(info={**INFO, "Name": "vm"}).gather() == Facts()


def test_a_shell_in_another_network_than_the_engines_says_nothing_about_ports_and_routes() -> None:
    found = Asked(SAID.replace("docker0", "wlan0").replace("br-", "vx-")).gather()
    assert (found.listeners, found.routes) == ((), ())
    assert (found.missing, found.room) == (frozenset({"/srv/a"}), Room("/data", 300 * 1024, 400 * 1024))


def test_a_shell_that_does_not_see_the_engines_folder_says_nothing_about_files() -> None:
    assert Asked(SAID.replace("yes\n", "")).gather().missing == frozenset()


def test_mirrors_are_known() -> None:
    assert Asked(info={**INFO, "RegistryConfig": {"Mirrors": ["http://mirror/"]}}).gather().mirrored
