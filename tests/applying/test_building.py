"""An image of several hosts is built once in a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from deployer.applying.building import Builds, Site, build
from deployer.errors import EngineError, UnreachableError
from deployer.interfaces import Engine, EngineInfo
from deployer.model.build import LABEL, Build, BuildRecord, encode, without_bases
from deployer.model.operations import BuildImage


class Host:
    """An engine that only builds: it fails with `error`, if it has one. `bases`: which base images it has."""

    def __init__(self, name: str, error: Exception | None = None, arch: str = "amd64", **bases: str) -> None:
        self.name, self.error, self.arch, self.bases = name, error, arch, bases

    def describe(self) -> EngineInfo:
        return EngineInfo("26.1.5", "1.45", "1.45", "linux", self.arch)

    def build_image(self, _ref: str, _build: Build, labels: Mapping[str, str], *_: Any) -> None:
        if self.error is not None:
            raise self.error
        found = without_bases(labels[LABEL])[1]
        DONE.append(f"{self.name} built" + (f" from {found}" if self.name == "base" else ""))

    def inspect_image(self, reference: str) -> dict[str, str] | None:
        return {"Id": "sha256:1"} if reference in self.bases else None


DONE: list[str] = []
BUILDERS = {
    "yard": Host("yard"),
    "base": Host("base", node="2"),
    "away": Host("away", UnreachableError("connection refused", hint="start it")),
}


def run(tmp_path: Any, *hosts: Host, on: str = "", label: str = "a") -> list[str]:
    """What the hosts do one after the other, with the errors of those that fail."""
    DONE.clear()
    builds = Builds(lambda name: cast(Engine, BUILDERS[name]))
    for host in hosts:
        site = Site(
            host.name,
            cast(Engine, host),
            lambda _ref: None,
            lambda _doing, _sent: None,
            lambda name, _engine, _ref, source, _tell: DONE.append(f"{name} from {source}"),
            builds,
        )
        own = {LABEL: encode(BuildRecord(1, label if host.name != "other" else "b", "", "", bases=host.bases))}
        try:
            build(
                site,
                BuildImage(
                    "docker.io/library/web:1", Build(str(tmp_path), "FROM x", bases=("node", "nginx"), on=on), own
                ),
            )
        except (EngineError, UnreachableError) as error:
            DONE.append(f"{host.name}: {error.message}")
    return list(DONE)


@pytest.fixture(autouse=True)
def _state(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def test_the_first_host_builds_and_the_others_get_it(tmp_path: Any) -> None:
    one, two, three = Host("one"), Host("two"), Host("three")
    assert run(tmp_path, one, two, three) == ["one built", "two from one", "three from one"]
    assert run(tmp_path, one, two, on="each") == ["one built", "two built"]
    assert run(tmp_path, one, Host("other"), Host("arm", arch="arm64"), two) == [
        "one built",
        "other built",
        "arm built",
        "two from one",
    ], "from other files, and for another platform"


def test_a_base_image_that_only_some_hosts_have_makes_no_image_of_its_own(tmp_path: Any) -> None:
    """Hosts whose base images differ have an image each: the next plan compares with the host's own."""
    none, has, same, other = (
        Host("none"),
        Host("has", node="1"),
        Host("same", node="1", nginx="1"),
        Host("differs", node="2"),
    )
    assert run(tmp_path, has, none, same, other) == ["has built", "none from has", "same from has", "differs built"]
    assert run(tmp_path, none, on="base") == ["base built from {'node': 'sha256:1'}", "none from base"]
    assert run(tmp_path, none, has, other) == ["none built", "has from none", "differs from none"]


def test_a_build_that_fails_fails_for_all_and_a_lost_host_is_replaced(tmp_path: Any) -> None:
    broken = EngineError("RUN npm ci (Dockerfile:3): exit code: 1", status=0)
    assert run(tmp_path, Host("one", broken), Host("two")) == [f"one: {broken.message}", f"two: {broken.message}"]
    lost = UnreachableError("the connection was lost")
    assert run(tmp_path, Host("one", lost), Host("two"), Host("three")) == [
        "one: the connection was lost",
        "two built",
        "three from two",
    ]


def test_the_host_that_is_named_builds_once_and_for_one_platform(tmp_path: Any) -> None:
    one, two, arm = Host("one"), Host("two"), Host("arm", arch="arm64")
    assert run(tmp_path, one, arm, two, on="yard") == [
        "yard built",
        "one from yard",
        "arm: yard builds it for linux/amd64 in this run, not for linux/arm64",
        "two from yard",
    ]
    why = "away, which builds it, cannot be used: connection refused"
    assert run(tmp_path, one, two, on="away") == [f"one: {why}", f"two: {why}"], "the hosts themselves are not lost"
