"""What nothing declares any more goes from real hosts, images too; what anybody uses stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.support import SLEEP, Site, exists, states, volumes
from tests.lab.host import Host
from tests.lab.settings import REGISTRY_ADDRESS, REGISTRY_PORT

pytestmark = pytest.mark.lab

REGISTRY = f"{REGISTRY_ADDRESS}:{REGISTRY_PORT}"


def tags(host: Host) -> set[str]:
    """Names of all images, without the registry."""
    listed = host.api("GET", "/images/json")
    return {tag.removeprefix(f"{REGISTRY}/deployer/") for entry in listed for tag in entry["RepoTags"] or ()}


@pytest.fixture
def site(host: Host, tmp_path: Path) -> Site:
    """No image of the counter is there."""
    for reference in ("deployer/counter:1.0", "deployer/counter:1.1"):
        host.docker("rmi", "-f", reference, f"{REGISTRY}/{reference}", check=False)
    return Site(tmp_path, host)


def counter(tag: str, **keys: object) -> dict[str, object]:
    image = {"image": f"{REGISTRY}/deployer/counter:{tag}", "healthcheck": {"disable": True}}
    return {**SLEEP, **image, **keys}


def test_images_go_with_the_last_that_used_them(site: Site, host: Host) -> None:
    site.write({"prune": True, "containers": {"web": counter("1.0"), "other": SLEEP}}).converge()
    assert "counter:1.0" in tags(host)
    site.write({"prune": True, "containers": {"web": counter("1.1"), "other": SLEEP}}).converge()
    assert {"counter:1.0", "counter:1.1"} <= tags(host), "the replaced container is kept, to go back to"
    site.write({"prune": True, "containers": {"web": counter("1.1", keep_previous=0, user="0"), "other": SLEEP}})
    site.converge()
    assert {"counter:1.0", "counter:1.1"} & tags(host) == {"counter:1.1"}
    gone = site.write({"prune": True, "containers": {"other": SLEEP}}).apply()
    image = f"{host.name}/image.{REGISTRY}/deployer/counter:1.1"
    assert gone.changes == [f"{host.name}/container.web -", f"{image} -"]
    assert (gone.code, gone.errors, states(host)) == (0, [], {"other": "running"})
    assert not tags(host) & {"counter:1.0", "counter:1.1"}
    site.converge()


def test_an_image_that_lost_its_tag_goes_by_its_id(site: Site, host: Host) -> None:
    host.docker("pull", f"{REGISTRY}/deployer/counter:1.1")
    site.write({"prune": True, "containers": {"web": counter("1.0", keep_previous=0)}}).converge()
    old = host.api("GET", f"/images/{REGISTRY}/deployer/counter:1.0/json")["Id"]
    host.docker("tag", f"{REGISTRY}/deployer/counter:1.1", f"{REGISTRY}/deployer/counter:1.0")
    site.converge()
    assert site.plan("--prune").changes == []
    assert old not in {entry["Id"] for entry in host.api("GET", "/images/json")}


def test_images_of_others_are_kept(site: Site, host: Host) -> None:
    host.docker("pull", f"{REGISTRY}/deployer/counter:1.1")
    site.write({"containers": {"one": counter("1.0"), "two": counter("1.1")}}).converge()
    host.docker("create", "--name", "theirs", f"{REGISTRY}/deployer/counter:1.0")
    gone = site.write({"prune": True}).apply()
    assert (gone.code, gone.errors) == (0, [])
    assert {"counter:1.0", "counter:1.1"} <= tags(host)
    host.docker("rm", "theirs")
    site.converge("--prune")
    assert tags(host) & {"counter:1.0", "counter:1.1"} == {"counter:1.1"}


def test_a_host_that_left_is_cleaned_when_named_and_only_then(lab_hosts: tuple[Host, ...], tmp_path: Path) -> None:
    stays, leaves = lab_hosts[:2]
    site = Site(tmp_path, stays, leaves)
    whole: dict[str, object] = {"networks": {"front": {}}, "volumes": {"data": {}}}
    web = {"web": {**SLEEP, "networks": ["front"], "volumes": ["data:/data"]}}
    site.write({**whole, "containers": web}).converge()
    leaves.docker("run", "-d", "--name", "theirs", "busybox:1", "sleep", "1000")
    site.write({"hosts": f"all:!{leaves.name}", **whole, "containers": web})
    assert site.plan("--prune").changes == []
    refused = site.plan("--prune-host", stays.name)
    assert (refused.code, "is still a host of play" in refused.err + refused.out) == (1, True)
    cleaned = site.apply("--prune-host", leaves.name)
    assert (cleaned.code, cleaned.errors) == (0, [])
    assert {f"{leaves.name}/container.web -", f"{leaves.name}/network.front -"} <= set(cleaned.changes)
    assert (states(stays), states(leaves)) == ({"web": "running"}, {"theirs": "running"})
    assert (exists(leaves, "networks", "front"), volumes(leaves)) == (False, {"data"})
    assert site.plan("--prune-host", leaves.name).changes == []
