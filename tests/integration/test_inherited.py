"""Fields that the image sets too: declared over it, cleared, dropped again, and when the image itself changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.support import Json, Site, fetch, inspect, lines
from tests.lab.fixtures import each_engine
from tests.lab.host import Host

pytestmark = [pytest.mark.lab, each_engine]

EVERYTHING: Json = {"image": "deployer/everything:1", "stop_grace_period": "0s", "update": {"monitor": "0s"}}
"""Its healthcheck begins after seven seconds; created only, so that nobody waits for it."""

OVER: dict[str, tuple[Any, str]] = {
    "command": (["sleep 700"], "command"),
    "entrypoint": (["sh", "-x", "-c"], "command, entrypoint"),
    "environment": ({"A": "own", "C": "own", "B": None}, "environment.A, environment.B, environment.C"),
    "labels": ({"shared": "own", "more": "own"}, "labels.more, labels.shared"),
    "user": ("0:0", "user"),
    "working_dir": ("/tmp", "working_dir"),
    "stop_signal": ("SIGTERM", "stop_signal"),
    "expose": ([8080], "expose"),
    "volumes": (["data:/data"], "volumes./data"),
    "tmpfs": (["/cache"], "volumes./cache, tmpfs./cache"),
    "healthcheck": ({"interval": "9s", "retries": 1}, "healthcheck.interval, healthcheck.retries"),
}
"""A value over the image's, and the paths that show when it is dropped."""

CLEARED: dict[str, Any] = {
    "entrypoint": [],
    "healthcheck": {"disable": True},
    "user": "root",
    "environment": {"A": None, "B": ""},
    "command": [],
}


def write(site: Site, containers: dict[str, Json]) -> Site:
    named = {
        f"c-{name.replace('_', '-')}": {**EVERYTHING, "state": "created", **own} for name, own in containers.items()
    }
    return site.write({"volumes": {"data": {}}, "containers": named})


def test_a_field_over_the_images_is_dropped_to_the_images(host: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host)
    write(site, {name: {name: value} for name, (value, _) in OVER.items()}).converge()
    write(site, {name: {} for name in OVER})
    planned = site.plan().changes
    expected = {name: f"{host.name}/container.c-{name.replace('_', '-')}" for name in OVER}
    assert planned == lines(*(f"{expected[name]} -/+ {paths}" for name, (_, paths) in OVER.items()))
    site.converge()
    plain = inspect(host, "c-user")["Config"]
    for name in OVER:
        own = inspect(host, f"c-{name.replace('_', '-')}")["Config"]
        for key in ("Cmd", "Entrypoint", "Env", "User", "WorkingDir", "StopSignal", "Healthcheck", "ExposedPorts"):
            assert own[key] == plain[key], (name, key)


def test_values_of_the_image_can_be_cleared(host: Host, tmp_path: Path) -> None:
    site = Site(tmp_path, host)
    write(site, {name: {} for name in CLEARED}).converge()
    write(site, {name: {name: value} for name, value in CLEARED.items()}).converge()
    assert not inspect(host, "c-entrypoint")["Config"]["Entrypoint"]
    assert inspect(host, "c-healthcheck")["Config"]["Healthcheck"]["Test"] == ["NONE"]
    assert inspect(host, "c-user")["Config"]["User"] == "root"
    assert {"A", "B="} <= set(inspect(host, "c-environment")["Config"]["Env"])


def test_another_image_shows_as_such_and_brings_its_own(host: Host, tmp_path: Path) -> None:
    """What the old image gave is no difference by itself: the new one is not there to compare with."""
    site = Site(tmp_path, host)
    write(site, {"web": {"environment": {"OWN": "1"}}}).converge()
    write(site, {"web": {"environment": {"OWN": "1"}, "image": "deployer/web:1"}})
    assert site.plan().change(f"{host.name}/container.c-web")["fields"][0]["path"] == ["image"]
    assert f"{host.name}/container.c-web -/+ image" in site.plan().changes
    site.converge()
    config = inspect(host, "c-web")["Config"]
    assert config["User"] == ""
    assert set(config["Env"]) == {"OWN=1", next(entry for entry in config["Env"] if entry.startswith("PATH="))}


def test_a_container_whose_image_was_removed_by_force(host: Host, tmp_path: Path) -> None:
    """Whether the image to be pulled is the same nobody can tell; that is the one thing shown."""
    fetch(host, "deployer/everything:1")
    site = Site(tmp_path, host)
    write(site, {"web": {"environment": {"A": "own"}}}).converge()
    host.docker("rmi", "-f", "deployer/everything:1", inspect(host, "c-web")["Image"], check=False)
    assert site.plan().changes == lines(
        f"{host.name}/container.c-web -/+ image", f"{host.name}/image.deployer/everything:1 +"
    )
    site.converge()


def test_a_record_of_another_release_replaces_nothing(host: Host, tmp_path: Path) -> None:
    """T19: labels of ours without a record, with one that cannot be read, and with fields nobody knows."""
    fetch(host, "busybox:1")
    records = ("", "{", '{"format": 99, "fields": {"new_field": [1]}}')
    for n, record in enumerate(records):
        own = {"deployer.project": "site", "deployer.resource": f"container.c{n}", "deployer.spec": record}
        labels = [word for key, value in own.items() for word in ("--label", f"{key}={value}")]
        host.docker("run", "-d", "--name", f"c{n}", *labels, "-e", "A=1", "busybox:1", "sleep", "1000")
    site = Site(tmp_path, host)
    web = {"image": "busybox:1", "command": "sleep 1000", "environment": {"A": "1"}}
    site.write({"containers": {f"c{n}": web for n in range(len(records))}})
    assert (site.plan().code, site.plan().changes) == (0, [])
    site.write({"containers": {f"c{n}": {**web, "environment": {"A": "2"}} for n in range(len(records))}})
    assert site.plan().changes == [f"{host.name}/container.c{n} +/- environment.A" for n in range(len(records))]
