"""What a validating container has, what is said of one that refuses, and what is left afterwards."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from deployer.applying import validating
from deployer.applying.health import WaitInterruptedError
from deployer.applying.validating import validate_files
from deployer.errors import EngineError, ResourceError
from deployer.model.operations import MakeDirectory, MakeLink, PutFile, ValidateFiles
from deployer.simulated import SimulatedEngine
from tests.applying.engines import IMAGE, Clock, app_engine, states, surrounded, volumes


def put(path: str, text: str, **own: Any) -> PutFile:
    data = text.encode()
    return PutFile(path, hashlib.sha256(data).hexdigest(), len(data), content=data, **{"mode": 0o640, **own})


CHECK = ValidateFiles(
    name="deployer.validate.1",
    paths=("/etc/web/a",),
    image=IMAGE,
    platform="",
    command=("true",),
    shown="check in app:1",
    labels={"deployer.project": "shop"},
    files=(
        ("/conf/a", put("/etc/web/a", "new", owner="7", group="app")),
        ("/conf/link", MakeLink("/etc/web/link", "a")),
        ("/conf/sub", MakeDirectory("/etc/web/sub", 0o750)),
        ("/own", put("/own", "alone")),
    ),
    copied=(("/conf", "/etc/web"),),
)


def on_host(engine: SimulatedEngine, files: dict[str, str]) -> None:
    """Files in /etc/web."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(f"web/{name}")
            member.size, member.mode = len(text), 0o600
            tar.addfile(member, io.BytesIO(text.encode()))
    bind = {"Type": "bind", "Source": "/etc", "Target": "/etc"}
    made, _ = engine.create_container("writer", {"Image": IMAGE, "HostConfig": {"Mounts": [bind]}}, "")
    engine.put_archive(made, "/etc", io.BytesIO(target.getvalue()))
    engine.remove_container(made, force=True, anonymous_volumes=True)


def inside(engine: SimulatedEngine, container: str, path: str) -> dict[str, tuple[str, int, int]]:
    """Content or target, mode and owner, by path."""
    with engine.get_archive(container, path) as pieces:
        data = io.BytesIO(b"".join(pieces))
    with tarfile.open(fileobj=data) as tar:
        return {
            member.name: (
                content.read().decode()
                if (content := tar.extractfile(member)) and member.isfile()
                else member.linkname,
                member.mode,
                member.uid,
            )
            for member in tar
        }


def looked(engine: SimulatedEngine, check: ValidateFiles, path: str) -> dict[str, tuple[str, int, int]]:
    """What the command sees there."""
    seen: dict[str, tuple[str, int, int]] = {}

    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "start_container":
            seen.update(inside(engine, args[0], path))
        return call()

    validate_files(surrounded(engine, around), Clock(), check, lambda: False)
    return seen


@pytest.fixture
def engine() -> SimulatedEngine:
    return app_engine()


def nothing_left(engine: SimulatedEngine) -> bool:
    return (states(engine), volumes(engine)) == ({}, [])


def test_what_is_new_is_over_what_is_there(engine: SimulatedEngine) -> None:
    on_host(engine, {"a": "old", "b": "old", "other/c": "old"})
    found = looked(engine, replace(CHECK, mounted=(("/conf/other", "/srv/other"),)), "/conf")
    assert {path: facts for path, facts in found.items() if path not in ("conf", "conf/other")} == {
        "conf/a": ("new", 0o640, 7),
        "conf/b": ("old", 0o600, 0),
        "conf/link": ("a", 0o777, 0),
        "conf/sub": ("", 0o750, 0),
    }
    assert nothing_left(engine)
    assert looked(engine, CHECK, "/own") == {"own": ("alone", 0o640, 0)}
    missing = replace(CHECK, copied=(("/conf", "/srv/missing"),))
    assert sorted(looked(engine, missing, "/conf")) == ["conf", "conf/a", "conf/link", "conf/sub"]


def refused(engine: SimulatedEngine, check: ValidateFiles, stopped: bool = False) -> ResourceError:
    with pytest.raises(ResourceError) as caught:
        validate_files(engine, Clock(), check, lambda: stopped)
    assert nothing_left(engine)
    return caught.value


def test_a_command_that_refuses(engine: SimulatedEngine) -> None:
    check = replace(CHECK, command=("sh", "-c", "exit 3"))
    found = refused(engine, check)
    assert (found.message, found.hint) == (
        "check in app:1 ended with code 3:\nsimulated: deployer.validate.1 started\nsimulated: running sh\n"
        "simulated: deployer.validate.1 ended with exit code 3",
        "nothing was changed on the host",
    )
    secret = refused(engine, replace(check, secret=True)).message
    assert secret.endswith("ended with code 3; what it says is not shown, since the files are secret")


def test_one_that_does_not_end() -> None:
    engine = app_engine({IMAGE: "run"})
    check = replace(CHECK, command=("serve",), timeout=5)
    assert refused(engine, check).message.startswith("check in app:1 did not end within 5s")
    assert isinstance(refused(engine, check, stopped=True), WaitInterruptedError)


def test_what_a_killed_run_left_is_removed(engine: SimulatedEngine) -> None:
    for name in (CHECK.name, f"{CHECK.name}.copy"):
        engine.create_container(name, {"Image": IMAGE, "Volumes": {"/x": {}}}, "")
    validate_files(engine, Clock(), CHECK, lambda: False)
    assert nothing_left(engine)


def test_what_is_too_large_is_not_copied(engine: SimulatedEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validating, "_MOST", 20_480)
    on_host(engine, {"a": "x" * 30_000})
    for check, what in (
        (CHECK, "/etc/web"),
        (replace(CHECK, copied=(), files=(("/a", put("/a", "y" * 30_000)),)), "/a"),
    ):
        found = refused(engine, check)
        assert found.message == f"{what} is too large: the container that validates gets copies of at most 20 KiB"
        assert found.hint == "mount only the directories that the command reads"


def test_an_engine_that_fails(engine: SimulatedEngine) -> None:
    def around(name: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if name == "start_container":
            raise EngineError('exec: "true": not found', status=400)
        return call()

    with pytest.raises(ResourceError, match="check in app:1 cannot be run: exec"):
        validate_files(surrounded(engine, around), Clock(), CHECK, lambda: False)
    assert nothing_left(engine)
