"""Builds: context, Dockerfile, arguments and labels; what real engines execute, show and refuse."""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path

import pytest
from msgspec.structs import replace

from deployer.config.build_context import read_context, read_ignored
from deployer.engine.buildkit.session import Job
from deployer.engine.classic_build import build_image
from deployer.engine.client import DockerEngine
from deployer.errors import EngineError, ResourceError
from deployer.interfaces import Json
from deployer.model.build import Build
from deployer.values import dockerfile
from tests.contract.sandbox import BUSYBOX, Sandbox, each_real_engine

SECRET = "tok$en '\"#% \u00e9"


def build_of(folder: Path, text: str, **options: object) -> Build:
    _, ignored = read_ignored(folder, None)
    context = read_context(folder, ignored)
    bases = dockerfile.bases(text, {})
    return Build(str(folder), text, files=context.files, bases=bases, **options)  # type: ignore[arg-type]


def built(sandbox: Sandbox, ref: str, build: Build, heard: list[Json] | None = None) -> Json:
    sandbox.tags.append(ref)
    progress = heard.append if heard is not None else lambda _: None
    sandbox.engine.build_image(f"docker.io/library/{ref}", build, {"deployer.build": "{}"}, lambda _: None, progress)
    found = sandbox.engine.inspect_image(ref)
    assert found is not None
    return found


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    made = tmp_path / "context"
    (made / "src").mkdir(parents=True)
    (made / "src" / "app.js").write_text(f"hello {uuid.uuid4()}\n")  # an engine keeps what it built before
    return made


def test_an_image_has_what_its_dockerfile_and_its_request_say(sandbox: Sandbox, folder: Path) -> None:
    ref, heard = sandbox.name("web") + ":1", list[Json]()
    text = f'FROM {BUSYBOX}\nARG V\nENV MODE=x\nCOPY src /app/\nEXPOSE 80\nWORKDIR /app\nCMD ["cat", "app.js"]\n'
    found = built(sandbox, ref, build_of(folder, text, args={"V": "1"}, labels={"own": "1"}), heard)
    config = found["Config"]
    assert config["Labels"] == {"own": "1", "deployer.build": "{}"}
    assert (config["Cmd"], config["WorkingDir"]) == (["cat", "app.js"], "/app")
    assert "MODE=x" in config["Env"]
    assert config["ExposedPorts"] == {"80/tcp": {}}
    assert any("COPY src /app/" in str(message.get("step")) for message in heard)
    again = built(sandbox, ref, build_of(folder, text, args={"V": "1"}, labels={"own": "1"}))
    assert again["Id"] == found["Id"], "an unchanged context"
    (folder / "src" / "app.js").write_text("world\n")
    assert built(sandbox, ref, build_of(folder, text, args={"V": "1"}, labels={"own": "1"}))["Id"] != found["Id"]


@each_real_engine
def test_a_base_image_that_is_not_there_is_named(sandbox: Sandbox, folder: Path) -> None:
    text = "FROM registry.invalid:1/nothing:1\n"
    with pytest.raises(EngineError, match="nothing"):
        built(sandbox, sandbox.name("none") + ":1", build_of(folder, text))


@each_real_engine
def test_what_is_built_runs_with_its_files_and_shows_no_secret(sandbox: Sandbox, folder: Path) -> None:
    """Ignored files, modes, links, names, a large file, a secret, and a Dockerfile outside of the context."""
    (folder / "src" / "caf\u00e9 1.txt").write_text("x")
    (folder / "src" / "run.sh").write_text("#!/bin/sh\n")
    (folder / "src" / "run.sh").chmod(0o755)
    (folder / "src" / "link").symlink_to("app.js")
    (folder / "empty").mkdir()
    big = os.urandom(3_000_000)
    (folder / "big").write_bytes(big)
    (folder / "left.log").write_text("out")
    (folder / ".dockerignore").write_text("*.log\n.dockerignore\n")
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    text = f"""FROM {BUSYBOX}
COPY . /app
RUN --mount=type=secret,id=token sha256sum /run/secrets/token | grep -q {digest} && \\
    find /app | sort > /listing && stat -c "%a %n" /app/src/run.sh >> /listing && readlink /app/src/link >> /listing
CMD ["cat", "/listing"]
"""
    ref = sandbox.name("files") + ":1"
    found = built(sandbox, ref, build_of(folder, text, secrets={"token": SECRET.encode()}))
    assert SECRET not in str(found)
    name = sandbox.container("files", {"Image": ref, "Cmd": ["cat", "/listing"]}, start=True)
    assert sandbox.engine.wait_container(name) == 0
    listing = sandbox.engine.container_logs(name, tail=50).splitlines()
    names = ["", "/big", "/empty", "/src", "/src/app.js", "/src/caf\u00e9 1.txt", "/src/link", "/src/run.sh"]
    assert listing == [*(f"/app{each}" for each in names), "755 /app/src/run.sh", "app.js"]


@each_real_engine
def test_a_failed_instruction_is_shown_with_its_line_and_output(sandbox: Sandbox, folder: Path) -> None:
    text = f"FROM {BUSYBOX}\n\nRUN echo first && \\\n    echo oh no >&2 && exit 7\n"
    with pytest.raises(EngineError) as failed:
        built(sandbox, sandbox.name("fails") + ":1", build_of(folder, text))
    assert failed.value.message.startswith("RUN echo first && echo oh no >&2 && exit 7 (Dockerfile:3): ")
    assert "exit code: 7" in failed.value.message
    assert sorted(failed.value.hint.splitlines()) == ["first", "oh no"], "both streams, in any order"
    changed = build_of(folder, f"FROM {BUSYBOX}\nCOPY . /app\n")
    (folder / "src" / "app.js").write_text("HELLO\n")
    with pytest.raises(ResourceError, match=r"src/app\.js changed after the plan was created"):
        built(sandbox, sandbox.name("fails") + ":1", changed)


@each_real_engine
def test_the_classic_builder_builds_the_same(sandbox: Sandbox, folder: Path) -> None:
    """Real engines still have it, beside BuildKit."""
    assert isinstance(sandbox.engine, DockerEngine)
    (folder / ".dockerignore").write_text("*.log\n")
    (folder / "left.log").write_text("out")
    (folder / "link").symlink_to("src/app.js")
    ref, heard = sandbox.name("classic") + ":1", list[Json]()
    sandbox.tags.append(ref)
    text = (
        f"FROM {BUSYBOX}\nCOPY . /app\nRUN test -e /app/link && ls -A /app | tr '\\n' ' ' > /l && exit 0\nCMD cat /l\n"
    )
    job = Job(ref, build_of(folder, text), {"deployer.build": "{}"}, lambda _: None, heard.append)
    http = sandbox.engine._http
    build_image(http, job)
    found = sandbox.engine.inspect_image(ref)
    assert found is not None
    assert found["Config"]["Labels"] == {"deployer.build": "{}"}
    name = sandbox.container("classic", {"Image": ref, "Cmd": ["cat", "/l"]}, start=True)
    assert sandbox.engine.wait_container(name) == 0
    assert sandbox.engine.container_logs(name, tail=5) == ".dockerignore link src "
    assert {"step": f"Step 1/5 : FROM {BUSYBOX}"} in heard
    with pytest.raises(EngineError, match=r"^Dockerfile: .*returned a non-zero code: 3$"):
        build_image(http, replace(job, build=build_of(folder, text.replace("exit 0", "exit 3"))))
