"""Names of containers while they are replaced and after."""

from __future__ import annotations

import pytest

from deployer.model.container_names import base_name, is_kept, number_of, previous


@pytest.mark.parametrize(
    ("name", "base"),
    [("web", "web"), ("web.deployer-new", "web"), ("web.deployer-old", "web"), ("web.previous", "web.previous")],
)
def test_while_it_is_replaced_a_container_is_the_resource(name: str, base: str) -> None:
    assert base_name(name) == base


def test_kept_containers_are_counted() -> None:
    names = [previous("web", number) for number in (1, 2, 10)]
    assert names == ["web.previous", "web.previous-2", "web.previous-10"]
    assert [number_of(name) for name in (*names, "web.failed")] == [1, 2, 10, 0]


@pytest.mark.parametrize(
    ("name", "label", "kept"),
    [
        ("web.previous", "container.web", True),
        ("web.previous-2", "container.web", True),
        ("web.failed", "container.web", True),
        ("a.b.failed", "container.a.b", True),
        ("web", "container.web", False),
        ("web.deployer-old", "container.web", False),
        ("web.previous", "container.web.previous", False),
        ("web.previous", "container.api", False),
        ("web.previously", "container.web", False),
        ("web.previous-x", "container.web", False),
        ("web.failed", "", False),
    ],
)
def test_only_containers_with_the_resources_labels_are_kept(name: str, label: str, *, kept: bool) -> None:
    assert is_kept(name, label) is kept
