"""Images that the project pulled: they go with the last that declares or uses them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from deployer.model.observed import Observed, PulledImage
from tests.planning.build import EMPTY, applied, changes, plan, steps, stub

WEB = "containers: {web: {image: 'web:1'}}"
REF = "docker.io/library/web:1"
ID = "image web:1"
GONE = "- image.web:1 (no longer declared or used)"


def pulled(host: Observed, *, tagged: bool = True, names: tuple[str, ...] = (REF,), **facts: Any) -> Observed:
    found = PulledImage("shop", REF, ID, tagged, frozenset(names))
    return replace(host, pulled=(found,), claimed=frozenset({("shop", REF), ("shop", ID)}), **facts)


def pruned(wish: str, host: Observed) -> list[str]:
    return [change for change in changes(plan(wish, host, prune=True)) if "image" in change]


def test_it_goes_after_the_last_container_that_used_it() -> None:
    found = plan("", pulled(applied(WEB)), prune=True)
    assert changes(found) == [GONE, "- container.web (no longer declared)"]
    assert steps(found)[1:] == [
        "[1] -> #2 container.web, RemoveContainer web-1, no longer declared, at last",
        f"[2] -> #3 image.web:1, RemoveImage {REF}, no longer declared or used, at last",
    ]


def test_only_pruned_images_are_removed() -> None:
    assert changes(plan("", pulled(applied(EMPTY)))) == []


@pytest.mark.parametrize(
    "wish",
    [
        WEB,
        "images: {'web:1': {}}",
        "containers: {other: {image: 'web:1', state: stopped}}",
        "jobs: {once: {image: 'web:1'}}",
    ],
)
def test_declared_images_are_kept(wish: str) -> None:
    assert "- image" not in " ".join(pruned(wish, pulled(applied(WEB))))


def test_images_of_other_plays_are_kept() -> None:
    wish = replace(EMPTY, prune=True, images=frozenset({REF}))
    assert changes(plan(wish, pulled(applied(EMPTY)))) == []


def test_an_image_that_is_declared_by_its_id_stays() -> None:
    wish = replace(EMPTY, prune=True, images=frozenset({"sha256:" + "a" * 64}))
    host = applied(EMPTY)
    found = PulledImage("shop", REF, "sha256:" + "a" * 64, names=frozenset({REF}))
    assert changes(plan(wish, replace(host, pulled=(found,)))) == []


def test_one_that_is_declared_absent_goes_once() -> None:
    found = plan("images: {'web:1': {state: absent}}", pulled(applied("images: {'web:1': {}}")), prune=True)
    assert changes(found) == ["- image.web:1 (absent)"]


@pytest.mark.parametrize("state", ["running", "exited", "created"])
def test_images_in_use_are_kept(state: str) -> None:
    host = replace(applied(EMPTY), others=(stub("theirs", image_id=ID, state=state),))
    assert pruned("", pulled(host)) == []


def test_images_of_kept_containers_are_kept_with_them() -> None:
    old = stub("web.previous", image_id=ID, state="exited")
    kept = replace(old, owner=replace(applied(WEB).containers[0].owner))
    host = replace(applied("containers: {web: {image: 'web:2'}}"), kept=(kept,))
    assert pruned("containers: {web: {image: 'web:2'}}", pulled(host)) == []
    assert pruned("", pulled(host)) == [GONE]


def test_images_recorded_by_another_project_are_kept_with_a_note() -> None:
    host = pulled(applied(EMPTY))
    found = plan("", replace(host, claimed=host.claimed | {("blog", REF)}), prune=True)
    assert (changes(found), found.notes) == (
        [],
        ("image.web:1: no longer declared or used, kept for project blog",),
    )


def test_images_pulled_by_another_project_are_not_removed() -> None:
    host = pulled(applied(EMPTY))
    assert pruned("", replace(host, pulled=(replace(host.pulled[0], project="blog"),))) == []


DIGEST = "docker.io/library/web@sha256:" + "0" * 64


@pytest.mark.parametrize("names", [(), (DIGEST,)])
def test_one_that_lost_its_tag_to_a_newer_one_goes_by_its_id(names: tuple[str, ...]) -> None:
    host = pulled(applied(WEB.replace("web:1", "web:2")), tagged=False, names=names)
    found = plan(WEB.replace("web:1", "web:2"), host, prune=True)
    assert steps(found) == [f"#1 image.web:1@{ID[7:19]}, RemoveImage {ID}, no longer declared or used, at last"]


def test_an_outdated_image_is_removed() -> None:
    host = replace(pulled(applied(EMPTY), tagged=False, names=()), tags={REF: "another"})
    wish = replace(EMPTY, prune=True, images=frozenset({REF}))
    assert len(plan(wish, host).steps) == 1


def test_an_image_with_another_tag_is_kept() -> None:
    host = pulled(applied(EMPTY), tagged=False, names=("docker.io/library/backup:1",))
    assert pruned("", host) == []


def test_a_name_with_a_digest_is_declared_whatever_its_tag() -> None:
    name = "docker.io/library/web@sha256:" + "1" * 64
    found = PulledImage("shop", name, "image x", names=frozenset({name}))
    wish = replace(EMPTY, prune=True, images=frozenset({"docker.io/library/web:1@sha256:" + "1" * 64}))
    assert changes(plan(wish, replace(applied(EMPTY), pulled=(found,)))) == []
