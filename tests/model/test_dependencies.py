"""What a container needs, said or not said, and the order that follows."""

from __future__ import annotations

import pytest

from deployer.fields.options import Condition
from deployer.model import dependencies
from deployer.model.desired import Workload
from deployer.model.observed import Observed
from deployer.model.settings import ContainerSettings, Dependency
from tests.planning.build import EMPTY, applied, play


def web(keys: str) -> Workload:
    others = "".join(f"  {name}: {{image: x:1}}\n" for name in ("app", "cache", "db"))
    desired = play(f"containers:\n{others}  web: {{image: web:1, {keys}}}")
    found = desired.container("web")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("keys", "needed"),
    [
        ("tty: true", ()),
        ("depends_on: [db, cache]", ("db", "cache")),
        ("links: [db]", ("db",)),
        ("links: ['db:database'], depends_on: [db]", ("db",)),
        ("links: ['db:database'], networks: [front]", ("db",)),
        ("networks: {front: {links: [db, 'cache:c']}}", ("cache", "db")),
        ("network_mode: 'container:app'", ("app",)),
        ("network_mode: 'service:app'", ("app",)),
        ("pid: 'container:app', ipc: 'container:app'", ("app",)),
        ("volumes_from: ['db:ro']", ("db",)),
        ("depends_on: [cache], pid: 'container:app', volumes_from: [db]", ("cache", "app", "db")),
        ("network_mode: host", ()),
    ],
)
def test_containers_it_needs(keys: str, needed: tuple[str, ...]) -> None:
    assert dependencies.containers(web(keys)) == needed


def test_a_declared_condition_overrides_a_link() -> None:
    found = web("links: [db, cache], depends_on: {db: {condition: service_healthy}}")
    assert dependencies.depends_on(found) == (
        Dependency("db", Condition.HEALTHY),
        Dependency("cache", required=False),
    )


def test_a_link_on_a_network_that_a_user_made_binds_to_a_name_not_to_an_id() -> None:
    assert dependencies.id_references(web("links: [db]")) == {"db": "links"}
    assert dependencies.id_references(web("links: [db], networks: [front]")) == {}


def test_networks_and_named_volumes() -> None:
    found = web("networks: [front, back], volumes: ['data:/d', '/anonymous', '/srv:/srv', 'data:/e', 'logs:/l']")
    assert dependencies.networks(found) == ("front", "back")
    assert dependencies.volumes(found) == ("data", "logs")
    assert dependencies.volumes(web("tmpfs: [/run]")) == ()


def names(text: str) -> list[str]:
    return [found.name for found in dependencies.in_order(play(text).resources)]


def test_containers_come_after_those_they_need_and_otherwise_by_name() -> None:
    text = """
    networks: {front: {}}
    containers:
      aa: {image: x:1, depends_on: [zz]}
      bb: {image: x:1}
      cc: {image: x:1, network_mode: 'container:aa'}
      zz: {image: x:1, depends_on: {elsewhere: {required: false}}}
    """
    assert names(text) == ["bb", "zz", "aa", "cc"]


def test_those_with_fixed_addresses_come_first_among_equals() -> None:
    text = """
    containers:
      aa: {image: x:1, networks: [front]}
      bb: {image: x:1, networks: {front: {ipv4_address: 10.0.0.9}}}
      cc: {image: x:1, networks: {front: {ipv6_address: 'fd00::9'}}}
    """
    assert names(text) == ["bb", "cc", "aa"]


def test_a_cycle_is_named_from_end_to_end() -> None:
    resources = (web("depends_on: [db]"), *play("containers: {db: {image: x:1, links: [web]}}").resources)
    along = list(dependencies.cycle(resources))
    assert along[0] == along[-1]
    assert set(along) == {"db", "web"}
    assert list(dependencies.cycle(play("containers: {db: {image: x:1}}").resources)) == []


def test_a_host_is_looked_up_by_name() -> None:
    host: Observed = applied("networks: {front: {}}\nvolumes: {data: {}}\ncontainers: {web: {image: web:1}}")
    assert (host.container("web"), host.container("nosuch")) == (host.containers[0], None)
    assert host.network("front") is not None
    assert host.network("nosuch") is None
    assert host.volume("data") is not None
    assert host.volume("nosuch") is None
    own = host.images["image web:1"]
    assert host.image_of("docker.io/library/web:1") == own == host.image_of("image web:1")
    assert host.image_of("docker.io/library/web:2") is None
    assert host.ids == {"web": "web-1"}


def test_the_place_of_a_value_is_that_of_the_nearest_part_that_has_one() -> None:
    found = web("environment: {MODE: a}")
    at = found.place(("environment", "MODE"))
    assert found.place(("environment", "MODE", "deeper")) == at
    assert found.place(("environment", "OTHER")) == found.place(("environment",)) != at
    assert found.place(("tty",)) == found.origin
    assert not EMPTY.of(ContainerSettings)
