"""Files on their way to BuildKit, as its protocol has them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.config.build_context import read_context
from deployer.engine.buildkit.files import DiffCopy, context_files, dockerfile, only
from deployer.engine.buildkit.protobuf import Message, encode
from deployer.errors import ResourceError
from deployer.model.build import Build
from deployer.values.ignore_file import Ignored


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Build:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "app"
    (folder / "src" / "deep").mkdir(parents=True)
    for name, text in {"a": "1", "big": "x" * 70000, "src/deep/c": "3", "src.js": "4"}.items():
        (folder / name).write_text(text)
        os.utime(folder / name, ns=(5, 7_000_000_001))
    (folder / "a").chmod(0o4755)
    (folder / "link").symlink_to("src")
    return Build(str(folder), "FROM x\n", files=read_context(folder, Ignored()).files)


def packets(call: DiffCopy) -> Iterator[Message]:
    return (Message(message) for message in call.messages())


def test_names_go_first_and_contents_when_they_are_asked_for(build: Build) -> None:
    sent: list[int] = []
    call = DiffCopy(context_files(build), (), sent.append)
    listed = [next(found.messages(2), None) for found in packets(call)]
    assert listed.pop() is None, "the end of the list"
    assert [found.text(1) for found in listed if found] == [
        "a",
        "big",
        "link",
        "src",
        "src/deep",
        "src/deep/c",
        "src.js",
    ]
    first, _, link, folder, *_ = (found for found in listed if found)
    assert (first.number(2), first.number(5), first.number(6) // 10**9) == (0o755 | 1 << 23, 1, 7)
    assert (link.number(2), link.text(7)) == (0o777 | 1 << 27, "src")
    assert folder.number(2) == 1 << 31 | stat.S_IMODE(Path(build.context, "src").stat().st_mode)
    call.receive(encode({1: 1, 3: 1}))
    call.receive(encode({1: 1}))
    data = [(found.number(3), len(found.data(4))) for found in packets(call)]
    assert data == [(1, 65472), (1, 4528), (1, 0), (0, 1), (0, 0)]
    assert sum(sent) == 70001
    assert not call.ended
    call.receive(encode({1: 3}))
    assert [found.number(1) for found in packets(call)] == [3]
    assert call.ended


def test_a_change_shows_although_size_and_time_are_the_same(build: Build) -> None:
    before = {found.file.path: found.modified for found in context_files(build)}
    Path(build.context, "a").write_text("2")
    os.utime(Path(build.context, "a"), ns=(5, 7_000_000_001))
    changed = Build(build.context, "FROM y\n", files=read_context(Path(build.context), Ignored()).files)
    after = {found.file.path: found.modified for found in context_files(changed)}
    assert {path for path in after if after[path] != before[path]} == {"a"}
    assert next(dockerfile(changed)).modified != next(dockerfile(build)).modified


def test_a_file_that_changed_since_the_plan_is_not_sent_as_it_is(build: Build) -> None:
    call = DiffCopy(context_files(build), (), lambda _: None)
    list(packets(call))
    Path(build.context, "a").write_text("2")
    call.receive(encode({1: 1, 3: 0}))
    with pytest.raises(ResourceError, match=r"^a changed after the plan was created$"):
        list(packets(call))


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ([".dockerignore"], []),
        (["a"], ["a"]),
        (["src.js", "/a"], ["a", "src.js"]),
        (["src/deep/*.js"], ["src", "src/deep", "src/deep/c"]),
        (["*.js"], None),
        (["."], None),
        (["link/deep"], None),
    ],
)
def test_only_what_an_instruction_may_use_is_listed(build: Build, patterns: list[str], names: list[str] | None) -> None:
    everything = [each.path for each in build.files]
    found = [each.file.path for each in only(context_files(build), patterns)]
    assert found == (everything if names is None else names)
