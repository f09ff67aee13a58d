"""Images that are built once for several hosts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.integration.support import SLEEP, Site, fetch, inspect, of_container
from tests.lab import secure_registry
from tests.lab.host import Host
from tests.lab.settings import REGISTRY_ADDRESS, REGISTRY_PORT


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


@pytest.fixture
def docker_of_debian(host_containerd: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The docker command of a host, with buildx, as that of this machine. Returns where buildx is."""
    (tmp_path / "bin").mkdir()
    plugins = tmp_path / "docker/cli-plugins"
    plugins.mkdir(parents=True)
    (tmp_path / "bin/docker").symlink_to(host_containerd.root / "usr/bin/docker")
    (plugins / "docker-buildx").symlink_to(host_containerd.root / "usr/libexec/docker/cli-plugins/docker-buildx")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{host_containerd.docker_socket}")
    return plugins / "docker-buildx"


@pytest.mark.lab
def test_an_image_for_several_platforms_is_pushed_and_pulled(
    host_20: Host,
    host_28: Host,
    host_containerd: Host,
    docker_of_debian: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The host with containerd's store stands in for this machine, and gets the image too."""
    hosts = (host_20, host_28, host_containerd)
    name, secure = f"{REGISTRY_ADDRESS}:{REGISTRY_PORT}/{host_20.name}/several:1", secure_registry.start()
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "page").write_text("one\n")
    run = "RUN --mount=type=secret,id=token test $(wc -c < /run/secrets/token) = 5"
    secrets = {"token": {"value": "s3cr\n"}}
    build = {"context": "app", "dockerfile_inline": f"FROM busybox:1\n{run}\nCOPY . /app\n", "secrets": secrets}

    def play(*platforms: str, name: str = name) -> Site:
        several = {"build": {**build, "on": "controller", "platforms": list(platforms)}, "push": True}
        wrong = {secure.address: {"username": secure.user, "password": "wrong"}}
        web = {"web": {**SLEEP, "image": name}}
        return Site(tmp_path, *hosts).write({"registries": wrong, "images": {name: several}, "containers": web})

    def pages() -> set[str]:
        return {of_container(host, "web", "cat", "/app/page") for host in hosts}

    fetch(host_20, "busybox:1")
    fetch(host_containerd, "busybox:1")
    secure_registry.trust(host_containerd, secure)
    try:
        site = play("linux/arm64", "linux/amd64")
        assert "build on controller for linux/amd64 and linux/arm64, and push" in site.plan().out
        site.converge()
        assert pages() == {"one\n"}
        offered = host_20.api("GET", f"/distribution/{name}/json")["Platforms"]
        assert {each["architecture"] for each in offered} == {"amd64", "arm64"}
        (tmp_path / "app" / "page").write_text("two\n")
        assert "and push, page changed" in site.plan().out
        site.converge()
        assert pages() == {"two\n"}
        assert "for linux/amd64, and push, the build's settings changed" in play("linux/amd64").plan().out
        denied = play("linux/arm64", "linux/amd64", name=f"{secure.address}/several:1").apply()
        assert {found["error"].rpartition(": ")[2] for found in denied.failures} == {"401 Unauthorized"}
        monkeypatch.setenv("DOCKER_HOST", f"unix://{host_28.docker_socket}")
        (found, *_) = site.apply().failures
        assert "docker buildx: Multi-platform build is not supported for the docker driver." in found["error"]
        assert "docker buildx create --use" in found["hint"]
        docker_of_debian.unlink()
        (found, *_) = site.apply().failures
        assert found["hint"].startswith("install the docker command with its plugin buildx")
        assert "to continue: deployer image build " in site.run("image", "build", "--yes", *site.arguments).err
        assert pages() == {"two\n"}
    finally:
        secure_registry.distrust(host_containerd, secure)
        for host in hosts:
            host.docker("rm", "-f", "-v", "web", "web.previous", check=False)
            host.docker("rmi", "-f", name, check=False)
