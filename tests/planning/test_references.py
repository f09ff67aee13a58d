"""What containers name must exist, or come to be."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from deployer.model.desired import Kind
from tests.planning.build import EMPTY, applied, nothing, plan, play, refusals, stub

NETWORK = "containers: {web: {image: web:1, networks: [front]}}"
VOLUME = "containers: {web: {image: web:1, volumes: ['data:/d']}}"
LEADER = "containers: {web: {image: web:1, network_mode: 'container:vpn'}}"
SHARED = "containers: {web: {image: web:1, volumes_from: ['vpn:ro']}}"


@pytest.mark.parametrize(
    ("wish", "what"),
    [(NETWORK, "network front"), (VOLUME, "volume data"), (LEADER, "container vpn"), (SHARED, "container vpn")],
)
def test_dangling_references_are_refused(wish: str, what: str) -> None:
    found = plan(wish, applied(EMPTY))
    assert refusals(found) == [f"container.web: {what} is neither declared nor on the host"]
    kind, _, name = what.partition(" ")
    expected = "declare it" if kind == "container" else f"declare it: {kind}s: {{{name}: {{}}}}"
    assert found.refusals[0].hint == expected


@pytest.mark.parametrize(
    ("wish", "there"),
    [
        (NETWORK, "networks: {front: {}}"),
        (VOLUME, "volumes: {data: {}}"),
        (LEADER, "containers: {vpn: {image: web:1}}"),
    ],
)
@pytest.mark.parametrize("project", ["shop", "other"])
def test_objects_on_the_host_satisfy_references_whoever_owns_them(wish: str, there: str, project: str) -> None:
    assert refusals(plan(wish, applied(play(there, project=project)))) == []


def test_an_unmanaged_container_satisfies_a_reference() -> None:
    assert refusals(plan(LEADER, replace(applied(EMPTY), others=(stub("vpn"),)))) == []


@pytest.mark.parametrize("name", ["front", "bridge", "host"])
def test_predefined_and_declared_networks(name: str) -> None:
    wish = f"networks: {{front: {{}}}}\ncontainers: {{web: {{image: web:1, network_mode: {name}}}}}"
    assert refusals(plan(wish, applied(EMPTY))) == []


@pytest.mark.parametrize(
    ("wish", "declared"),
    [
        (NETWORK, "networks: {front: {state: absent}}"),
        (VOLUME, "volumes: {data: {state: absent}}"),
        (LEADER[:-1] + ", vpn: {state: absent}}", ""),
    ],
)
def test_a_reference_to_an_absent_resource_is_refused(wish: str, declared: str) -> None:
    found = plan(f"{wish}\n{declared}", applied(EMPTY))
    assert len(refusals(found)) == 1
    assert refusals(found)[0].endswith("is declared absent")
    assert found.refusals[0].hint == "remove one of the two"


def test_resources_of_other_plays_satisfy_references() -> None:
    elsewhere = frozenset({(Kind.NETWORK, "front")})
    assert refusals(plan(replace(play(NETWORK), elsewhere=elsewhere), applied(EMPTY))) == []


def test_excluded_resources_must_exist_on_the_host() -> None:
    text = "networks: {front: {tags: net}}\ncontainers: {web: {image: web:1, networks: [front], tags: app}}"
    found = plan(play(text, tags=("app",)), applied(EMPTY))
    assert refusals(found) == ["container.web: network front is excluded by tags, and not on the host"]
    assert found.refusals[0].hint == "run without tags, or include its tags"
    assert refusals(plan(play(text, tags=("app",)), applied("networks: {front: {}}"))) == []


def test_references_of_absent_or_excluded_resources_are_not_checked() -> None:
    absent = "containers: {web: {image: web:1, state: absent, networks: [front], volumes: ['data:/d']}}"
    assert nothing(plan(absent, applied(EMPTY)))
    tagged = "containers: {web: {image: web:1, tags: x, networks: [front]}}\nvolumes: {data: {}}"
    assert refusals(plan(play(tagged, tags=("x",)), applied(EMPTY))) != []
    assert nothing(plan(play(tagged, tags=("y",)), applied(EMPTY)))


def test_only_volume_mounts_are_references() -> None:
    wish = "containers: {web: {image: web:1, volumes: ['/srv:/a', '/b', {type: tmpfs, target: /c}]}}"
    assert refusals(plan(wish, applied(EMPTY))) == []


def test_every_dead_end_is_named_at_its_place() -> None:
    wish = "containers:\n  web:\n    image: web:1\n    networks: [front, back]\n    volumes: ['data:/d']"
    found = plan(wish, applied(EMPTY))
    assert [str(refusal.origin) for refusal in found.refusals] == ["shop.yml:4:16", "shop.yml:4:23", "shop.yml:5:15"]
