"""What this project did not make: used or taken over when it fits, refused when not, never touched when another's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.support import SLEEP, Site, exists, fetch, ids, inspect, states
from tests.lab.host import Host

pytestmark = pytest.mark.lab


def run_by_hand(host: Host, *words: str) -> str:
    return host.docker("run", "-d", "--name", "web", "--stop-signal", "SIGKILL", *words).strip()


def test_a_container_made_by_hand_that_fits_is_taken_over_as_it_is(host: Host, tmp_path: Path) -> None:
    made = run_by_hand(
        host, "-e", "MODE=a", "-p", "18080:80", "--restart", "always", "--cap-add", "NET_ADMIN", "-v", "/srv/x:/x",
        "--label", "extra=1", "busybox:1", "sleep", "100000",
    )  # fmt: skip
    own = {"environment": ["MODE=a"], "ports": ["18080:80"], "restart": "always", "cap_add": ["NET_ADMIN"]}
    site = Site(tmp_path, host).containers(web={**own, "volumes": ["/srv/x:/x"]})
    planned = site.plan()
    assert (planned.code, planned.changes) == (0, [])
    assert any("web" in note for note in planned.notes)
    site.converge()
    assert ids(host) == {"web": made}


def test_one_that_differs_is_replaced_only_with_adopt(host: Host, tmp_path: Path) -> None:
    made = run_by_hand(
        host,
        "-v",
        "/data",
        "--restart",
        "always",
        "--shm-size",
        "32m",
        "--label",
        "x=1",
        "busybox:1",
        "sleep",
        "100000",
    )
    host.docker("exec", "web", "sh", "-c", "echo kept >/data/file")
    site = Site(tmp_path, host).containers(web={"environment": {"MODE": "b"}, "volumes": ["/data"]})
    refused = site.apply()
    assert refused.code == 5
    (refusal,) = refused.refusals
    assert refusal.startswith(f"{host.name}/container.web: ")
    assert "--adopt" in site.program("plan", *site.arguments).out
    assert ids(host) == {"web": made}
    planned = site.plan("--adopt")
    assert planned.changes == [f"{host.name}/container.web -/+ environment.MODE, labels.x, restart, shm_size"]
    site.converge("--adopt")
    assert ids(host)["web"] != made
    assert inspect(host, "web")["Config"]["Labels"]["deployer.project"] == "site"
    assert host.docker("exec", "web", "cat", "/data/file") == "kept\n"
    assert inspect(host, "web.previous")["Id"] == made
    assert site.run("rollback", "--yes", *site.arguments).code == 0
    assert inspect(host, "web")["Id"] == made
    assert inspect(host, "web")["HostConfig"]["RestartPolicy"]["Name"] == "always"


def test_one_that_fits_is_adopted_as_it_is_and_its_newest_record_counts(host: Host, tmp_path: Path) -> None:
    made = run_by_hand(host, "--label", "x=1", "-m", "64m", "busybox:1", "sleep", "100000")
    site = Site(tmp_path, host).containers(web={"mem_limit": "64m"})
    site.converge("--adopt")
    assert site.plan().notes == []
    site.containers(web={"mem_limit": "64m", "memswap_limit": -1}).converge()
    assert inspect(host, "web")["HostConfig"]["MemorySwap"] == -1
    site.containers(web={"mem_limit": "64m"}).converge()
    assert inspect(host, "web")["HostConfig"]["MemorySwap"] == 128 * 1024**2
    host.docker("update", "--memory-swap", "-1", "web")
    assert site.plan().changes == [f"{host.name}/container.web ~ memswap_limit"]
    site.containers(web={"mem_limit": "80m"}).converge()
    assert inspect(host, "web")["HostConfig"]["MemorySwap"] == 160 * 1024**2
    assert inspect(host, "web")["Id"] == made
    assert site.run("destroy", "--yes", *site.arguments).code == 0
    assert states(host) == {}


def test_after_taking_over_a_change_asks_for_adopt(host: Host, tmp_path: Path) -> None:
    made = run_by_hand(host, "busybox:1", "sleep", "100000")
    site = Site(tmp_path, host).containers(web={})
    site.converge()
    assert site.containers(web={"mem_limit": "64m"}).apply().code == 5
    assert ids(host) == {"web": made}


def test_objects_of_another_project_are_never_touched(host: Host, tmp_path: Path) -> None:
    others = {
        "project": "theirs",
        "networks": {"front": {"labels": {"a": "1"}}},
        "volumes": {"data": {"labels": {"a": "1"}}},
        "containers": {"web": {**SLEEP, "networks": ["front"], "volumes": ["data:/data"]}},
    }
    theirs = Site(_folder(tmp_path, "theirs"), host).write(others)
    theirs.converge()
    before = (ids(host), host.api("GET", "/networks/front")["Id"], host.api("GET", "/volumes/data")["CreatedAt"])
    ours = Site(_folder(tmp_path, "ours"), host).write(
        {
            "networks": {"front": {"labels": {"a": "2"}}},
            "volumes": {"data": {"labels": {"a": "2"}}},
            "containers": {"web": {**SLEEP, "environment": {"OURS": "1"}}},
        }
    )
    for flags in ((), ("--adopt",), ("--allow-data-loss", f"{host.name}/volume.data")):
        refused = ours.apply(*flags)
        assert refused.code == 5
        assert len(refused.refusals) == 3
        assert all("theirs" in refusal for refusal in refused.refusals)
    ours.write({kind: {name: {"state": "absent"}} for kind, name in _EACH})
    assert ours.apply("--adopt").code == 5
    assert ours.run("destroy", "--yes", *ours.arguments).code == 0
    after = (ids(host), host.api("GET", "/networks/front")["Id"], host.api("GET", "/volumes/data")["CreatedAt"])
    assert after == before
    assert theirs.plan().code == 0


_EACH = (("networks", "front"), ("volumes", "data"), ("containers", "web"))


def _folder(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    return folder


def test_networks_and_volumes_made_by_hand_are_used_when_they_fit(host: Host, tmp_path: Path) -> None:
    host.docker("network", "create", "--label", "a=1", "--subnet", "10.204.0.0/24", "front")
    host.docker("volume", "create", "--label", "a=1", "data")
    made = host.api("GET", "/networks/front")["Id"]
    web = {**SLEEP, "networks": ["front"], "volumes": ["data:/data"]}
    fits = {"networks": {"front": {"labels": {"a": "1"}}}, "volumes": {"data": {}}, "containers": {"web": web}}
    site = Site(tmp_path, host).write(fits)
    site.converge()
    assert host.api("GET", "/networks/front")["Id"] == made
    assert len(site.plan().notes) == 2
    site.write({**fits, "networks": {"front": {"internal": True}}, "volumes": {"data": {"labels": {"a": "2"}}}})
    refused = site.apply()
    assert refused.code == 5
    assert [refusal.partition(": ")[0] for refusal in refused.refusals] == [
        f"{host.name}/network.front",
        f"{host.name}/volume.data",
    ]
    assert host.api("GET", "/networks/front")["Id"] == made


def test_external_resources_must_exist_and_are_only_used(host: Host, tmp_path: Path) -> None:
    web = {**SLEEP, "networks": ["front"], "volumes": ["data:/data"]}
    external = {"networks": {"front": {"external": True}}, "volumes": {"data": {"external": True}}}
    site = Site(tmp_path, host).write({**external, "containers": {"web": web}})
    refused = site.apply()
    assert refused.code == 5
    assert len(refused.refusals) == 2
    assert states(host) == {}
    host.docker("network", "create", "--internal", "front")
    host.docker("volume", "create", "data")
    site.converge()
    assert site.run("destroy", "--yes", *site.arguments).code == 0
    assert states(host) == {}
    assert exists(host, "networks", "front")
    assert exists(host, "volumes", "data")


def test_destroy_removes_the_projects_resources_and_keeps_data(host: Host, tmp_path: Path) -> None:
    fetch(host, "busybox:1")
    host.docker("run", "-d", "--name", "foreign", "busybox:1", "sleep", "1000")
    web = {**SLEEP, "networks": ["front"], "volumes": ["data:/data"]}
    play = {"networks": {"front": {}}, "volumes": {"data": {}}, "containers": {"web": web, "job": SLEEP}}
    site = Site(tmp_path, host).write(play)
    site.converge()
    site.containers(web={})
    assert site.run("destroy", "--yes", *site.arguments).code == 0
    assert states(host) == {"foreign": "running"}
    assert not exists(host, "networks", "front")
    assert exists(host, "volumes", "data")
    assert site.run("destroy", "--yes", *site.arguments).code == 0


def test_containers_of_a_committed_image_and_renamed_ones_are_nobodys(host: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host).containers(web={}, db={})
    site.converge()
    host.docker("commit", "web", "snapshot:1")
    host.docker("run", "-d", "--name", "debug", "--stop-signal", "SIGKILL", "snapshot:1", "sleep", "1000")
    assert inspect(host, "debug")["Config"]["Labels"]["deployer.resource"] == "container.web"
    host.docker("rename", "db", "db-old")
    site.containers(web={}).converge("--prune")
    assert states(host) == {"web": "running", "debug": "running", "db-old": "running"}
    left = site.run("destroy", "--yes", *site.arguments)
    assert left.code == 0
    assert states(host) == {"debug": "running", "db-old": "running"}
    host.docker("rm", "-f", "debug", "db-old")
    host.docker("rmi", "-f", "snapshot:1")


def test_a_volume_is_removed_only_with_leave_for_that_one(host: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host).write({"volumes": {"data": {}}})
    site.converge()
    site.write({"volumes": {"data": {"state": "absent"}}})
    assert site.apply().code == 5
    assert site.apply("--allow-data-loss", f"{host.name}/volume.other").code == 5
    assert exists(host, "volumes", "data")
    site.converge("--allow-data-loss", f"{host.name}/volume.data")
    assert not exists(host, "volumes", "data")


def test_protected_resources_are_kept(host: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host).containers(web={"protect": True})
    site.converge()
    made = ids(host)
    assert site.containers(web={"protect": True, "environment": {"A": "1"}}).apply().code == 5
    assert site.containers(web={"protect": True, "state": "absent"}).apply().code == 5
    assert site.containers(web={"protect": True}).run("destroy", "--yes", *site.arguments).code == 5
    assert ids(host) == made
    site.containers(web={"protect": True, "mem_limit": "64m"}).converge()
    assert ids(host) == made
