"""`build`: what is read of a context, and what is reported before anything is contacted."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from deployer.config.building import check_builds
from deployer.diagnostics import Problems
from deployer.model.build import Build
from deployer.model.settings import FromImage
from tests.config.helpers import secret
from tests.config.resolving import complaints, desired


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app" / "src").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "app")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    Path("Dockerfile").write_text("ARG V=22\nFROM node:$V\nCOPY . /\n")
    Path("src/app.js").write_text("app")
    Path(".dockerignore").write_text("site.yml\n*.log\n")


def builds(text: str, variables: str = "") -> dict[str, Build]:
    found = desired(f"- hosts: all\n  project: My_Shop\n  {text}\n", variables)
    return {own.settings.image: own.settings.build for own in found.of(FromImage) if own.settings.build is not None}


def test_a_container_has_the_image_that_is_built_for_it() -> None:
    found = builds("containers: {web: {build: .}, api: {build: {context: src, dockerfile: ../Dockerfile}, image: a:1}}")
    assert list(found) == ["docker.io/library/a:1", "docker.io/library/my-shop-web:latest"]
    web = found["docker.io/library/my-shop-web:latest"]
    assert [each.path for each in web.files] == [".dockerignore", "Dockerfile", "src", "src/app.js"]
    assert web.bases == ("docker.io/library/node:22",)
    api = found["docker.io/library/a:1"]
    assert ([each.path for each in api.files], api.name) == (["app.js"], "../Dockerfile")


def test_all_keys_have_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "t0ken")
    monkeypatch.setenv("CI", "1")
    Path("npmrc").write_bytes(b"a\xff\n")
    text = """
    images:
      shop/web:1:
        platform: linux/arm64
        build:
          context: "{{ folder }}"
          dockerfile_inline: "FROM scratch"
          args: {V: 20, CI: null, UNSET: null}
          target: last
          labels: [own=1]
          cache_from: shop/web:0
          no_cache: true
          pull: yes
          network: host
          extra_hosts: {db: 192.0.2.1}
          shm_size: 64m
          secrets:
            token: {environment: TOKEN}
            npmrc: {file: npmrc}
            own: {value: v4lue}
          on: each
    """.replace("\n    ", "\n  ").strip()
    (found,) = builds(text, "folder: src").values()
    assert found.secrets == {"token": b"t0ken", "npmrc": b"a\xff\n", "own": b"v4lue"}
    assert found.secret_texts > {"t0ken", "v4lue"}
    assert (found.args, found.labels, found.platform) == ({"V": "20", "CI": "1"}, {"own": "1"}, "linux/arm64")
    assert (found.name, found.dockerfile, found.target) == ("dockerfile_inline", "FROM scratch", "last")
    assert (found.cache_from, found.no_cache, found.pull) == (("shop/web:0",), True, True)
    assert (found.network, found.extra_hosts, found.shm_size) == ("host", ("db:192.0.2.1",), 64 * 1024**2)
    assert found.on == "each"
    assert "t0ken" not in repr(found)


def test_the_digest_follows_names_modes_links_and_bytes_but_no_times() -> None:
    def digest() -> str:
        (found,) = builds("containers: {web: {build: .}}").values()
        return found.context_digest

    seen = [digest()]
    os.utime("src/app.js", (1, 1))
    Path("left.log").write_text("out")
    assert digest() == seen[0]
    for change in (
        lambda: Path("src/app.js").write_text("apP"),
        lambda: Path("src/app.js").chmod(0o755),
        lambda: Path("src/link").symlink_to("app.js"),
        lambda: Path("src/link").rename("link"),
        lambda: Path("src/link").symlink_to("other.js"),
        lambda: Path("src/app.js").rename("src/App.js"),
        lambda: Path("empty").mkdir(),
    ):
        time.sleep(0.01)
        change()
        assert digest() not in seen
        seen.append(digest())


def test_an_ignore_file_of_the_dockerfile_goes_first() -> None:
    Path("Dockerfile.dockerignore").write_text("*\n!src\n")
    (found,) = builds("containers: {web: {build: .}}").values()
    assert [each.path for each in found.files] == ["src", "src/app.js"]


NAME_IT = "name it with 'dockerfile', or its folder with 'context'"
ELSEWHERE = "is not a folder of this machine; clone or unpack it first, and name the folder"


@pytest.mark.parametrize(
    ("build", "said"),
    [
        ("nowhere", "14: .context: there is no folder nowhere; name the folder with what the image is built from"),
        ("Dockerfile", "14: .context: Dockerfile is not a folder; name the folder with what the image is built from"),
        ("src", f"14: .dockerfile: folder src has no file Dockerfile; {NAME_IT}"),
        ("{context: src}", f"14: .dockerfile: folder src has no file Dockerfile; {NAME_IT}"),
        ("https://github.com/a/b.git#main", f"14: .context: 'https://github.com/a/b.git#main' {ELSEWHERE}"),
        ("{context: 'git@github.com:a/b'}", f"24: .context: 'git@github.com:a/b' {ELSEWHERE}"),
        ("{dockerfile: other}", "27: .dockerfile: folder . has no file other; write dockerfile: Dockerfile"),
        (
            "{ssh: default}",
            "15: : unknown key 'ssh'; the agent of this machine is not forwarded; clone before the build, or use "
            "secrets with a deploy key",
        ),
        (
            "{dockerfile: a, dockerfile_inline: b}",
            "14: : 'dockerfile' and 'dockerfile_inline' exclude each other",
        ),
        (
            "{secrets: [npm]}",
            "25: .secrets[0]: 'npm' does not say where the secret comes from: write secrets: {NAME: {file: PATH}}, or "
            "environment or value instead of file",
        ),
        ("{secrets: {npm: {}}}", "30: .secrets.npm: expected one of file, environment, value"),
        (
            "{secrets: {npm: {environment: NOT_SET}}}",
            "44: .secrets.npm.environment: the variable NOT_SET is not set; export it before running deployer",
        ),
        (
            "{secrets: ['id=npm,src=none']}",
            "25: .secrets.npm.file: none cannot be read: No such file or directory",
        ),
    ],
)
def test_errors_are_reported_where_they_are_written(build: str, said: str) -> None:
    column, _, rest = said.partition(": ")
    text = f"- hosts: all\n  containers:\n    web:\n      build: {build}\n"
    assert complaints(text) == [f"site.yml:4:{column}: containers.web.build{rest}"]


def test_several_platforms_are_built_here_and_pushed() -> None:
    several = "build: {context: ., on: controller, platforms: [linux/arm64, linux/amd64, linux/arm64]}"
    (found,) = builds(f"images: {{'reg.example.com/a:1': {{{several}, push: true}}}}").values()
    assert (found.platforms, found.platform) == (("linux/amd64", "linux/arm64"), "")
    wrong = several.replace("on: controller", "platform: linux/arm64")
    assert complaints(f"- hosts: all\n  images:\n    a:1:\n      {wrong}\n") == [
        "site.yml:4:61: images.a:1.build.platforms: a host builds for one platform; write on: controller, which builds "
        "with buildx",
        "site.yml:4:61: images.a:1.build.platforms: 'platform' and 'platforms' exclude each other; each host pulls for "
        "its own one",
        "site.yml:4:61: images.a:1.build.platforms: an image for several platforms is pushed to its registry, under "
        "its name; write push: true beside build",
    ]
    (said,) = complaints(f"- hosts: all\n  containers:\n    web:\n      {several}\n")
    assert said.endswith("declare it under images with this build and push: true, and name it here")


def test_an_argument_may_be_no_secret() -> None:
    (found,) = complaints("- hosts: all\n  containers:\n    web:\n      build: {args: {PW: '{{ pw }}'}}", pw=secret())
    assert found.endswith(
        "containers.web.build.args.PW: is secret, and the image's history and labels show it; write it under "
        "build.secrets, and RUN --mount=type=secret,id=…"
    )


def test_a_pattern_that_is_none_is_reported_with_its_file() -> None:
    Path(".dockerignore").write_text("a\n[\n")
    said = ".dockerignore: line 2: '[' is not a pattern: a '[' has no end"
    assert complaints("- hosts: all\n  containers:\n    web:\n      build: .\n") == [
        f"site.yml:4:14: containers.web.build.context: {said}"
    ]


def test_one_image_is_built_in_one_way() -> None:
    text = "- hosts: all\n  containers:\n    one: {build: ., image: a:1}\n    two: {build: ., image: a:1}\n"
    problems = Problems()
    check_builds([desired(text)], problems)
    assert not problems.errors
    check_builds([desired(text.replace("two: {build: .", "two: {build: {target: x}"))], problems)
    assert [str(found) for found in problems] == [
        "site.yml:4:18: container.two: image a:1 is built in another way at site.yml:3:18; "
        "give one of them another name"
    ]
