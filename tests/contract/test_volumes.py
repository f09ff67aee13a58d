"""Volumes: create, use, removal; mounts as inspect lists them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.contract.worlds import BUSYBOX, EVERYTHING, World, status_of


def mounts(world: World, key: str) -> dict[str, dict[str, Any]]:
    return {mount["Destination"]: mount for mount in world.inspect(key)["Mounts"]}


def volume_of(mount: dict[str, Any]) -> str:
    """The name of its volume, which engine 28 leaves out for a bind without a source."""
    return str(mount.get("Name") or Path(mount["Source"]).parent.name)


def exists(world: World, name: str) -> bool:
    return world.engine.inspect_volume(name) is not None


def test_unset_and_empty_are_told_apart(world: World) -> None:
    plain, empty = world.volume("v"), world.volume("w", Labels={}, DriverOpts={})
    assert (plain["Driver"], plain["Scope"], plain["Labels"], plain["Options"]) == ("local", "local", None, None)
    assert plain["Mountpoint"] == f"/var/lib/docker/volumes/{world.name('v')}/_data"
    assert (empty["Labels"], empty["Options"]) == ({}, {})
    assert world.engine.inspect_volume(world.name("v")) == plain


def test_an_existing_volume_comes_back_unchanged(world: World) -> None:
    first = world.volume("v", Labels={"a": "b"})
    assert world.volume("v", Labels={"c": "d"}, DriverOpts={"type": "tmpfs", "device": "tmpfs"}) == first


def test_options_of_the_local_driver(world: World) -> None:
    options = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}
    assert world.volume("v", DriverOpts=options)["Options"] == options
    found = {
        "unknown": status_of(world.volume, "a", DriverOpts={"foo": "x"}),
        "no device": status_of(world.volume, "b", DriverOpts={"type": "tmpfs"}),
        "no type": status_of(world.volume, "c", DriverOpts={"device": "/tmp"}),
        "only o": status_of(world.volume, "d", DriverOpts={"o": "bind"}),
        "size without quota": status_of(world.volume, "e", DriverOpts={"size": "1m"}),
    }
    assert set(found.values()) == {400}, found


def test_names(world: World) -> None:
    engine = world.engine
    assert status_of(engine.create_volume, {"Name": "a"}) == 400
    assert status_of(engine.create_volume, {"Name": "a/b"}) == 400
    anonymous = engine.create_volume({})
    world.volumes.append(str(anonymous["Name"]))
    assert len(str(anonymous["Name"])) == 64
    assert anonymous["Labels"] == ({"com.docker.volume.anonymous": ""} if world.modern else None)


def test_a_volume_in_use_is_kept(world: World) -> None:
    engine = world.engine
    world.volume("v")
    key = world.container("a", HostConfig={"Binds": [f"{world.name('v')}:/x"]})
    assert status_of(engine.remove_volume, world.name("v")) == 409
    engine.remove_container(key, force=False, anonymous_volumes=True)
    engine.remove_volume(world.name("v"))
    assert status_of(engine.remove_volume, world.name("v")) == 404


def test_listed(world: World) -> None:
    made = world.volume("v", Labels={"a": "b"})
    assert [each for each in world.engine.list_volumes() if each["Name"] == world.name("v")] == [made]


def test_every_kind_of_mount_as_listed(world: World) -> None:
    names = [world.name(f"v{number}") for number in range(3)]
    world.volumes += names
    key = world.container(
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
    found = {path: (each["Type"], each["Mode"], each["RW"]) for path, each in mounts(world, key).items()}
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
    assert mounts(world, key)["/bind"]["Source"] == "/tmp"
    implicit, labelled = world.engine.inspect_volume(names[0]) or {}, world.engine.inspect_volume(names[2]) or {}
    assert (implicit["Labels"], implicit["Options"]) == (None, None)
    assert labelled["Labels"] == {"a": "b"}
    shown = world.host_config(key)["Mounts"][0]
    assert shown == {
        "Type": "volume",
        "Source": names[2],
        "Target": "/long/",
        "VolumeOptions": {"Labels": {"a": "b"}},
    }


def test_a_mount_on_an_images_volume_takes_the_place_of_an_anonymous_one(world: World) -> None:
    world.volumes.append(world.name("v"))
    body = {"Image": EVERYTHING, "Cmd": None}
    key = world.container("a", body, HostConfig={"Binds": [f"{world.name('v')}:/data/"], "Tmpfs": {"/cache": ""}})
    assert set(mounts(world, key)) == {"/data"}
    assert set(world.inspect(key)["Config"]["Volumes"]) == {"/data", "/cache"}


def test_labels_of_anonymous_volumes(world: World) -> None:
    long = {"Type": "volume", "Target": "/long"}
    key = world.container("a", Volumes={"/config": {}}, HostConfig={"Binds": ["/short"], "Mounts": [long]})
    volumes = {path: world.engine.inspect_volume(volume_of(each)) for path, each in mounts(world, key).items()}
    labels = {path: volume["Labels"] for path, volume in volumes.items() if volume}
    marked = {"com.docker.volume.anonymous": ""} if world.modern else None
    given = marked if world.newest else None
    assert labels == {"/config": marked, "/short": given, "/long": given}
    assert ("Name" in mounts(world, key)["/short"]) is not world.newest


def test_anonymous_volumes_go_with_the_container_only_when_asked(world: World) -> None:
    engine = world.engine
    for asked in (False, True):
        world.volumes.append(world.name("named"))
        binds = ["/short", f"{world.name('named')}:/named"]
        key = world.container(f"a{asked}", Volumes={"/config": {}}, HostConfig={"Binds": binds})
        names = {path: volume_of(each) for path, each in mounts(world, key).items()}
        world.volumes += names.values()
        engine.remove_container(key, force=False, anonymous_volumes=asked)
        assert {path: exists(world, name) for path, name in names.items()} == {
            "/config": not asked,
            "/short": not asked,
            "/named": True,
        }


def test_volumes_bound_by_name_outlive_their_second_container(world: World) -> None:
    """How anonymous volumes are carried over to a new container."""
    first = world.container("a", Volumes={"/data": {}})
    name = str(mounts(world, first)["/data"]["Name"])
    world.volumes.append(name)
    second = world.container("b", Volumes={"/data": {}}, HostConfig={"Binds": [f"{name}:/data"]})
    world.engine.remove_container(first, force=True, anonymous_volumes=True)
    assert exists(world, name), "it is in use"
    world.engine.remove_container(second, force=True, anonymous_volumes=True)
    assert exists(world, name), "it has a name now"


def test_mounts_taken_over_from_another_container(world: World) -> None:
    world.volumes.append(world.name("v"))
    source = world.container("s", Volumes={"/q": {}}, HostConfig={"Binds": [f"{world.name('v')}:/v"]})
    key = world.container("a", HostConfig={"VolumesFrom": [f"{source}:ro"]})
    found = mounts(world, key)
    assert {path: each["Name"] for path, each in found.items()} == {
        path: each["Name"] for path, each in mounts(world, source).items()
    }
    assert {(each["Mode"], each["RW"]) for each in found.values()} == {("", False)}


def test_a_container_holds_what_it_took_over_from_its_first_start_on(world: World) -> None:
    engine, name = world.engine, world.name("v")
    for started, refused in ((False, 0), (True, 409)):
        world.volumes.append(name)
        source = world.container(f"s{started}", HostConfig={"Binds": [f"{name}:/v"]})
        key = world.container(f"a{started}", HostConfig={"VolumesFrom": [source]}, start=started)
        engine.remove_container(source, force=True, anonymous_volumes=False)
        assert status_of(engine.remove_volume, name) == refused
        engine.remove_container(key, force=True, anonymous_volumes=False)


def test_the_image_of_the_tests_has_no_volumes(world: World) -> None:
    assert mounts(world, world.container("a", {"Image": BUSYBOX})) == {}
