"""What the engines refuse at create, and with which status: 20.10's, then 26.1's where it differs; 0 is no refusal."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import pytest

from tests.contract.sandbox import BUSYBOX, EVERYTHING, SLEEP, Sandbox, status_of

Body: TypeAlias = dict[str, Any]
Case: TypeAlias = tuple[Body, int] | tuple[Body, int, int]


def host(**keys: Any) -> Body:
    return {"HostConfig": keys}


RESOURCES: dict[str, Case] = {
    "memory below 6 MiB": (host(Memory=1_000_000), 400),
    "negative memory": (host(Memory=-1), 400),
    "swap below memory": (host(Memory=67108864, MemorySwap=1000), 400),
    "swap without memory": (host(MemorySwap=67108864), 400),
    "unlimited swap without memory": (host(MemorySwap=-1), 0),
    "reservation above memory": (host(Memory=67108864, MemoryReservation=77108864), 400),
    "reservation below 6 MiB": (host(MemoryReservation=1000), 400),
    "swappiness above 100": (host(MemorySwappiness=101), 400),
    "more CPUs than there are": (host(NanoCpus=9999_000_000_000), 400),
    "negative CPUs": (host(NanoCpus=-1), 400),
    "CPUs and quota": (host(NanoCpus=1_000_000_000, CpuQuota=50000), 400),
    "CPUs and period": (host(NanoCpus=1_000_000_000, CpuPeriod=50000), 400),
    "quota below 1 ms": (host(CpuQuota=10), 400),
    "period below 1 ms": (host(CpuPeriod=10), 400),
    "CPU set not there": (host(CpusetCpus="4000"), 400),
    "CPU set unreadable": (host(CpusetCpus="a"), 400),
    "memory node not there": (host(CpusetMems="500"), 400),
    "score out of range": (host(OomScoreAdj=2000), 400),
    "negative shared memory": (host(ShmSize=-1), 400),
    "negative process limit": (host(PidsLimit=-5), 0),
    "soft limit above the hard one": (host(Ulimits=[{"Name": "nofile", "Soft": 10, "Hard": 5}]), 0),
}

PROCESS: dict[str, Case] = {
    "relative working directory": ({"WorkingDir": "foo"}, 400),
    "empty environment entry": ({"Env": [""]}, 400),
    "environment entry without a name": ({"Env": ["=x"]}, 400),
    "unknown signal": ({"StopSignal": "FOO"}, 400),
    "interval below 1 ms": ({"Healthcheck": {"Interval": 5}}, 400),
    "negative retries": ({"Healthcheck": {"Retries": -1}}, 400),
    "test without a leading word": ({"Healthcheck": {"Test": ["true"]}}, 0),
    "nothing to run": ({"Image": BUSYBOX, "Entrypoint": [""], "Cmd": None}, 400),
    "stop timeout for ever": ({"StopTimeout": -1}, 0),
    "label that is a number": ({"Labels": {"a": 1}}, 500, 400),
}

ISOLATION: dict[str, Case] = {
    "unknown capability to add": (host(CapAdd=["FOO"]), 400),
    "unknown capability to drop": (host(CapDrop=["foo"]), 400),
    "capability in small letters": (host(CapAdd=["net_admin", "all"]), 0),
    "unknown runtime": (host(Runtime="foo"), 400),
    "unknown log option": (host(LogConfig={"Type": "json-file", "Config": {"foo": "1"}}), 400),
    "log option of the default driver": (host(LogConfig={"Config": {"foo": "1"}}), 400),
    "host entry with an equals sign": (host(ExtraHosts=["a=1.2.3.4"]), 400),
    "host entry without an address": (host(ExtraHosts=["a:foo"]), 400),
    "unknown restart policy": (host(RestartPolicy={"Name": "foo"}), 400),
    "retries for always": (host(RestartPolicy={"Name": "always", "MaximumRetryCount": 3}), 400),
    "retries without a policy": (host(RestartPolicy={"MaximumRetryCount": 3}), 0, 400),
    "negative retries": (host(RestartPolicy={"Name": "on-failure", "MaximumRetryCount": -3}), 400),
    "restart and remove": (host(AutoRemove=True, RestartPolicy={"Name": "always"}), 400),
    "unknown security option": (host(SecurityOpt=["foo"]), 500),
    "security option of the client": (host(SecurityOpt=["systempaths=unconfined"]), 500),
    "storage size": (host(StorageOpt={"size": "1G"}), 500),
    "unknown control group mode": (host(CgroupnsMode="foo"), 400),
    "unknown IPC mode": (host(IpcMode="foo"), 0, 400),
    "unknown process mode": (host(PidMode="foo"), 0, 400),
    "unknown UTS mode": (host(UTSMode="foo"), 0, 400),
    "IPC of nobody": (host(IpcMode="container:no-such-container"), 400),
    "processes of nobody": (host(PidMode="container:no-such-container"), 400),
    "hostname in the host's UTS space": ({"Hostname": "a", **host(UTSMode="host")}, 400),
    "resolver that is no address": (host(Dns=["foo"]), 0),
}

NETWORK: dict[str, Case] = {
    "host port that is no number": (host(PortBindings={"80/tcp": [{"HostPort": "foo"}]}), 400),
    "host port as a number": (host(PortBindings={"80/tcp": [{"HostPort": 80}]}), 500, 400),
    "host port too high": (host(PortBindings={"80/tcp": [{"HostPort": "70000"}]}), 400),
    "published port that is no number": (host(PortBindings={"foo/tcp": [{"HostPort": "80"}]}), 400),
    "exposed port that is no number": ({"ExposedPorts": {"foo": {}}}, 0),
    "hostname of another container": ({"Hostname": "x", **host(NetworkMode="container:x")}, 400),
    "resolver of another container": (host(NetworkMode="container:x", Dns=["1.1.1.1"]), 400),
    "host entries of another container": (host(NetworkMode="container:x", ExtraHosts=["a:1.1.1.1"]), 400),
    "exposed port of another container": ({"ExposedPorts": {"80/tcp": {}}, **host(NetworkMode="container:x")}, 400),
    "published port of another container": (
        host(NetworkMode="container:x", PortBindings={"80/tcp": [{"HostPort": "1"}]}),
        400,
    ),
    "hardware address of another container": (
        {"MacAddress": "02:42:ac:11:00:aa", **host(NetworkMode="container:x")},
        400,
        0,
    ),
    "container without a name": (host(NetworkMode="container:"), 400),
    "container that does not exist": (host(NetworkMode="container:no-such-container"), 0),
    "hostname on the host's network": ({"Hostname": "x", **host(NetworkMode="host")}, 0),
    "link to nobody": (host(Links=["no-such-container:x"]), 400),
    "network that does not exist": (host(NetworkMode="no-such-network"), 0),
    "alias on the default bridge": (
        {"NetworkingConfig": {"EndpointsConfig": {"bridge": {"Aliases": ["a"]}}}},
        0,
        400,
    ),
    "address on the default bridge": (
        {"NetworkingConfig": {"EndpointsConfig": {"bridge": {"IPAMConfig": {"IPv4Address": "172.17.0.77"}}}}},
        0,
        400,
    ),
    "two endpoints": ({"NetworkingConfig": {"EndpointsConfig": {"bridge": {}, "no-such-network": {}}}}, 400, 0),
}

MOUNTS: dict[str, Case] = {
    "one target twice": (host(Binds=["/a:/t", "/b:/t"]), 400),
    "one target twice, once with a slash": (host(Binds=["/a:/t", "/b:/t/"]), 400),
    "one target short and long": (host(Binds=["/tmp:/t"], Mounts=[{"Type": "tmpfs", "Target": "/t"}]), 400),
    "one target in memory and short": (host(Binds=["/a:/t"], Tmpfs={"/t": ""}), 400),
    "one target in memory and long": (
        host(Mounts=[{"Type": "bind", "Source": "/tmp", "Target": "/t"}], Tmpfs={"/t": ""}),
        0,
    ),
    "target is the root": (host(Binds=["/a:/"]), 500),
    "relative target": (host(Binds=["/a:b"]), 500),
    "volume name of one character": (host(Binds=["a:/b"]), 400),
    "relative source": (host(Binds=["./a:/b"]), 400),
    "unknown option": (host(Binds=["/a:/b:foo"]), 500),
    "two options of a class": (host(Binds=["/a:/b:ro,rw"]), 500),
    "four parts": (host(Binds=["/a:/b:ro:x"]), 500),
    "empty text": (host(Binds=[""]), 500),
    "no copying into a bind": (host(Binds=["/a:/b:nocopy"]), 500),
    "source that does not exist": (host(Mounts=[{"Type": "bind", "Source": "/nonexistent/x", "Target": "/t"}]), 400),
    "source to be made": (
        host(
            Mounts=[
                {
                    "Type": "bind",
                    "Source": "/nonexistent/x",
                    "Target": "/t",
                    "BindOptions": {"CreateMountpoint": True},
                }
            ]
        ),
        400,
        0,
    ),
    "no target": (host(Mounts=[{"Type": "bind", "Source": "/tmp"}]), 400),
    "no source": (host(Mounts=[{"Type": "bind", "Target": "/t"}]), 400),
    "long relative source": (host(Mounts=[{"Type": "bind", "Source": "tmp", "Target": "/t"}]), 400),
    "long relative target": (host(Mounts=[{"Type": "bind", "Source": "/tmp", "Target": "t"}]), 400),
    "unknown type": (host(Mounts=[{"Type": "foo", "Source": "/tmp", "Target": "/t"}]), 400),
    "memory with a source": (host(Mounts=[{"Type": "tmpfs", "Source": "/tmp", "Target": "/t"}]), 400),
    "options of another type": (
        host(Mounts=[{"Type": "bind", "Source": "/tmp", "Target": "/t", "VolumeOptions": {"NoCopy": True}}]),
        400,
    ),
    "long volume name with a slash": (host(Mounts=[{"Type": "volume", "Source": "a/b", "Target": "/t"}]), 400),
    "volumes of nobody": (host(VolumesFrom=["no-such-container"]), 400),
}

IMAGES: dict[str, Case] = {
    "image that is not there": ({"Image": "no-such-image:1"}, 404),
    "image without a tag that is not there": ({"Image": "no-such-image"}, 404),
    "id that is not there": ({"Image": "abcdef123456"}, 404),
    "name in capitals": ({"Image": "UPPER"}, 400),
    "no image": ({"Image": ""}, 0),
}

FIELDS = {
    "resources": RESOURCES,
    "process": PROCESS,
    "isolation": ISOLATION,
    "network": NETWORK,
    "mounts": MOUNTS,
    "images": IMAGES,
}


@pytest.mark.parametrize("field", FIELDS)
def test_create_is_refused_as_by_the_engine(sandbox: Sandbox, field: str) -> None:
    cases: dict[str, Any] = dict(FIELDS[field])
    expected = {name: newer[-1] if sandbox.modern else older for name, (_, older, *newer) in _padded(cases).items()}
    if field == "isolation" and sandbox.containerd:
        expected["storage size"] = 0
    found = {
        name: status_of(sandbox.container, f"a{index}", case[0]) for index, (name, case) in enumerate(cases.items())
    }
    assert found == expected


def _padded(cases: dict[str, Any]) -> dict[str, Any]:
    """Every case with a status for the newer engine."""
    return {name: case if len(case) == 3 else (*case, case[1]) for name, case in cases.items()}


def test_unknown_drivers_are_not_found(sandbox: Sandbox) -> None:
    """An engine looks fifteen seconds for a plugin: for all of these at once."""
    cases: dict[str, tuple[Any, Body, int]] = {
        "volumes": (sandbox.container, host(VolumeDriver="no-such-driver", Binds=["no-such-volume:/a"]), 404),
        "logs": (sandbox.container, host(LogConfig={"Type": "foo"}), 400),
        "network": (sandbox.network, {"Driver": "foo"}, 404),
        "addresses": (sandbox.network, {"IPAM": {"Driver": "foo"}}, 404),
    }
    with ThreadPoolExecutor(len(cases)) as pool:
        asked = {name: pool.submit(status_of, create, name, body) for name, (create, body, _) in cases.items()}
        found = {name: status.result() for name, status in asked.items()}
    assert found == {name: expected for name, (_, _, expected) in cases.items()}


@pytest.mark.parametrize("name", ["a", "-ab", "a b", "a/b", ".ab"])
def test_invalid_names(sandbox: Sandbox, name: str) -> None:
    body = {"Image": BUSYBOX, "Cmd": SLEEP}
    assert status_of(sandbox.engine.create_container, name, body, "") == 400


def test_a_name_in_use_is_a_conflict(sandbox: Sandbox) -> None:
    sandbox.container("a")
    assert status_of(sandbox.container, "a") == 409


def test_the_platform_must_be_the_images(sandbox: Sandbox) -> None:
    body = {"Image": BUSYBOX, "Cmd": SLEEP}
    assert status_of(sandbox.engine.create_container, sandbox.name("a"), body, "linux/arm64") == 404
    assert status_of(sandbox.engine.create_container, sandbox.name("b"), body, "no-such-platform") == 400
    key, _ = sandbox.engine.create_container(sandbox.name("c"), body, "linux/amd64")
    sandbox.remember_container(key)


def test_a_refused_create_leaves_nothing_behind(sandbox: Sandbox) -> None:
    volume = sandbox.name("v")
    sandbox.volumes.append(volume)
    body = host(Binds=[f"{volume}:/x"], Links=["no-such-container:x"])
    assert status_of(sandbox.container, "a", {"Image": EVERYTHING, **body}) == 400
    assert sandbox.engine.inspect_container(sandbox.name("a")) is None
