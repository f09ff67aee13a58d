"""Removing what nothing declares any more, and nothing else."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from deployer.model.desired import Desired, Kind
from deployer.model.observed import Observed
from deployer.model.operations import RemoveVolume
from deployer.planning.policy import Policy
from deployer.planning.reconcile import destroy
from tests.planning.build import EMPTY, applied, changed, changes, joined, nothing, plan, play, refusals, steps, stub

OLD = """
networks: {front: {}}
volumes: {data: {}}
containers: {web: {image: web:1, networks: [front], volumes: ['data:/d']}}
"""


def host(text: str | Desired = OLD) -> Observed:
    return applied(text)


def pruned(wish: str | Desired, on: Observed, **policy: object) -> list[str]:
    return changes(plan(wish, on, prune=True, **policy))


def test_nothing_is_pruned_unless_asked() -> None:
    assert nothing(plan("", host()))


def test_containers_and_networks_go_and_volumes_are_named() -> None:
    found = plan("", host(), prune=True)
    assert changes(found) == [
        "- network.front (no longer declared)",
        "- container.web (no longer declared)",
    ]
    assert found.notes == (
        "volume.data: no longer declared, kept; --remove-volume web1/volume.data removes it with its data",
    )
    assert steps(found) == [
        "#1 container.web, StopContainer web-1, no longer declared",
        "[1] -> #2 container.web, RemoveContainer web-1, no longer declared, at last",
        "[1,2] -> #3 network.front, RemoveNetwork front-1, no longer declared, at last",
    ]


def test_a_play_may_ask_for_it() -> None:
    assert changes(plan(replace(EMPTY, prune=True), host())) == pruned("", host())


def test_a_volume_goes_with_consent_for_that_very_volume() -> None:
    both = host(OLD.replace("data: {}", "data: {}, more: {}"))
    found = plan("", both, prune=True, data_loss=frozenset({"web1/volume.data", "web2/volume.more"}))
    assert changes(found) == [
        "- network.front (no longer declared)",
        "- volume.data (no longer declared; its data is lost)",
        "- container.web (no longer declared)",
    ]
    removed = [step for step in found.steps if isinstance(step.operation, RemoveVolume)]
    assert [str(step) for step in removed] == [
        "[2] -> #4 volume.data, RemoveVolume data, no longer declared, at last",
    ]


@pytest.mark.parametrize("consent", ["data", "volume.data", "web1/data", "web2/volume.data", "web1/volume.data2", "*"])
def test_consent_for_another_volume_does_not_count(consent: str) -> None:
    found = plan("", host(), prune=True, data_loss=frozenset({consent}))
    assert not [step for step in found.steps if isinstance(step.operation, RemoveVolume)]


def test_a_volume_that_others_mount_is_not_removed() -> None:
    mounted = replace(host(), others=(stub("stranger", volumes=frozenset({"data"})),))
    found = plan("", mounted, prune=True, data_loss=frozenset({"web1/volume.data"}))
    assert refusals(found) == ["volume.data: cannot be removed while containers mount it: stranger"]
    assert not [step for step in found.steps if isinstance(step.operation, RemoveVolume)]


def test_a_network_that_others_use_is_not_removed() -> None:
    used = replace(host(), others=(stub("stranger", networks=frozenset({"front"})),))
    found = plan("", used, prune=True)
    assert len(refusals(found)) == 1
    assert refusals(found)[0].startswith("network.front: ")
    assert "stranger" in refusals(found)[0]


def test_excluded_resources_are_not_pruned() -> None:
    tagged = OLD.replace("front: {}", "front: {tags: x}").replace("image: web:1", "image: web:1, tags: x")
    assert nothing(plan(play(tagged, tags=("other",)), host(tagged), prune=True))


def test_resources_of_other_plays_are_not_pruned() -> None:
    elsewhere = frozenset({(Kind.CONTAINER, "web"), (Kind.NETWORK, "front"), (Kind.VOLUME, "data")})
    found = plan(replace(EMPTY, elsewhere=elsewhere), host(), prune=True)
    assert nothing(found)
    assert found.notes == ()


def test_objects_of_other_owners_are_not_pruned() -> None:
    theirs = replace(applied(play(OLD, project="other")), others=(stub("stranger"),))
    found = plan("", theirs, prune=True, data_loss=frozenset({"web1/volume.data"}))
    assert nothing(found)


def test_predefined_networks_stay() -> None:
    assert nothing(plan("", applied(EMPTY), prune=True))


def test_leftovers_of_undeclared_resources_are_pruned() -> None:
    left = changed(host("containers: {web: {image: web:1}}"), "web", rename="web.deployer-old", state="exited")
    assert pruned("", left) == ["- container.web.deployer-old (no longer declared)"]


def test_leftovers_of_another_play_are_not_pruned() -> None:
    left = changed(host("containers: {web: {image: web:1}}"), "web", rename="web.deployer-old", state="exited")
    assert pruned(replace(EMPTY, elsewhere=frozenset({(Kind.CONTAINER, "web")})), left) == []


def test_a_stopped_container_is_only_removed() -> None:
    stopped = changed(host("containers: {web: {image: web:1}}"), "web", state="exited")
    assert steps(plan("", stopped, prune=True)) == [
        "#1 container.web, RemoveContainer web-1, no longer declared, at last",
    ]


def test_a_host_port_is_free_before_its_next_holder_starts() -> None:
    wish = "containers: {new: {image: web:1, ports: ['80:80']}}"
    on = host("containers: {old: {image: web:1, ports: ['80:80']}}")
    assert steps(plan(wish, on, prune=True)) == [
        "#1 container.old, StopContainer old-1, no longer declared",
        "[1] -> #2 container.old, RemoveContainer old-1, no longer declared, at last",
        "#3 container.new, CreateContainer new, missing",
        "[1,3] -> #4 container.new, StartContainer made by #3, missing",
        "[4] -> #5 container.new, AwaitHealthy made by #3, must work",
    ]


def test_a_host_port_of_ours_that_stays_is_taken() -> None:
    wish = "containers: {new: {image: web:1, ports: ['80:80']}}"
    on = host("containers: {old: {image: web:1, ports: ['80:80']}}")
    found = plan(wish, on)
    assert refusals(found) == ["container.new: host port 80 is used by container old"]
    assert found.refusals[0].hint == "it is no longer declared: remove it with --prune, or choose another port"


def test_declared_and_undeclared_resources_in_one_plan() -> None:
    wish = "containers: {web: {image: web:1}}"
    on = joined(host(wish), host("containers: {old: {image: web:1}}"))
    assert pruned(wish, on) == ["- container.old (no longer declared)"]


# Destroying


def test_destroy_keeps_volumes_images_and_everything_of_others() -> None:
    theirs = applied(play("containers: {theirs: {image: web:1}}", project="other"))
    on = replace(joined(host(), theirs), others=(stub("stranger"),))
    found = destroy(play(OLD), on, Policy(prune=True, data_loss=frozenset({"web1/volume.data"})))
    assert changes(found) == ["- network.front (destroyed)", "- container.web (destroyed)"]
    assert found.notes == ("volumes are kept: data",)
    assert steps(found) == [
        "#1 container.web, StopContainer web-1, destroyed",
        "[1] -> #2 container.web, RemoveContainer web-1, destroyed, at last",
        "[1,2] -> #3 network.front, RemoveNetwork front-1, destroyed, at last",
    ]


def test_destroy_keeps_protected_resources() -> None:
    text = OLD.replace("image: web:1", "image: web:1, protect: true").replace("front: {}", "front: {protect: true}")
    found = destroy(play(text), host(text), Policy())
    assert refusals(found) == ["container.web: is protected", "network.front: is protected"]
    assert not found.steps
