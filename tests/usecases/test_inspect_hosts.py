"""Containers of hosts, with their projects."""

from __future__ import annotations

from deployer.exporting.playbook import host_playbook
from deployer.usecases.lists import containers
from deployer.usecases.observe_whole import observe_whole
from tests.fleets import Fleet, request


def test_an_adopted_container_is_listed_with_its_project_and_imported_without_labels_of_others(fleet: Fleet) -> None:
    engine = fleet.engines["h1"]
    engine.pull_image("docker.io/library/web:1", "", None, lambda _message: None)
    labels = {"com.docker.compose.project": "old", "own": "x"}
    engine.create_container("web", {"Image": "web:1", "Labels": labels}, "")
    engine.start_container("web")
    wish = "- hosts: h1\n  project: shop\n  containers: {web: {image: web:1, labels: {own: x}}}\n"
    outcome = fleet.apply(wish, adopt=True)
    assert [str(found.action) for found in outcome.hosts[0].plan.changes] == ["~"]
    ((row,), _) = containers(request("", {}), fleet.system, ())
    assert (row.name, row.project, row.resource) == ("web", "shop", "container.web")
    text = host_playbook(observe_whole(engine, "h1"), engine.info(), (), project="shop").text
    assert "own: x" in text
    assert "com.docker.compose.project:" not in text
