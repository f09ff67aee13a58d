"""Images that are built once for several hosts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.integration.support import SLEEP, Site, fetch, inspect, of_container
from tests.lab.host import Host


@pytest.mark.lab
def test_an_image_is_built_once_and_its_new_layers_are_sent(
    lab_hosts: tuple[Host, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host of the lab stands in for the engine of this machine."""
    first, here, last = lab_hosts
    monkeypatch.setenv("DOCKER_HOST", f"unix://{here.docker_socket}")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "page").write_text("one\n")
    (tmp_path / "app" / "new").write_bytes(os.urandom(200_000))  # an engine keeps what it built before
    (tmp_path / "app" / "Dockerfile").write_text("FROM busybox:1\nCOPY . /app\n")
    for host in lab_hosts:
        fetch(host, "busybox:1")
    web = {**SLEEP, "image": "site/here:1", "build": {"context": "app", "on": "controller"}}
    site = Site(tmp_path, first, last).write({"containers": {"web": web}})
    try:
        site.converge()
        assert [of_container(host, "web", "cat", "/app/page") for host in (first, last)] == ["one\n", "one\n"]
        (tmp_path / "app" / "page").write_text("two\n")
        assert "page changed" in site.plan().out
        site.converge()
        layers = {str(host.api("GET", "/images/site/here:1/json")["RootFS"]["Layers"]) for host in (first, here, last)}
        assert len(layers) == 1
        assert inspect(last, "web")["State"]["Running"]
    finally:
        for host in lab_hosts:
            host.docker("rm", "-f", "-v", "web", "web.previous", check=False)
            host.docker("rmi", "-f", "site/here:1", check=False)


@pytest.mark.lab
def test_the_first_host_builds_for_all(lab_hosts: tuple[Host, ...], tmp_path: Path) -> None:
    """What a build makes up is the same on all hosts then."""
    (tmp_path / "app").mkdir()
    build = {"context": "app", "dockerfile_inline": "FROM busybox:1\nRUN head -c 16 /dev/urandom | sha256sum > /made\n"}
    for host in lab_hosts:
        fetch(host, "busybox:1")
    site = Site(tmp_path, *lab_hosts).containers(web={"image": "site/once:1", "build": build | {"no_cache": True}})
    try:
        site.converge()
        made = {of_container(host, "web", "cat", "/made") for host in lab_hosts}
        assert len(made) == 1
        failing = {**build, "dockerfile_inline": "FROM busybox:1\nRUN exit 9\n"}
        failed = site.containers(web={"image": "site/once:1", "build": failing}).apply()
        assert len(failed.failures) == len(lab_hosts)
        assert {of_container(host, "web", "cat", "/made") for host in lab_hosts} == made

        *others, builder = lab_hosts
        named = build | {"no_cache": True, "on": builder.name, "labels": {"by": "name"}}
        web = {**SLEEP, "image": "site/once:1", "build": named}
        play = {"hosts": f"all,!{builder.name}", "containers": {"web": web}}
        assert f"build on {builder.name}, the build's settings changed" in site.write(play).plan().out
        site.converge()
        (anew,) = {of_container(host, "web", "cat", "/made") for host in others}
        assert builder.docker("run", "--rm", "site/once:1", "cat", "/made").strip() == anew.strip()
        assert made == {of_container(builder, "web", "cat", "/made")}, "its own containers are left alone"
    finally:
        for host in lab_hosts:
            host.docker("rm", "-f", "-v", "web", "web.previous", check=False)
            host.docker("rmi", "-f", "site/once:1", check=False)
