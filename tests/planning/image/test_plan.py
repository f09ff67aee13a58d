"""Images: when they are pulled, and when a container's image is another one."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from deployer.model.observed import Observed
from deployer.model.registry import Availability, RegistryAnswer
from tests.planning.build import (
    EMPTY,
    answer,
    applied,
    changed,
    changes,
    joined,
    nothing,
    plan,
    refusals,
    steps,
    stub,
    without,
)
from tests.planning.preflight.looking import judged

WEB = "containers: {web: {image: web:1}}"
REF = "docker.io/library/web:1"
DIGEST = "sha256:" + "ab" * 32


def registry(host: Observed, digest: str) -> Observed:
    return replace(host, registry={REF: answer(digest)})


def test_another_tag_replaces_the_container() -> None:
    found = plan("containers: {web: {image: web:2}}", applied(WEB))
    assert steps(found)[:2] == [
        "#1 image.web:2, PullImage docker.io/library/web:2, pull",
        "[1] -> #2 container.web, CreateContainer web.deployer-new, replaced [replace web]",
    ]
    assert changes(found) == [
        "+ image.web:2 (pull)",
        "+/- container.web (start-first: no downtime): image web:1 → web:2",
    ]


@pytest.mark.parametrize("reference", ["web:1", "library/web:1", "docker.io/library/web:1", "index.docker.io/web:1"])
def test_spellings_of_one_reference_are_one_image(reference: str) -> None:
    assert nothing(plan(f"containers: {{web: {{image: '{reference}'}}}}", applied(WEB)))


def test_a_new_tag_on_the_same_image_changes_nothing() -> None:
    host = applied(WEB)
    same = host.tags[REF]
    both = replace(host, tags={**host.tags, "docker.io/library/web:2": same})
    assert nothing(plan("containers: {web: {image: web:2}}", both))


def test_a_tag_that_moved_on_the_host_replaces_the_container() -> None:
    """Also W08: in the containerd store the id is that of the index, and another index is another image."""
    host = applied(WEB)
    moved = replace(host.images[host.tags[REF]], id="image new")
    host = replace(host, images={**host.images, "image new": moved}, tags={REF: "image new"})
    assert changes(plan(WEB, host)) == [
        "+/- container.web (start-first: no downtime): image web:1 (image web:1) → web:1 (image new)",
    ]


def test_pull_missing_does_not_ask_what_the_registry_has() -> None:
    assert nothing(plan(WEB, registry(applied(WEB), DIGEST)))


ALWAYS = "containers: {web: {image: web:1, pull: always}}"


def test_pull_always_pulls_when_the_registry_has_another() -> None:
    found = plan(ALWAYS, registry(applied(WEB), DIGEST))
    assert steps(found)[0] == "#1 image.web:1, PullImage docker.io/library/web:1, pull, the tag moved"
    assert changes(found) == [
        f"~ image.web:1 (pull, the tag moved): digest sha256:web:1 → {DIGEST[:19]}",
        f"+/- container.web (start-first: no downtime): image web:1 (image web:1) → web:1 ({DIGEST[:19]})",
    ]


def test_pull_always_does_nothing_when_the_registry_has_the_same() -> None:
    assert nothing(plan(ALWAYS, registry(applied(WEB), "sha256:web:1")))


def test_pull_always_says_when_the_registry_did_not_answer_and_changes_nothing() -> None:
    found = plan(ALWAYS, registry(applied(WEB), ""))
    assert nothing(found)
    assert found.notes == ("image.web:1: the registry did not answer; the image on the host is used",)


def test_one_pull_serves_all_that_want_the_image() -> None:
    wish = """
    images: {'web:1': {pull: always}}
    containers: {api: {image: web:1}, web: {image: web:1, pull: never}}
    """
    host = registry(applied("containers: {api: {image: web:1}, web: {image: web:1}}"), DIGEST)
    found = plan(wish, host)
    assert [change.address.label for change in found.changes] == ["image.web:1", "container.api", "container.web"]
    assert sum("PullImage" in line for line in steps(found)) == 1
    assert all("[1]" in line for line in steps(found) if "CreateContainer" in line)


def test_an_image_pulled_already_by_another_run_is_not_a_change_of_the_container() -> None:
    host = registry(without(applied(WEB), "web:1"), "sha256:web:1")
    assert changes(plan(WEB, host)) == ["+ image.web:1 (pull)"]


def test_pull_never_refuses_a_missing_image() -> None:
    found = plan("containers: {web: {image: web:1, pull: never}}", applied(EMPTY))
    assert refusals(found) == ["container.web: image web:1 is not on the host"]
    assert changes(found) == []


def test_an_image_id_is_never_pulled() -> None:
    found = plan(f"containers: {{web: {{image: '{DIGEST}'}}}}", applied(EMPTY))
    assert refusals(found) == [f"container.web: image {DIGEST[:19]} is not on the host"]


ELSEWHERE = "the image on the host is for another platform, linux/amd64"


@pytest.mark.parametrize("policy", ["missing", "always"])
@pytest.mark.parametrize("digest", ["sha256:web:1", DIGEST])
def test_another_platform_is_pulled_and_replaces_the_container_in_one_run(policy: str, digest: str) -> None:
    """The digest of an index is the same for all its platforms."""
    wish = f"containers: {{web: {{image: web:1, platform: linux/arm64, pull: {policy}}}}}"
    found = plan(wish, registry(applied(WEB), digest))
    assert steps(found)[0] == f"#1 image.web:1, PullImage docker.io/library/web:1 for linux/arm64, pull, {ELSEWHERE}"
    assert changes(found) == [
        f"+ image.web:1 (pull, {ELSEWHERE})",
        f"+/- container.web (start-first: no downtime): image web:1 (image web:1) → web:1 ({digest[:19]})",
    ]


def test_an_image_for_another_platform_that_may_not_be_pulled() -> None:
    found = plan("containers: {web: {image: web:1, platform: linux/386, pull: never}}", applied(WEB))
    assert refusals(found) == ["container.web: image web:1 is for linux/amd64 on the host, not linux/386"]


def test_a_tag_that_was_removed_by_force_replaces_nothing() -> None:
    """`docker rmi -f`: the engine forgets the digest with the name. In containerd's store the id is the digest."""
    host = applied(WEB)
    own = replace(host.images[host.tags[REF]], references=frozenset(), digests=frozenset())
    untagged = replace(host, images={own.id: own}, tags={})
    assert changes(plan(WEB, registry(untagged, DIGEST))) == ["+ image.web:1 (pull)"]
    other = WEB.replace("web:1", "web:2")
    assert len(changes(plan(other, replace(untagged, registry={REF.replace(":1", ":2"): answer(DIGEST)})))) == 2
    gone = changed(replace(untagged, images={}), "web", image_id=DIGEST)
    assert changes(plan(WEB, registry(gone, DIGEST))) == ["+ image.web:1 (pull)"]


@pytest.mark.parametrize("platform", ["linux/amd64", "amd64", "linux", "linux/amd64/v2"])
def test_the_platform_of_the_host_is_not_a_change(platform: str) -> None:
    assert nothing(plan(f"containers: {{web: {{image: web:1, platform: {platform}}}}}", applied(WEB)))


def test_a_declared_image_is_pulled_even_if_no_container_uses_it() -> None:
    assert steps(plan("images: {'web:1': {}}", applied(EMPTY))) == [
        "#1 image.web:1, PullImage docker.io/library/web:1, pull"
    ]


def test_an_image_declared_absent_goes_after_the_containers_made_from_it() -> None:
    wish = "images: {'web:1': {state: absent}}\ncontainers: {web: {image: web:2}}"
    found = plan(wish, applied(WEB))
    assert steps(found)[-2:] == [
        "[7] -> #8 container.web, RemoveContainer web-1, replaced by #2, at last",
        "[8] -> #9 image.web:1, RemoveImage docker.io/library/web:1, absent, at last",
    ]


def test_an_image_in_use_is_not_removed() -> None:
    wish = "images: {'web:1': {state: absent}}"
    summary = "image.web:1: cannot be removed while containers use it"
    assert refusals(plan(wish, applied(WEB))) == [f"{summary}: web"]
    theirs = replace(without(applied(WEB), "web"), others=(stub("theirs", image_id="image web:1"),))
    assert refusals(plan(wish, theirs)) == [f"{summary}: theirs"]
    assert refusals(plan(wish + "\ncontainers: {api: {image: web:1}}", without(applied(WEB), "web"))) == [
        f"{summary}: api"
    ]


def test_one_tag_of_several_can_be_removed_while_the_image_is_in_use() -> None:
    host = applied(WEB)
    both = replace(host, tags={**host.tags, "docker.io/library/web:2": host.tags[REF]})
    assert steps(plan("images: {'web:2': {state: absent}}", both)) == [
        "#1 image.web:2, RemoveImage docker.io/library/web:2, absent, at last",
    ]
    assert nothing(plan("images: {'web:3': {state: absent}}", both))


def test_a_container_whose_image_was_removed_by_force_is_judged_by_itself() -> None:
    images: dict[str, dict[str, Any]] = {"web:1": {"Env": ["PATH=/bin"], "User": "app", "Cmd": ["run"]}}
    wish = "containers: {web: {image: web:1, environment: {A: b}}}"
    host = applied(wish, images)
    gone = replace(host, images={}, tags={}, registry={REF: answer("sha256:web:1")})
    found = plan(wish, gone)
    assert [change.address.label for change in found.changes] == ["image.web:1", "container.web"]
    assert [each.name for each in found.changes[1].diffs] == ["image"]
    own = replace(host.images[host.containers[0].image_id], values={}, described=False)
    assert nothing(plan(wish, replace(host, images={own.id: own}))), "the engine does not tell what it sets"


def test_an_invalid_reference_on_the_host_does_not_stop_the_plan() -> None:
    host = changed(applied(WEB), "web", image="<none>", image_id="gone")
    assert changes(plan(WEB, host)) == [
        "+/- container.web (start-first: no downtime): image <none> → web:1",
    ]


def test_images_of_a_second_play_are_not_touched() -> None:
    host = joined(applied(WEB), applied("containers: {api: {image: api:1}}"))
    assert nothing(plan("containers: {web: {image: web:1}, api: {image: api:1}}", host))


def test_a_pinned_image_says_when_its_tag_has_moved_on() -> None:
    wish = f"containers: {{web: {{image: 'web:1@{DIGEST}', pull: always}}}}"
    found = plan(wish, registry(applied(wish), "sha256:new"))
    assert (found.changes, found.notes) == (
        (),
        (f"image.web:1@{DIGEST}: the tag now stands for sha256:new; the digest is used",),
    )
    assert plan(wish, registry(applied(wish), DIGEST)).notes == ()


TARGET = "reg.example.com/web:1"
PUBLISHED = f"images: {{'web:1': {{tag_as: 'other:2', push: ['{TARGET}']}}}}"


def test_an_image_is_tagged_and_pushed_at_last() -> None:
    """Neither can be rolled back."""
    host = replace(applied("images: {'web:1': {}}"), registry={TARGET: RegistryAnswer(Availability.MISSING)})
    found = plan(PUBLISHED, host)
    missing = "push, the registry has no such image"
    assert steps(found) == [
        "#1 image.other:2, TagImage docker.io/library/web:1 as docker.io/library/other:2, tag of web:1, at last",
        f"#2 image.{TARGET}, TagImage docker.io/library/web:1 as {TARGET}, tag of web:1, {missing}, at last",
        f"[2] -> #3 image.{TARGET}, PushImage {TARGET}, tag of web:1, {missing}, at last",
    ]
    assert changes(found) == ["+ image.other:2 (tag of web:1)", f"+ image.{TARGET} (tag of web:1, {missing})"]


def test_nothing_is_pushed_that_the_registry_has() -> None:
    host = applied("images: {'web:1': {}}")
    tags = {**host.tags, **dict.fromkeys(("docker.io/library/other:2", TARGET), "image web:1")}
    host = replace(host, tags=tags, registry={TARGET: answer("sha256:web:1")})
    assert nothing(plan(PUBLISHED, host))
    other = plan(PUBLISHED, registry_has(host, DIGEST))
    assert changes(other) == [f"~ image.{TARGET} (push, the registry has another image, {DIGEST[:19]})"]


def registry_has(host: Observed, digest: str) -> Observed:
    return replace(host, registry={TARGET: answer(digest)})


def test_an_image_that_is_pulled_first_is_tagged_and_pushed_after_that() -> None:
    found = plan("images: {'web:1': {push: true}}", applied(EMPTY))
    reason = "push, the registry has no such image"
    assert changes(found) == [f"+ image.web:1 (pull, then {reason})"]
    assert steps(found)[1] == f"[1] -> #2 image.web:1, PushImage docker.io/library/web:1, {reason}, at last"


def test_a_push_that_is_denied_is_refused_beforehand() -> None:
    denied = RegistryAnswer(Availability.DENIED)
    host = replace(applied("images: {'web:1': {}}"), registry={TARGET: denied})
    found = judged(PUBLISHED, host)
    summary = "cannot be pushed: the registry reg.example.com requires credentials, or does not have it"
    assert refusals(found) == [f"image.{TARGET}: {summary}"]
