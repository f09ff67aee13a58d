"""Data is never lost as a side effect."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.support import SLEEP, Json, Site, fetch, ids, inspect, of_container, states, volumes
from tests.lab.host import Host

pytestmark = pytest.mark.lab

DISK: Json = {"driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}}


def with_volume(volume: Json) -> Json:
    return {"volumes": {"data": volume}, "containers": {"web": {**SLEEP, "volumes": ["data:/data"]}}}


def put(host: Host, path: str) -> None:
    of_container(host, "web", "sh", "-c", f"echo kept >{path}/file")


def kept(host: Host, path: str) -> bool:
    return of_container(host, "web", "sh", "-c", f"cat {path}/file || true") == "kept\n"


@pytest.mark.parametrize("change", [DISK, {"labels": {"a": "1"}}], ids=["driver_opts", "labels"])
def test_other_options_are_refused_and_the_data_stays(host: Host, tmp_path: Path, change: Json) -> None:
    """T11: `--yes` is no leave to lose data."""
    site = Site(tmp_path, host).write(with_volume({}))
    site.converge()
    put(host, "/data")
    before = ids(host)
    site.write(with_volume(change))
    refused = site.program("apply", "--yes", "--adopt", *site.arguments)
    assert refused.code == 5
    assert "volume data" in refused.out
    assert "--allow-data-loss" in refused.out
    assert ids(host) == before
    assert kept(host, "/data")
    site.converge("--allow-data-loss", f"{host.name}/volume.data")
    assert not kept(host, "/data")
    assert states(host) == {"web": "running"}


def test_anonymous_volumes_move_to_the_new_container(host: Host, tmp_path: Path) -> None:
    """Those of the image and those of the playbook, over several replacements."""
    fetch(host, "redis:7")
    own = {"image": "redis:7", "command": None, "volumes": ["/extra"], "stop_grace_period": "1s"}
    site = Site(tmp_path, host).containers(web=own)
    site.converge()
    put(host, "/data")
    put(host, "/extra")
    for n in (1, 2):
        site.containers(web={**own, "environment": {"N": n}}).converge()
        assert kept(host, "/data")
        assert kept(host, "/extra")
    assert len(volumes(host)) == 2


def test_a_named_volume_takes_the_place_of_an_anonymous_one(host: Host, tmp_path: Path) -> None:
    """The anonymous one is no longer used; it is not removed."""
    site = Site(tmp_path, host).containers(web={"volumes": ["/data"]})
    site.converge()
    (anonymous,) = [mount["Name"] for mount in inspect(host, "web")["Mounts"]]
    site.write(with_volume({})).converge()
    assert volumes(host) == {"data", anonymous}


def test_a_sidecar_follows_the_container_it_is_bound_to(host: Host, tmp_path: Path) -> None:
    """T22: through its network, its PIDs, its mounts."""
    site = Site(tmp_path, host)

    def play(version: int) -> Site:
        return site.containers(
            app={"environment": {"VERSION": version}, "volumes": ["/shared"], "ipc": "shareable"},
            net={"network_mode": "container:app"},
            pid={"pid": "container:app"},
            ipc={"ipc": "service:app"},
            mounts={"volumes_from": ["app"]},
            aside={},
        )

    play(1).converge()
    before = ids(host)
    play(2)
    assert {change.split()[0].partition(".")[2] for change in site.plan().changes} == {
        "app", "net", "pid", "ipc", "mounts",
    }  # fmt: skip
    site.converge()
    after = ids(host)
    assert after["aside"] == before["aside"]
    assert inspect(host, "net")["HostConfig"]["NetworkMode"] == f"container:{after['app']}"
    assert inspect(host, "pid")["HostConfig"]["PidMode"] == f"container:{after['app']}"
    assert inspect(host, "ipc")["HostConfig"]["IpcMode"] == f"container:{after['app']}"
    mounts = [mount["Name"] for mount in inspect(host, "mounts")["Mounts"]]
    assert mounts == [mount["Name"] for mount in inspect(host, "app")["Mounts"]]
    assert set(states(host).values()) == {"running"}


def test_a_sidecar_follows_one_that_was_recreated_by_hand(host: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host).containers(app={}, net={"network_mode": "container:app"})
    site.converge()
    host.docker("rm", "-f", "app")
    site.converge()
    assert inspect(host, "net")["HostConfig"]["NetworkMode"] == f"container:{ids(host)['app']}"
    assert states(host) == {"app": "running", "net": "running"}


SPOOL: Json = {"image": "busybox:1", "auto_remove": True, "volumes": ["/spool"], "stop_signal": "KILL"}
"""One that the engine removes as soon as it stops, and the volume without a name with it."""


def spooling(site: Site, script: str, **keys: object) -> Site:
    return site.containers(spool={**SPOOL, "command": ["sh", "-c", script], **keys})


def anonymous(host: Host) -> set[str]:
    return {name for name in volumes(host) if len(name) == 64}


def test_one_that_removes_itself_is_left_alone_until_its_data_is_safe(host: Host, tmp_path: Path) -> None:
    site = spooling(Site(tmp_path, host), "echo kept > /spool/x; exec sleep 1000")
    site.converge()
    absent = {"image": "busybox:1", "state": "absent"}
    for refused in (spooling(site, "exit 3"), site.containers(spool=absent)):
        assert refused.apply().code == 5
        assert of_container(host, "spool", "cat", "/spool/x") == "kept\n"
    plain = {"spool": {"image": "busybox:1", "auto_remove": True, "stop_signal": "KILL", "command": ["sleep", "1000"]}}
    host.docker("stop", "spool")
    site.containers(**plain).converge()
    assert states(host) == {"spool": "running"}
    site.containers(spool=absent).converge()
    assert states(host) == {}
