"""The volumes with the files of configs and secrets."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from deployer.applying import history
from deployer.errors import EngineError
from deployer.interfaces import Json
from deployer.model.container_names import NEW
from deployer.model.history import Record
from deployer.model.operations import WriteFiles
from deployer.model.outcome import Status
from deployer.model.plan import Counts, ResourceChange
from deployer.values.file_mount import PREFIX
from tests.applying.engines import surrounded
from tests.planning.build import play
from tests.planning.hosts import Host

RECORD = Record("shop", "", "", "", "", "ok", "1", Counts())

PLAY = """
configs: {app.conf: {content: "%s"}}
secrets: {db: {content: "%s"}}
containers:
  web:
    image: web:1
    configs: [{source: app.conf, target: /etc/app.conf}]
    secrets: [db]
    keep_previous: %d
"""


def wish(config: str = "one", secret: str = "hunter2", keep: int = 0) -> str:
    return PLAY % (config, secret, keep)


@pytest.fixture
def host() -> Host:
    host = Host()
    host.converge(wish())
    return host


def written(found: object) -> list[str]:
    return [field.name for field in found.diffs] if isinstance(found, ResourceChange) else []


def volumes(host: Host) -> set[str]:
    return {str(found["Name"]) for found in host.engine.list_volumes() if found["Name"].startswith(PREFIX)}


def file(host: Host, path: str) -> tuple[int, bytes]:
    """Its mode and content in the container `web`."""
    with (
        host.engine.get_archive("web", path) as pieces,
        tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as tar,
    ):
        (member,) = tar.getmembers()
        content = tar.extractfile(member)
        assert content is not None
        return member.mode, content.read()


def test_every_container_has_volumes_of_its_own_before_it_is_created() -> None:
    text = wish().replace("  web:", "  api: {image: web:1, secrets: [db]}\n  web:")
    found = Host().plan(text)
    names = [step.operation.name for step in found.steps if isinstance(step.operation, WriteFiles)]
    assert len(set(names)) == len(names) == 3
    shown = str(found)
    for number, name in enumerate(names):
        shown = shown.replace(name, f"volume{number}")
    assert shown.split("\n")[1:] == [
        "[1] -> #2 container.api, WriteFiles volume0, missing",
        "[2] -> #3 container.api, CreateContainer api, missing",
        "[3] -> #4 container.api, StartContainer made by #3, missing",
        "[1] -> #5 container.web, WriteFiles volume1, missing",
        "[5] -> #6 container.web, WriteFiles volume2, missing",
        "[6] -> #7 container.web, CreateContainer web, missing",
        "[7] -> #8 container.web, StartContainer made by #7, missing",
        "[4] -> #9 container.api, AwaitHealthy made by #3, must work",
        "[8] -> #10 container.web, AwaitHealthy made by #7, must work",
    ]


def test_files_are_where_the_container_expects_them(host: Host) -> None:
    assert file(host, "/run/secrets/db") == (0o400, b"hunter2")
    assert file(host, "/etc/app.conf") == (0o444, b"one")


def test_changed_content_replaces_the_container_and_writes_only_what_changed(host: Host) -> None:
    assert (host.plan(wish()).changes, host.plan(wish()).notes) == ((), ())
    (change,) = host.plan(wish(config="two")).changes
    assert [(field.name, field.old, field.new) for field in change.diffs] == [
        ("configs./etc/app.conf.content", "one", "two")
    ]
    (change,) = host.plan(wish(secret="hunter3")).changes
    assert [(field.name, field.old, field.new) for field in change.diffs] == [
        ("secrets./run/secrets/db.content", "***", "***")
    ]
    before = volumes(host)
    plan = host.plan(wish(config="two"))
    assert len([step for step in plan.steps if isinstance(step.operation, WriteFiles)]) == 1
    host.converge(wish(config="two"))
    assert len(volumes(host) - before) == 1
    assert file(host, "/etc/app.conf") == (0o444, b"two")


def test_neither_records_nor_bodies_tell_a_secret(host: Host) -> None:
    inspected = host.engine.inspect_container("web")
    assert "hunter2" not in str([inspected, host.engine.list_volumes(), host.plan(wish(secret="hunter3"))])


def test_volumes_go_when_no_container_has_them(host: Host) -> None:
    """A volume of another project stays, and one that an interrupted run left goes, with the container that wrote."""
    other = "deployer.files." + "0" * 32
    left = "deployer.files." + "1" * 32
    host.engine.create_volume({"Name": other, "Labels": {"deployer.project": "other"}})
    host.engine.create_volume({"Name": left, "Labels": {"deployer.project": "shop"}})
    mounts: list[Json] = [{"Type": "volume", "Source": left, "Target": "/deployer"}]
    host.engine.create_container(left, {"Image": "web:1", "HostConfig": {"Mounts": mounts}}, "")
    used = volumes(host) - {other, left}
    history.write(host.engine, RECORD, None)
    assert (volumes(host), set(host.containers)) == (used | {other}, {"web"})
    host.engine.remove_container("web", force=True, anonymous_volumes=False)
    history.write(host.engine, RECORD, None)
    assert volumes(host) == {other}


def test_a_lost_volume_is_no_empty_one(host: Host) -> None:
    """The engine would create what a mount names and does not exist."""
    found = host.plan(wish(config="two"))
    (name,) = (step.operation.name for step in found.steps if isinstance(step.operation, WriteFiles))

    def losing(method: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if method == "create_container" and args[0].endswith(NEW):
            raise AssertionError("it is not created")
        made = call()
        if method == "remove_container" and name in volumes(host) and args[0] != name:
            host.engine.remove_volume(name)
        return made

    done = host.execute_on(surrounded(host.engine, losing), found)
    (error,) = (result.error for result in done.results if result.status is Status.FAILED)
    assert error == f"volume {name} with the files of its configs or secrets does not exist any more"
    assert file(host, "/etc/app.conf") == (0o444, b"one")


def test_files_that_cannot_be_written_whole_are_removed(host: Host) -> None:
    before = volumes(host)

    def full(method: str, _args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        made = call()
        if method == "put_archive":
            raise EngineError("write /deployer/.files/etc/app.conf: no space left on device", status=500)
        return made

    done = host.execute_on(surrounded(host.engine, full), host.plan(wish(config="two")))
    (failed,) = (result for result in done.results if result.status is Status.FAILED)
    assert failed.hint.startswith("free space in the engine's data directory")
    assert (volumes(host), set(host.containers)) == (before, {"web"})


def test_another_controller_reads_what_it_cannot_tell_by_the_digest(host: Host) -> None:
    same, other = (play(wish(secret=secret), sealing_key=b"o" * 32) for secret in ("hunter2", "hunter3"))
    assert host.plan(same).changes == ()
    (change,) = host.plan(other).changes
    assert written(change) == ["secrets./run/secrets/db.content"]


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("a\\nb\\n", "a\\nc\\n", ("a\nb", "a\nc")),
        ("a\\n", "a", ("a\n", "a")),
        ("", "a", ("", "a")),
        ("a\\0", "b\\0", None),
        ("a", "b" * 65537, None),
    ],
    ids=["lines", "no newline", "empty", "binary", "long"],
)
def test_text_of_configs_is_shown_and_other_content_as_a_digest(
    before: str, after: str, shown: tuple[str, str] | None
) -> None:
    host = Host()
    host.converge(wish(config=before))
    (change,) = host.plan(wish(config=after)).changes
    ((old, new),) = [(field.old, field.new) for field in change.diffs]
    if shown is not None:
        assert (old, new) == shown
    else:
        assert (old[:7], new[:7], old == new) == ("sha256:", "sha256:", False)


@pytest.mark.parametrize(("before", "after"), [("a", "{{ pw }}"), ("{{ pw }}", "a")])
def test_a_config_with_a_secret_in_it_is_not_shown(before: str, after: str) -> None:
    host, secrets = Host(), {"pw": "hunter2"}
    host.converge(play(wish(config=before), secrets=secrets))
    (change,) = host.plan(play(wish(config=after), secrets=secrets)).changes
    assert "hunter2" not in str(change)
    assert "***" in {field.old for field in change.diffs} | {field.new for field in change.diffs}
