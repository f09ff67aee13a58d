"""Images that are built: when, why, and what follows for containers."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from deployer.config.build_context import remember_built
from deployer.model.build import LABEL
from deployer.model.desired import Desired
from deployer.model.drift import Verdict
from deployer.model.observed import Observed, ObservedImage
from deployer.model.operations import BuildImage
from deployer.planning.drift import find_drift
from deployer.planning.earlier import after
from deployer.planning.image.build import only_builds
from tests.planning.build import EMPTY, HOST, answer, applied, changed, changes, nothing, plan, play, steps

REF = "docker.io/library/web:1"
BASE = "docker.io/library/node:22"
SECRETS = {"token": "one"}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app" / "src").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "app")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    Path("Dockerfile").write_text("FROM node:22\n")
    Path("src/app.js").write_text("app")


def shop(build: str = "{context: .}", token: str = "one", key: bytes = b"k" * 32) -> Desired:
    return play(f"containers: {{web: {{image: web:1, build: {build}}}}}", secrets={"token": token}, sealing_key=key)


def built(wish: Desired, base: str = "") -> Observed:
    """The host after the play."""
    host = replace(applied(wish), tags={}, images={})
    if base:
        host = replace(host, images={base: ObservedImage(base, digests=frozenset({base}))}, tags={BASE: base})
    (step,) = (each.operation for each in plan(wish, host).steps if isinstance(each.operation, BuildImage))
    remember_built(step.build)
    made = ObservedImage(
        "image web:1",
        frozenset({REF}),
        arch="amd64",
        values=applied(wish).images["image web:1"].values,
        build=step.labels[LABEL],
    )
    return replace(host, images={**host.images, made.id: made}, tags={**host.tags, REF: made.id})


def reason(wish: Desired, host: Observed) -> str:
    return changes(plan(wish, host))[0].partition("(")[2].removesuffix(")")


def test_drift_names_what_changed_of_a_build() -> None:
    wish = "images: {'web:1': {build: .}}\ncontainers: {web: {image: web:1}}\njobs: {up: {image: web:1}}"
    host = changed(applied(wish), "up", state="exited")
    host = replace(host, **{name: getattr(built(shop()), name) for name in ("images", "tags")})
    assert find_drift(play(wish), host).found == ()
    Path("src/app.js").write_text("App")
    found = find_drift(play(wish), host).found
    assert [f"{each.address.label}: {each.verdict}: {each.detail}" for each in found] == [
        "image.web:1: the image has to be built again: src/app.js changed",
        "container.web: the image has to be built again: src/app.js changed",
        "job.up: the image has to be built again: src/app.js changed",
    ]
    (gone, *_) = find_drift(shop(), replace(host, images={}, tags={})).found
    assert (gone.verdict, gone.detail) == (Verdict.TO_BUILD, "web:1 is not on the host")


def test_an_image_is_built_before_its_container_is_created() -> None:
    assert steps(plan(shop(), replace(applied(EMPTY)))) == [
        "#1 image.web:1, BuildImage docker.io/library/web:1, build",
        "[1] -> #2 container.web, CreateContainer web, missing",
        "[2] -> #3 container.web, StartContainer made by #2, missing",
        "[3] -> #4 container.web, AwaitHealthy made by #2, must work",
    ]
    host = built(shop())
    assert nothing(plan(shop(), host))
    assert nothing(plan(play("images: {'web:1': {build: .}}\ncontainers: {web: {image: web:1}}"), host))


def test_a_changed_file_builds_again_and_replaces_the_container() -> None:
    host = built(shop())
    Path("src/app.js").write_text("App")
    assert changes(plan(shop(), host)) == [
        "~ image.web:1 (build, src/app.js changed)",
        "+/- container.web (start-first: no downtime): image web:1 (image web:1) → web:1 (to be built)",
    ]
    Path("src/app.js").write_text("app")
    assert nothing(plan(shop(), host))
    for name in "abcde":
        Path(name).write_text(name)
    assert reason(shop(), host) == "build, a, b, c and 2 more changed"
    for name in "bcde":
        Path(name).unlink()
    assert reason(shop(), host) == "build, a is new"
    Path("a").unlink()
    Path("src/app.js").unlink()
    assert reason(shop(), host) == "build, src/app.js is gone"


def test_the_plan_says_which_host_builds() -> None:
    shown = [steps(plan(shop(f"{{on: {on}}}"), applied(EMPTY)))[0] for on in (HOST, "each", "yard", "controller")]
    assert [line.rpartition(", ")[2] for line in shown] == ["build", "build", "build on yard", "build on controller"]


def test_an_image_for_several_platforms_is_pushed_by_what_builds_it() -> None:
    """No host pushes its own platform in place of all. Other platforms are another image."""

    def several(*platforms: str) -> Desired:
        build = f"{{context: ., on: controller, platforms: [{', '.join(platforms)}]}}"
        return play(f"images: {{'web:1': {{build: {build}, push: true}}}}\ncontainers: {{web: {{image: web:1}}}}")

    both = several("linux/arm64", "linux/amd64")
    where = "build on controller for linux/amd64 and linux/arm64, and push"
    assert [line for line in steps(plan(both, applied(EMPTY))) if "image" in line] == [
        f"#1 image.web:1, BuildImage docker.io/library/web:1, {where}"
    ]
    host = built(both)
    assert nothing(plan(both, host))
    assert nothing(plan(both, built(both, base="sha256:one"))), "what base image a host has is no matter"
    (label,) = {built(both, base).images["image web:1"].build for base in ("", "sha256:one")}
    assert '"bases"' not in label
    assert reason(several("linux/amd64"), host) == (
        "build on controller for linux/amd64, and push, the build's settings changed"
    )


def test_every_other_cause_is_named() -> None:
    secret = "{secrets: {npm: {value: '{{ token }}'}}, args: {V: 1}}"
    host = built(shop(secret), base="sha256:one")
    for key in ("no_cache: true", "pull: true", "cache_from: [x]", "on: controller"):
        assert nothing(plan(shop(secret[:-1] + f", {key}}}"), host)), key
    assert reason(shop(secret.replace("V: 1", "V: 2")), host) == "build, argument V changed"
    assert reason(shop(secret[:-1] + ", target: x}"), host) == "build, the build's settings changed"
    assert reason(shop(secret, token="two"), host) == "build, secret npm changed"
    assert nothing(plan(shop(secret, token="two", key=b"x" * 32), host)), "sealed with the key of another controller"
    assert reason(shop("{args: {V: 1}}"), host) == "build, secret npm changed"
    Path("Dockerfile").write_text("FROM node:22\nCMD x\n")
    assert reason(shop(secret), host) == "build, Dockerfile changed"
    Path("src/app.js").write_text("App")
    changed = reason(shop(secret.replace("V: 1", "V: 2")), host)
    assert changed == "build, Dockerfile changed, src/app.js changed and 1 more"


def test_a_base_image_counts_where_both_are_known() -> None:
    known, unknown = built(shop(), base="sha256:one"), built(shop())
    moved = ObservedImage("sha256:two", digests=frozenset({"sha256:two"}))
    new = replace(known, images={**known.images, moved.id: moved}, tags={**known.tags, BASE: moved.id})
    assert reason(shop(), new) == f"build, base image {BASE} changed"
    assert nothing(plan(shop(), replace(known, tags={REF: known.tags[REF]}))), "removed from the host"
    assert nothing(plan(shop(), replace(unknown, images={**unknown.images, moved.id: moved}, tags=new.tags)))
    for on in ("controller", "yard"):
        assert nothing(plan(shop(f"{{on: {on}}}"), new)), "the base image of the host that builds counts"
    for on in (HOST, "each"):
        assert reason(shop(f"{{on: {on}}}"), new) == f"build, base image {BASE} changed"
    asked = replace(known, registry={BASE: answer("sha256:three")})
    assert nothing(plan(shop(), asked)), "nobody asked for the newest"
    assert reason(shop("{pull: true}"), asked) == f"build, base image {BASE} changed"
    assert nothing(plan(shop("{pull: true}"), replace(known, registry={BASE: answer("")})))


def test_an_image_of_the_name_that_was_not_built_here_is_built() -> None:
    host = applied(shop())
    assert reason(shop(), host) == "build, deployer did not build the one on the host"
    assert "to be built" in changes(plan(shop(), host))[1]


def test_a_later_play_uses_what_an_earlier_one_builds() -> None:
    host = built(shop())
    Path("src/app.js").write_text("App")
    other = play("containers: {api: {image: web:1}}")
    first = plan(shop(), host)
    both = replace(host, containers=(*host.containers, *applied(other).containers))
    assert changes(plan(other, after(both, first))) == [
        "+/- container.api (start-first: no downtime): image web:1 (image web:1) → web:1 (to be built)"
    ]
    assert not [each for each in plan(shop(), after(host, first)).steps if isinstance(each.operation, BuildImage)]


def test_image_build_builds_what_containers_build_too_and_nothing_else() -> None:
    wish = play("""
        prune: true
        images: {'web:1': {build: .}, 'redis:7': {}}
        networks: {front: {}}
        containers: {web: {image: web:1}, api: {build: .}, old: {build: ., image: old:1, state: absent}}
    """)
    found = plan(only_builds(wish), applied(EMPTY))
    assert changes(found) == ["+ image.shop-api:latest (build)", "+ image.web:1 (build)"]
    assert [step.address.name for step in found.steps] == ["shop-api:latest", "web:1"]
