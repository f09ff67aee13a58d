"""Images: names, pulls, tags, digests, removal."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import EngineError
from deployer.interfaces import Json
from tests.contract.sandbox import BUSYBOX, Sandbox, status_of
from tests.lab.settings import REGISTRY_ADDRESS, REGISTRY_PORT

COMPLETE = f"docker.io/library/{BUSYBOX}"


def image(sandbox: Sandbox, ref: str = BUSYBOX) -> dict[str, Any]:
    found = sandbox.engine.inspect_image(ref)
    assert found is not None, ref
    return dict(found)


def test_one_image_has_many_spellings(sandbox: Sandbox) -> None:
    found = image(sandbox)
    key = str(found["Id"])
    (digest,) = (each.partition("@")[2] for each in found["RepoDigests"])
    spellings = [
        "docker.io/busybox:1",
        COMPLETE,
        "index.docker.io/library/busybox:1",
        "library/busybox:1",
        key,
        key[7:],
        key[7:19],
        f"busybox@{digest}",
        f"busybox:1@{digest}",
    ]
    assert {ref: (sandbox.engine.inspect_image(ref) or {}).get("Id") for ref in spellings} == dict.fromkeys(
        spellings, key
    )
    for other in ("registry-1.docker.io/library/busybox:1", "busybox:2", f"busybox@sha256:{'0' * 64}", "0" * 12):
        assert sandbox.engine.inspect_image(other) is None, other


def test_the_shape_of_inspect_and_list(sandbox: Sandbox) -> None:
    found = image(sandbox)
    assert (found["Architecture"], found["Os"]) == ("amd64", "linux")
    assert found["Config"]["Cmd"] == ["sh"]
    assert ("ContainerConfig" in found) is not sandbox.modern
    assert ("VirtualSize" in found) is not sandbox.modern
    listed = next(each for each in sandbox.engine.list_images() if each["Id"] == found["Id"])
    assert BUSYBOX in listed["RepoTags"]
    assert listed["RepoDigests"] == found["RepoDigests"]
    assert isinstance(listed["Created"], int)
    assert (listed["Size"] == found["Size"]) is not sandbox.containerd, "with what was pulled, or without"


def test_a_pull_reports_progress_and_keeps_an_image_that_is_up_to_date(sandbox: Sandbox) -> None:
    before, heard = image(sandbox)["Id"], list[Json]()
    sandbox.engine.pull_image(COMPLETE, "", None, heard.append)
    assert image(sandbox)["Id"] == before
    assert str(heard[-1]["status"]).startswith("Status: Image is up to date")


def test_the_registry_has_the_digest_the_image_was_pulled_by(sandbox: Sandbox) -> None:
    found = sandbox.engine.inspect_distribution(COMPLETE, None)
    assert found is not None
    assert set(found) == {"Descriptor", "Platforms"}
    assert f"busybox@{found['Descriptor']['digest']}" in image(sandbox)["RepoDigests"]
    assert {"architecture": "amd64", "os": "linux"} in found["Platforms"]


def test_pulled_by_digest_and_by_tag_it_is_one_image(sandbox: Sandbox) -> None:
    found = sandbox.engine.inspect_distribution(COMPLETE, None) or {}
    digest = found["Descriptor"]["digest"]
    sandbox.engine.pull_image(f"docker.io/library/busybox@{digest}", "", None, lambda _: None)
    assert image(sandbox, f"busybox@{digest}")["Id"] == image(sandbox)["Id"]


def test_tags(sandbox: Sandbox) -> None:
    engine = sandbox.engine
    tags = [f"{sandbox.name('t')}:1", f"registry.example:5000/{sandbox.name('t')}/u:2"]
    sandbox.tags += tags
    for tag in tags:
        engine.tag_image(BUSYBOX, tag)
    assert set(tags) <= set(image(sandbox)["RepoTags"])
    digests = image(sandbox)["RepoDigests"]
    assert len(digests) == (3 if sandbox.containerd else 1), "a tag is no digest, but in containerd's store it has one"
    assert len({digest.partition("@")[2] for digest in digests}) == 1
    engine.remove_image(tags[0])
    assert engine.inspect_image(tags[0]) is None
    assert status_of(engine.tag_image, f"{sandbox.name('nothing')}:1", f"{sandbox.name('u')}:1") == 404
    assert status_of(engine.remove_image, f"{sandbox.name('nothing')}:1") == 404


def test_a_moved_tag_turns_the_name_in_the_list_into_the_id(sandbox: Sandbox) -> None:
    engine, tag = sandbox.engine, f"{sandbox.name('t')}:1"
    sandbox.tags.append(tag)
    engine.tag_image(BUSYBOX, tag)
    key = sandbox.container("a", {"Image": tag})
    engine.tag_image("deployer/everything:1", tag)
    listed = next(each for each in engine.list_containers() if each["Id"] == key)
    assert listed["Image"] == listed["ImageID"] == image(sandbox)["Id"]
    assert sandbox.inspect(key)["Config"]["Image"] == tag


def test_an_image_in_use_keeps_its_last_name(sandbox: Sandbox) -> None:
    engine, tag = sandbox.engine, f"{sandbox.name('t')}:1"
    sandbox.tags.append(tag)
    key = sandbox.container("a")
    engine.tag_image(BUSYBOX, tag)
    assert status_of(engine.remove_image, image(sandbox)["Id"]) == 409, "several names"
    engine.remove_image(tag)
    assert status_of(engine.remove_image, BUSYBOX) == 409
    assert status_of(engine.remove_image, image(sandbox)["Id"]) == 409
    engine.start_container(key)
    assert status_of(engine.remove_image, BUSYBOX) == 409


def test_the_last_name_takes_the_image_with_it(sandbox: Sandbox) -> None:
    engine, found = sandbox.engine, image(sandbox)
    engine.remove_image(BUSYBOX)
    assert engine.inspect_image(found["Id"]) is None
    heard = list[Json]()
    engine.pull_image(COMPLETE, "", None, heard.append)
    assert image(sandbox)["Id"] == found["Id"]
    assert str(heard[-1]["status"]).startswith("Status: Downloaded newer image")


def test_invalid_names(sandbox: Sandbox) -> None:
    assert status_of(sandbox.engine.pull_image, "docker.io/library/UPPER:1", "", None, lambda _: None) == 400


def test_a_pushed_image_has_the_digest_that_the_registry_has(sandbox: Sandbox) -> None:
    tag = f"{REGISTRY_ADDRESS}:{REGISTRY_PORT}/contract/{sandbox.name('p')}:1"
    sandbox.tags.append(tag)
    sandbox.engine.tag_image("deployer/everything:1", tag)
    sandbox.engine.push_image(tag, None, lambda _: None)
    found = sandbox.engine.inspect_distribution(tag, None) or {}
    digest = found["Descriptor"]["digest"]
    assert f"{tag.removesuffix(':1')}@{digest}" in image(sandbox, tag)["RepoDigests"]
    with pytest.raises(EngineError):
        sandbox.engine.push_image(f"{sandbox.name('nothing')}:1", None, lambda _: None)
