"""A copy of a container is one that every comparison takes for the original, and that mounts the same volumes."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.applying.copying import copy_container
from deployer.engine.observe import read_container
from deployer.interfaces import Engine
from deployer.model.observed import ObservedContainer
from tests.contract.test_vectors import VECTORS, made
from tests.contract.worlds import BUSYBOX, World
from tests.lab.shell import wait_for


def copied(world: World, key: str) -> ObservedContainer:
    copy = copy_container(world.engine, world.inspect(key), world.name("copy"))
    world.remember_container(copy)
    return read_container(world.inspect(copy))


def comparable(engine: Engine, found: ObservedContainer) -> dict[str, Any]:
    """Without names of volumes that have none, and MAC addresses of endpoints: a running container shows one that the
    engine chose. Engines record their own runtime or leave it out."""
    mounts = {
        target: mount if len(mount.get("source", "")) != 64 else {**mount, "source": ""}
        for target, mount in found.values["volumes"].items()
    }
    image = engine.inspect_image(found.image) or {}
    networks = {
        name: {key: value for key, value in endpoint.items() if key != "mac_address"}
        for name, endpoint in found.values["networks"].items()
    }
    runtime = found.values["runtime"] or "runc"
    return {
        **found.values,
        "runtime": runtime,
        "networks": networks,
        "volumes": mounts,
        "image": image.get("Id"),
        "attached": sorted(found.attached),
    }


def differing(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {key: (one[key], other[key]) for key in one if one[key] != other[key]}


@pytest.mark.parametrize("vector", VECTORS, ids=[f"{each['id']} {each['field']}" for each in VECTORS])
def test_it_differs_in_nothing(world: World, vector: dict[str, Any]) -> None:
    key = made(world, vector)
    before = read_container(world.inspect(key))
    after = copied(world, key)
    assert differing(comparable(world.engine, before), comparable(world.engine, after)) == {}
    assert after.volumes == before.volumes
    assert after.owner == before.owner


@pytest.mark.parametrize("long", [False, True], ids=["of the image", "declared"])
def test_volumes_without_a_name_outlive_a_container_that_removes_itself(world: World, *, long: bool) -> None:
    given: dict[str, Any] = {"HostConfig": {"AutoRemove": True}}
    if long:
        given["HostConfig"]["Mounts"] = [{"Type": "volume", "Target": "/data"}]
    else:
        given["Volumes"] = {"/data": {}}
    key = world.container("a", given, start=True)
    (volume,) = read_container(world.inspect(key)).anonymous.values()
    copy = copied(world, key)
    assert copy.volumes == {volume}
    world.engine.stop_container(key, 0)
    wait_for(lambda: world.engine.inspect_container(key) is None, 20, "its removal")
    world.engine.remove_container(copy.id, force=False, anonymous_volumes=False)
    assert [each["Name"] for each in world.engine.list_volumes() if each["Name"] == volume] == [volume]
    world.volumes.append(volume)


def test_every_network_with_what_is_declared_of_it(world: World) -> None:
    subnet = world.subnet()
    front = world.network("front", IPAM={"Config": [{"Subnet": f"{subnet}.0/24"}]})
    world.network("back")
    fixed = {"IPAMConfig": {"IPv4Address": f"{subnet}.9"}, "Aliases": ["www"]}
    request = {"NetworkingConfig": {"EndpointsConfig": {world.name("front"): fixed}}}
    key = world.container("a", request, HostConfig={"NetworkMode": world.name("front")})
    world.engine.connect_network(world.name("back"), key, {"Aliases": ["db"]})
    found = copied(world, key).values["networks"]
    assert found == read_container(world.inspect(key)).values["networks"]
    assert found[world.name("front")]["ipv4_address"] == f"{subnet}.9"
    assert front


def test_it_has_the_image_of_the_original_though_the_tag_moved_on(world: World) -> None:
    tag = world.name("tag") + ":1"
    image = world.engine.inspect_image(BUSYBOX) or {}
    key = world.container("a")
    inspect = {**world.inspect(key), "Config": {**world.inspect(key)["Config"], "Image": tag}}
    copy = copy_container(world.engine, inspect, world.name("copy"))
    world.remember_container(copy)
    assert world.inspect(copy)["Image"] == image["Id"]
