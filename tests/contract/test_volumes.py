"""Volumes: create, use, removal; mounts as inspect lists them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.contract.sandbox import BUSYBOX, EVERYTHING, Sandbox, each_engine_of_one_store, status_of

pytestmark = each_engine_of_one_store


def mounts(sandbox: Sandbox, key: str) -> dict[str, dict[str, Any]]:
    return {mount["Destination"]: mount for mount in sandbox.inspect(key)["Mounts"]}


def volume_of(mount: dict[str, Any]) -> str:
    """The name of its volume, which engine 28 leaves out for a bind without a source."""
    return str(mount.get("Name") or Path(mount["Source"]).parent.name)


def exists(sandbox: Sandbox, name: str) -> bool:
    return sandbox.engine.inspect_volume(name) is not None


def test_unset_and_empty_are_distinguished(sandbox: Sandbox) -> None:
    plain, empty = sandbox.volume("v"), sandbox.volume("w", Labels={}, DriverOpts={})
    assert (plain["Driver"], plain["Scope"], plain["Labels"], plain["Options"]) == ("local", "local", None, None)
    assert plain["Mountpoint"] == f"/var/lib/docker/volumes/{sandbox.name('v')}/_data"
    assert (empty["Labels"], empty["Options"]) == ({}, {})
    assert sandbox.engine.inspect_volume(sandbox.name("v")) == plain


def test_an_existing_volume_comes_back_unchanged(sandbox: Sandbox) -> None:
    first = sandbox.volume("v", Labels={"a": "b"})
    assert sandbox.volume("v", Labels={"c": "d"}, DriverOpts={"type": "tmpfs", "device": "tmpfs"}) == first


def test_options_of_the_local_driver(sandbox: Sandbox) -> None:
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}
    assert sandbox.volume("v", DriverOpts=options)["Options"] == options
    found = {
        "unknown": status_of(sandbox.volume, "a", DriverOpts={"foo": "x"}),
        "no device": status_of(sandbox.volume, "b", DriverOpts={"type": "tmpfs"}),
        "no type": status_of(sandbox.volume, "c", DriverOpts={"device": "/tmp"}),
        "only o": status_of(sandbox.volume, "d", DriverOpts={"o": "bind"}),
        "size without quota": status_of(sandbox.volume, "e", DriverOpts={"size": "1m"}),
    }
    assert set(found.values()) == {400}, found


def test_names(sandbox: Sandbox) -> None:
    engine = sandbox.engine
    assert status_of(engine.create_volume, {"Name": "a"}) == 400
    assert status_of(engine.create_volume, {"Name": "a/b"}) == 400
    anonymous = engine.create_volume({})
    sandbox.volumes.append(str(anonymous["Name"]))
    assert len(str(anonymous["Name"])) == 64
    assert anonymous["Labels"] == ({"com.docker.volume.anonymous": ""} if sandbox.modern else None)


def test_a_volume_in_use_is_kept(sandbox: Sandbox) -> None:
    engine = sandbox.engine
    sandbox.volume("v")
    key = sandbox.container("a", HostConfig={"Binds": [f"{sandbox.name('v')}:/x"]})
    assert status_of(engine.remove_volume, sandbox.name("v")) == 409
    engine.remove_container(key, force=False, anonymous_volumes=True)
    engine.remove_volume(sandbox.name("v"))
    assert status_of(engine.remove_volume, sandbox.name("v")) == 404


def test_listed(sandbox: Sandbox) -> None:
    made = sandbox.volume("v", Labels={"a": "b"})
    assert [each for each in sandbox.engine.list_volumes() if each["Name"] == sandbox.name("v")] == [made]


def test_every_kind_of_mount_as_listed(sandbox: Sandbox) -> None:
    names = [sandbox.name(f"v{number}") for number in range(3)]
    sandbox.volumes += names
    key = sandbox.container(
        "a",
        HostConfig={
            "Binds": ["/tmp/:/bind/:ro", f"{names[0]}:/named", f"{names[1]}:/named-ro:ro", "/anonymous"],
            "Mounts": [
                {"Type": "volume", "Source": names[2], "Target": "/long/", "VolumeOptions": {"Labels": {"a": "b"}}},
                {"Type": "bind", "Source": "/tmp", "Target": "/long-bind", "ReadOnly": True},
                {"Type": "tmpfs", "Target": "/memory", "TmpfsOptions": {"SizeBytes": 1_000_000}},
                {"Type": "volume", "Target": "/long-anonymous"},
            ],
            "Tmpfs": {"/short-memory": ""},
        },
    )
    found = {path: (each["Type"], each["Mode"], each["RW"]) for path, each in mounts(sandbox, key).items()}
    assert found == {
        "/bind": ("bind", "ro", False),
        "/named": ("volume", "z", True),
        "/named-ro": ("volume", "ro", False),
        "/anonymous": ("volume", "z", True),
        "/long": ("volume", "z", True),
        "/long-bind": ("bind", "", False),
        "/memory": ("tmpfs", "", True),
        "/long-anonymous": ("volume", "z", True),
    }
    assert mounts(sandbox, key)["/bind"]["Source"] == "/tmp"
    implicit, labelled = sandbox.engine.inspect_volume(names[0]) or {}, sandbox.engine.inspect_volume(names[2]) or {}
    assert (implicit["Labels"], implicit["Options"]) == (None, None)
    assert labelled["Labels"] == {"a": "b"}
    shown = sandbox.host_config(key)["Mounts"][0]
    assert shown == {
        "Type": "volume",
        "Source": names[2],
        "Target": "/long/",
        "VolumeOptions": {"Labels": {"a": "b"}},
    }


def test_a_mount_on_an_images_volume_takes_the_place_of_an_anonymous_one(sandbox: Sandbox) -> None:
    sandbox.volumes.append(sandbox.name("v"))
    body = {"Image": EVERYTHING, "Cmd": None}
    key = sandbox.container("a", body, HostConfig={"Binds": [f"{sandbox.name('v')}:/data/"], "Tmpfs": {"/cache": ""}})
    assert set(mounts(sandbox, key)) == {"/data"}
    assert set(sandbox.inspect(key)["Config"]["Volumes"]) == {"/data", "/cache"}


def test_labels_of_anonymous_volumes(sandbox: Sandbox) -> None:
    long = {"Type": "volume", "Target": "/long"}
    key = sandbox.container("a", Volumes={"/config": {}}, HostConfig={"Binds": ["/short"], "Mounts": [long]})
    volumes = {path: sandbox.engine.inspect_volume(volume_of(each)) for path, each in mounts(sandbox, key).items()}
    labels = {path: volume["Labels"] for path, volume in volumes.items() if volume}
    marked = {"com.docker.volume.anonymous": ""} if sandbox.modern else None
    given = marked if sandbox.newest else None
    assert labels == {"/config": marked, "/short": given, "/long": given}
    assert ("Name" in mounts(sandbox, key)["/short"]) is not sandbox.newest


def test_anonymous_volumes_go_with_the_container_only_when_asked(sandbox: Sandbox) -> None:
    engine = sandbox.engine
    for asked in (False, True):
        sandbox.volumes.append(sandbox.name("named"))
        binds = ["/short", f"{sandbox.name('named')}:/named"]
        key = sandbox.container(f"a{asked}", Volumes={"/config": {}}, HostConfig={"Binds": binds})
        names = {path: volume_of(each) for path, each in mounts(sandbox, key).items()}
        sandbox.volumes += names.values()
        engine.remove_container(key, force=False, anonymous_volumes=asked)
        assert {path: exists(sandbox, name) for path, name in names.items()} == {
            "/config": not asked,
            "/short": not asked,
            "/named": True,
        }


def test_volumes_bound_by_name_outlive_their_second_container(sandbox: Sandbox) -> None:
    """How anonymous volumes are carried over to a new container."""
    first = sandbox.container("a", Volumes={"/data": {}})
    name = str(mounts(sandbox, first)["/data"]["Name"])
    sandbox.volumes.append(name)
    second = sandbox.container("b", Volumes={"/data": {}}, HostConfig={"Binds": [f"{name}:/data"]})
    sandbox.engine.remove_container(first, force=True, anonymous_volumes=True)
    assert exists(sandbox, name), "it is in use"
    sandbox.engine.remove_container(second, force=True, anonymous_volumes=True)
    assert exists(sandbox, name), "it has a name now"


def test_mounts_taken_over_from_another_container(sandbox: Sandbox) -> None:
    sandbox.volumes.append(sandbox.name("v"))
    source = sandbox.container("s", Volumes={"/q": {}}, HostConfig={"Binds": [f"{sandbox.name('v')}:/v"]})
    key = sandbox.container("a", HostConfig={"VolumesFrom": [f"{source}:ro"]})
    found = mounts(sandbox, key)
    assert {path: each["Name"] for path, each in found.items()} == {
        path: each["Name"] for path, each in mounts(sandbox, source).items()
    }
    assert {(each["Mode"], each["RW"]) for each in found.values()} == {("", False)}


def test_a_container_holds_what_it_took_over_from_its_first_start_on(sandbox: Sandbox) -> None:
    engine, name = sandbox.engine, sandbox.name("v")
    for started, refused in ((False, 0), (True, 409)):
        sandbox.volumes.append(name)
        source = sandbox.container(f"s{started}", HostConfig={"Binds": [f"{name}:/v"]})
        key = sandbox.container(f"a{started}", HostConfig={"VolumesFrom": [source]}, start=started)
        engine.remove_container(source, force=True, anonymous_volumes=False)
        assert status_of(engine.remove_volume, name) == refused
        engine.remove_container(key, force=True, anonymous_volumes=False)


def test_the_image_of_the_tests_has_no_volumes(sandbox: Sandbox) -> None:
    assert mounts(sandbox, sandbox.container("a", {"Image": BUSYBOX})) == {}
