"""`on_change`: files that change under a running container, and what it does then."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from deployer.errors import EngineError
from deployer.model.outcome import Status
from deployer.model.plan import HostPlan
from tests.applying.engines import surrounded
from tests.planning.build import play
from tests.planning.hosts import Host

PLAY = """
configs: {app.conf: {content: "%s", on_change: %s}, other: {content: same}}
secrets: {db: {content: "%s"}}
containers:
  web:
    image: web:1
    configs: [{source: app.conf, target: /etc/app.conf}, {source: app.conf, target: /run/configs/sub/copy}, other]
    secrets: [{source: db, on_change: {signal: hup}}]
    keep_previous: 0
    %s
"""
EXEC = "{exec: [nginx, -s, reload]}"


def wish(config: str = "one", how: str = EXEC, secret: str = "hunter2", more: str = "") -> str:
    return PLAY % (config, how, secret, more)


@pytest.fixture
def host() -> Host:
    host = Host()
    host.converge(wish())
    return host


def tree(host: Host, folder: str) -> dict[str, tarfile.TarInfo | bytes]:
    """Links and files below a folder of the container, by their path in it."""
    with host.engine.get_archive("web", folder) as pieces, tarfile.open(fileobj=io.BytesIO(b"".join(pieces))) as tar:
        found: dict[str, tarfile.TarInfo | bytes] = {}
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            found[member.name.partition("/")[2] or member.name] = content.read() if content is not None else member
        return found


def content(host: Host, target: str) -> bytes:
    """What a program reads there."""
    if target.startswith("/etc"):
        link = tree(host, target)[target.rpartition("/")[2]]
        assert isinstance(link, tarfile.TarInfo)
        target = link.linkname
    folder = "/".join(target.split("/")[:3])
    files = tree(host, folder)
    current = files["..data"]
    assert isinstance(current, tarfile.TarInfo)
    found = files[f"{current.linkname}/{target.removeprefix(f'{folder}/').removeprefix('..data/')}"]
    assert isinstance(found, bytes)
    return found


def shown(plan: HostPlan) -> list[str]:
    return [f"{change.action} {change.reason}" for change in plan.changes]


def steps(plan: HostPlan) -> list[str]:
    key = re.compile(r"[0-9a-f]{12,32}\b")
    return [key.sub("ID", str(step)) for step in plan.steps]


def test_only_the_files_change_and_the_container_is_told_once(host: Host) -> None:
    before = host.engine.inspect_container("web")
    assert (content(host, "/etc/app.conf"), content(host, "/run/configs/sub/copy")) == (b"one", b"one")
    assert content(host, "/run/secrets/db") == b"hunter2"
    plan = host.plan(wish("two"))
    assert shown(plan) == ["~ exec nginx -s reload: config app.conf changed"]
    assert [(found.name, found.old, found.new) for found in plan.changes[0].diffs] == [
        ("configs./etc/app.conf.content", "one", "two"),
        ("configs./run/configs/sub/copy.content", "one", "two"),
    ]
    assert steps(plan) == [
        "#1 container.web, WriteRecord ID, config app.conf changed [reload web]",
        "[1] -> #2 container.web, SwitchFiles deployer.files.ID, config app.conf changed [reload web]",
        "[2] -> #3 container.web, RunCommand ID, config app.conf changed [reload web]",
        "[3] -> #4 container.web, AwaitHealthy ID, config app.conf changed [reload web]",
        "[4] -> #5 container.web, WriteRecord ID, changed",
        "[5] -> #6 container.web, SwitchFiles deployer.files.ID, config app.conf changed, at last",
    ]
    for text in ("two", "one", "two"):
        host.converge(wish(text))
        assert (content(host, "/etc/app.conf"), content(host, "/run/configs/sub/copy")) == (text.encode(),) * 2
    assert [data for data in tree(host, "/run/configs").values() if data == b"one"] == []
    after = host.engine.inspect_container("web")
    assert before is not None
    assert after is not None
    assert after["State"]["StartedAt"] == before["State"]["StartedAt"]


@pytest.mark.parametrize(
    ("how", "expected", "operations"),
    [
        ("{signal: 10}", "~ signal SIGUSR1: config app.conf changed", ["SignalContainer"]),
        ("restart", "~ restart: config app.conf changed", ["RestartContainer"]),
        ("none", "~ config app.conf changed", []),
        ("recreate", "+/- replace, start-first: no downtime", None),
    ],
)
def test_every_reaction(how: str, expected: str, operations: list[str] | None) -> None:
    host = Host()
    host.converge(wish(how=how))
    plan = host.plan(wish("two", how))
    (change,) = plan.changes
    kinds = [type(step.operation).__name__ for step in plan.steps]
    if operations is None:
        assert "CreateContainer" in kinds
        assert change.action.replaces
        return
    assert shown(plan) == [expected]
    waits = ["AwaitHealthy"] if operations else []
    switch = ["SwitchFiles"]
    assert kinds == ["WriteRecord", *switch, *operations, *waits, "WriteRecord", *switch]
    host.converge(wish("two", how))


def test_several_reactions() -> None:
    """Each once; to restart the container includes them."""
    host = Host()
    host.converge(wish())
    both = host.plan(wish("two", secret="hunter3"))
    assert shown(both) == ["~ exec nginx -s reload and signal SIGHUP: config app.conf, secret db changed"]
    assert "hunter" not in str(both)
    assert shown(host.plan(wish("two", "restart", "hunter3"))) == ["~ restart: config app.conf, secret db changed"]
    assert host.plan(wish("two", "recreate", "hunter3")).changes[0].action.replaces
    memory = host.plan(wish("two", more="cpus: 1"))
    assert shown(memory) == ["~ in place, exec nginx -s reload: config app.conf changed"]
    host.converge(wish("two", more="cpus: 1"))


def test_how_it_reacts_is_no_difference(host: Host) -> None:
    assert host.plan(wish(how="{signal: HUP}")).changes == ()
    assert shown(host.plan(wish("two", "{signal: HUP}"))) == ["~ signal SIGHUP: config app.conf changed"]


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (
            wish(how="recreate").replace(", on_change: {signal: hup}", ""),
            wish("two"),
            "was created without on_change, ",
        ),
        (wish(how="restart"), wish("two"), ""),
        (wish(), wish("two").replace(", other]", "]"), ""),
    ],
    ids=["files cannot change", "read when it starts", "removed"],
)
def test_where_nothing_would_be_read_again_the_container_is_replaced(before: str, after: str, reason: str) -> None:
    host = Host()
    host.converge(before)
    (change,) = host.plan(after).changes
    assert change.action.replaces
    assert change.reason == f"{reason}start-first: no downtime"
    host.converge(after)
    assert shown(host.plan(after.replace("two", "three"))) == ["~ exec nginx -s reload: config app.conf changed"]


def test_a_command_that_fails_takes_the_content_back(host: Host) -> None:
    failing = wish("two", "{exec: [sh, -c, exit 3]}")
    done = host.execute_on(host.engine, host.plan(failing))
    (failed,) = [result for result in done.results if result.error]
    assert failed.error == "the command ended with code 3:\nsimulated: sh -c exit 3"
    assert content(host, "/etc/app.conf") == b"one"
    assert host.plan(wish()).changes == ()


def test_a_container_that_fails_gets_its_content_back_and_is_told_again(host: Host) -> None:
    told: list[str] = []

    def failing(method: str, args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if method == "create_exec":
            told.append(content(host, "/etc/app.conf").decode())
        found = call()
        if method == "inspect_container" and told == ["two"] and args[0] != "web":
            found = {**found, "RestartCount": 1}
        return found

    done = host.execute_on(surrounded(host.engine, failing), host.plan(wish("two", secret="hunter3")))
    errors = [result.error for result in done.results if result.error]
    assert errors == ["was restarted once"]
    assert [result.status for result in done.results if result.status is not Status.UNDONE][-1] is Status.SKIPPED
    assert told == ["two", "one"]
    assert (content(host, "/etc/app.conf"), content(host, "/run/secrets/db")) == (b"one", b"hunter2")
    assert host.plan(wish()).changes == ()


def test_after_a_run_that_was_killed_nothing_is_missed() -> None:
    """Whether the new content is declared again or the old one."""
    for number in range(1, 7):
        for then in ("one", "two"):
            host = Host()
            host.converge(wish())
            host.apply(wish("two"), steps=number)
            host.converge(wish(then))
            assert content(host, "/etc/app.conf") == then.encode()
    host = Host()
    host.converge(wish())
    host.apply(wish("two"), steps=2)
    plan = host.plan(wish())
    assert shown(plan) == ["~ exec nginx -s reload: config app.conf changed, continues after an interrupted run"]
    assert {(found.old[:14], found.new[:7]) for found in plan.changes[0].diffs} == {("perhaps sha256", "sha256:")}


def test_a_full_disk_leaves_the_content(host: Host) -> None:
    def full(method: str, _args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        if method == "put_archive":
            raise EngineError("write /deployer/x: no space left on device", status=500)
        return call()

    done = host.execute_on(surrounded(host.engine, full), host.plan(wish("two")))
    (error,) = (result.error for result in done.results if result.error)
    assert error.endswith("no space left on device")
    assert content(host, "/etc/app.conf") == b"one"


def test_content_whose_change_is_ignored_stays_on_record(host: Host) -> None:
    ignored = wish("two", more="ignore_changes: configs")
    assert host.plan(ignored).changes == ()
    host.converge(wish("two", more="{ignore_changes: configs, cpus: 1}".strip("{}").replace(", ", "\n    ")))
    assert shown(host.plan(wish("two", more="cpus: 1"))) == ["~ exec nginx -s reload: config app.conf changed"]


def test_a_container_that_does_not_run_is_told_nothing(host: Host) -> None:
    host.engine.stop_container("web", None)
    assert shown(host.plan(wish("two"))) == ["~ config app.conf changed", "> is exited with code 0"]
    host.converge(wish("two"))
    host.engine.pause_container("web")
    assert host.plan(wish("three")).changes[0].action.replaces


def test_another_controller_reads_secrets_to_tell_whether_they_changed(host: Host) -> None:
    same, other = (play(wish(secret=secret), sealing_key=b"o" * 32) for secret in ("hunter2", "hunter3"))
    assert host.plan(same).changes == ()
    assert shown(host.plan(other)) == ["~ signal SIGHUP: secret db changed"]
    host.converge(other)
    assert content(host, "/run/secrets/db") == b"hunter3"
