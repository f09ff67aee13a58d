"""Which image a container runs: found by its identity, not by its tag."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.support import SLEEP, Site, ids, inspect
from tests.lab.fixtures import each_store
from tests.lab.host import Host
from tests.lab.settings import REGISTRY_ADDRESS, REGISTRY_PORT

pytestmark = [pytest.mark.lab, each_store]

REGISTRY = f"{REGISTRY_ADDRESS}:{REGISTRY_PORT}"
MOVING = f"{REGISTRY}/moving"


@pytest.fixture
def tag(host: Host) -> Iterator[str]:
    """A tag of the registry that the test moves; on the host it does not exist."""
    name = f"{MOVING}:{host.name}"
    yield name
    host.docker("rmi", "-f", name, check=False)


def push(host: Host, tag: str, image: str) -> None:
    """Let the registry's tag mean another image, and leave the host without it."""
    host.docker("pull", "-q", image)
    host.docker("tag", image, tag)
    host.docker("push", "-q", tag)
    host.docker("rmi", tag)


def test_a_tag_that_moved_in_the_registry_is_seen_without_pulling(host: Host, tmp_path: Path, tag: str) -> None:
    """T7."""
    push(host, tag, "deployer/web:1")
    site = Site(tmp_path, host)
    web = {"image": tag, "command": None, "pull_policy": "always"}
    site.containers(web=web).converge()
    before = ids(host)
    assert site.plan().code == 0
    _move(host, tag, "deployer/everything:1")
    assert {"environment.A", "user", "volumes./data"} <= {
        ".".join(found["path"]) for found in site.plan().change(f"{host.name}/image.{tag}")["fields"]
    }
    _move(host, tag, "deployer/web:2")
    planned = site.plan()
    assert planned.changes == [
        f"{host.name}/container.web +/- image",
        f"{host.name}/image.{tag} ~ digest",
    ]
    assert "pull, the tag moved, up to 1.0 MiB of 1.0 MiB to fetch" in planned.out
    assert ids(host)["web"] == before["web"]
    site.converge()
    assert host.docker("exec", "web", "cat", "/var/www/index.html") == "version 2\n"


def _move(host: Host, tag: str, image: str) -> None:
    """Push another image as the tag, with the host's own tag put back to what it was."""
    old = host.docker("inspect", "-f", "{{.Id}}", tag).strip()
    host.docker("pull", "-q", image)
    host.docker("tag", image, tag)
    host.docker("push", "-q", tag)
    host.docker("tag", old, tag)


def test_a_moved_tag_is_a_change_only_with_always(host: Host, tmp_path: Path, tag: str) -> None:
    push(host, tag, "deployer/web:1")
    site = Site(tmp_path, host).containers(web={"image": tag, "command": None})
    site.converge()
    _move(host, tag, "deployer/web:2")
    assert site.plan().code == 0


def test_a_tag_that_moved_on_the_host_is_a_change(host: Host, tmp_path: Path, tag: str) -> None:
    push(host, tag, "deployer/web:1")
    site = Site(tmp_path, host).containers(web={"image": tag, "command": None})
    site.converge()
    host.docker("pull", "-q", "deployer/web:2")
    host.docker("tag", "deployer/web:2", tag)
    assert site.plan().changes == [f"{host.name}/container.web +/- image"]
    site.converge()


def test_another_name_of_the_same_image_is_not_a_change(host: Host, tmp_path: Path, tag: str) -> None:
    """T6."""
    host.docker("pull", "-q", "deployer/web:1")
    site = Site(tmp_path, host).containers(web={"image": "deployer/web:1", "command": None})
    site.converge()
    host.docker("tag", "deployer/web:1", tag)
    site.containers(web={"image": tag, "command": None})
    assert site.plan().code == 0


def test_an_image_by_digest(host: Host, tmp_path: Path) -> None:
    host.docker("pull", "-q", f"{REGISTRY}/library/busybox:1")
    found: list[str] = host.api("GET", f"/images/{REGISTRY}/library/busybox:1/json")["RepoDigests"]
    (digest,) = [name for name in found if name.startswith(REGISTRY)]
    site = Site(tmp_path, host).containers(web={"image": digest})
    site.converge()
    assert inspect(host, "web")["Config"]["Image"] == digest
    host.docker("rm", "-f", "web")
    for name in (f"{REGISTRY}/library/busybox:1", digest):
        host.docker("rmi", name, check=False)
    with_tag = f"{REGISTRY}/library/busybox:1@{digest.partition('@')[2]}"
    site.containers(web={"image": with_tag}).converge()
    assert inspect(host, "web")["Config"]["Image"] == with_tag


def test_never_means_never(host: Host, tmp_path: Path, tag: str) -> None:
    push(host, tag, "deployer/web:1")
    site = Site(tmp_path, host).containers(web={"image": tag, "command": None, "pull_policy": "never"})
    refused = site.apply()
    assert refused.code == 5
    assert "not on the host" in refused.refusals[0]
    host.docker("pull", "-q", tag)
    site.converge()


def test_images_of_their_own(host: Host, tmp_path: Path, tag: str) -> None:
    push(host, tag, "deployer/web:1")
    site = Site(tmp_path, host).write({"images": {tag: {}}})
    site.converge()
    assert host.docker("images", "-q", tag)
    site.write({"images": {tag: {"state": "absent"}}}).converge()
    assert not host.docker("images", "-q", tag)
    assert site.plan().code == 0


def test_an_image_is_tagged_and_pushed_once(host: Host, tmp_path: Path, tag: str) -> None:
    """And again when the registry has another image."""
    host.docker("pull", "-q", "deployer/web:1")
    extra = f"extra:{host.name}"
    wish = {"images": {"deployer/web:1": {"tag_as": extra, "push": [tag]}}}
    site = Site(tmp_path, host).write(wish)
    site.converge()
    assert host.docker("images", "-q", extra)
    host.docker("rmi", tag)
    host.docker("pull", "-q", tag)
    assert site.plan().code == 0
    _move(host, tag, "deployer/web:2")
    assert site.plan().changes == [f"{host.name}/image.{tag} ~"]
    site.converge()
    host.docker("rmi", extra)


def test_a_platform_that_is_not_there(host: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host).containers(web={"platform": "linux/s390x"})
    refused = site.apply()
    assert refused.code == 5
    assert refused.refusals == [f"{host.name}/image.busybox:1: is not for linux/s390x, only for linux/amd64"]


def test_many_containers_of_one_image_pull_it_once(host: Host, tmp_path: Path, tag: str) -> None:
    push(host, tag, "busybox:1")
    site = Site(tmp_path, host).containers(**{name: {**SLEEP, "image": tag} for name in ("a1", "a2", "a3")})
    done = site.converge()
    assert sum("PullImage" in found["step"]["operation"] for found in done.results) == 1
