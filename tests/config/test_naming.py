"""`name`, `container_name`, `external: {name}` and a play's `prefix`: names on the host, keys within the play."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.model import dependencies
from deployer.model.settings import ContainerSettings, NetworkSettings
from tests.config.resolving import desired, names, try_resolve


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


SHOP = """
- hosts: all
  prefix: shop-
  networks: {front: {}, office: {external: {name: company}}, back: {name: own}}
  volumes: {data: {}, old: {external: true}}
  containers:
    db: {image: "db:1", volumes: ["data:/data", "old:/old"], networks: {back: {aliases: [sql]}, office: }}
    web:
      image: "web:1"
      container_name: www
      networks: [front, back]
      depends_on: {db: {condition: service_healthy}}
      volumes_from: ["db:ro"]
      links: [db]
    side: {image: "web:1", network_mode: "service:web", ipc: "container:db", pid: "container:web"}
  jobs: {init: {image: "db:1", depends_on: [db], networks: [back]}}
"""


def test_resources_have_their_names_on_the_host_and_refer_to_each_other_by_key() -> None:
    found = desired(SHOP)
    assert names(found) == [
        "network.company",
        "network.own",
        "network.shop-front",
        "volume.old",
        "volume.shop-data",
        "container.shop-db",
        "container.shop-side",
        "container.www",
        "job.shop-init",
    ]
    db, side, www = found.of(ContainerSettings)
    assert db.values["networks"] == {"own": {"aliases": ["db", "sql"]}, "company": {"aliases": ["db"]}}
    assert {target: own["source"] for target, own in db.values["volumes"].items()} == {
        "/data": "shop-data",
        "/old": "old",
    }
    assert [(needed.name, str(needed.condition)) for needed in www.settings.depends_on] == [
        ("shop-db", "service_healthy")
    ]
    assert www.values["volumes_from"] == ["shop-db:ro"]
    assert www.values["networks"]["own"] == {"aliases": ["web"], "links": ["shop-db:db"]}
    assert side.values == {
        "network_mode": "container:www",
        "ipc": "container:shop-db",
        "pid": "container:www",
    }
    assert www.place(("networks", "own")).short == "site.yml:10"
    company, own, _ = found.of(NetworkSettings)
    assert (company.settings.external, own.settings.external) == (True, False)
    assert set(dependencies.containers(www)) == {"shop-db"}


def test_names_may_be_templates_and_are_checked() -> None:
    found = try_resolve(
        """
        - hosts: all
          volumes: {data: {name: "{{ inventory_hostname }}-data"}, bad: {name: "a b"}}
          containers: {web: {image: "web:1", name: same}, api: {image: "api:1", container_name: same}}
        """
    )
    assert found.problems == [
        "site.yml:2:60: volumes.bad: 'a b' cannot be the name of a volume; 2 or more of a-z A-Z 0-9 _ . -, beginning "
        "with a letter or digit",
        "site.yml:3:51: container.same: container same is declared twice for one host, first at site.yml:3:16",
    ]


def test_without_names_nothing_changes() -> None:
    text = SHOP.replace("  prefix: shop-\n", "").replace("      container_name: www\n", "")
    found = desired(text.replace("{name: own}", "{}").replace("{name: company}", "true"))
    assert names(found)[:3] == ["network.back", "network.front", "network.office"]
    db, _, web = found.of(ContainerSettings)
    assert db.values["networks"] == {"back": {"aliases": ["sql"]}, "office": {}}
    assert web.values["volumes_from"] == ["db:ro"]
