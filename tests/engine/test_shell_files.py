"""Files through a shell: that of this machine, in a folder of the test."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest

from deployer.engine.shell_files import ShellFiles
from deployer.errors import FileError
from deployer.interfaces import FileKind
from deployer.model.operations import FinishFile, MakeLink, PutFile, RemoveFile, RestoreFile
from deployer.transport.shells import LocalShell
from tests.engine.full import full_disk

FILES = ShellFiles(LocalShell())


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def put(
    path: Path, text: str, before: str = "", size: int | None = None, validate: str = "", *, secret: bool = False
) -> None:
    words = ("sh", "-c", validate, "%s") if validate else ()
    length = len(text) if size is None else size
    operation = PutFile(str(path), sha(text), length, 0o640, validate=words, before=before, secret=secret)
    FILES.put(operation, io.BytesIO(text.encode()))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_kept_beside_the_new_one_until_the_run_is_over(tmp_path: Path) -> None:
    path = tmp_path / "new/it's $HOME"
    put(path, "one")
    put(path, "two", before=sha("one"))
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("two", 0o640)
    assert names(path.parent) == [f".{path.name}.deployer-old", path.name]
    assert FILES.look([str(path)])[str(path)].left
    FILES.restore(RestoreFile(str(path), sha("two"), existed=True))
    assert (path.read_text(), names(path.parent)) == ("one", [path.name])
    put(path, "two", before=sha("one"))
    FILES.finish(FinishFile(str(path), backup=True))
    assert [name.partition(".")[0] for name in names(path.parent)] == [path.name, path.name]
    FILES.restore(RestoreFile(str(path), sha("two"), existed=False))
    assert not path.exists()


def test_backups_of_one_second_and_what_a_killed_run_left_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "a"
    put(path, "0")
    for number in range(1, 4):
        put(path, str(number), before=sha(str(number - 1)))
        FILES.finish(FinishFile(str(path), backup=True))
    put(path, "4", before=sha("3"))
    FILES.remove(RemoveFile(str(path), sha("4"), backup=True))
    assert sorted(each.read_text() for each in tmp_path.iterdir()) == ["0", "1", "2", "3", "4"]
    assert not [name for name in names(tmp_path) if "deployer" in name]


def test_a_removed_file_takes_along_what_a_killed_run_left(tmp_path: Path) -> None:
    put(tmp_path / "a", "old")
    put(tmp_path / "a", "new", before=sha("old"))
    FILES.remove(RemoveFile(str(tmp_path / "a"), sha("new")))
    assert names(tmp_path) == []


def test_a_removed_file_is_kept_beside_its_place_and_comes_back_only_where_nothing_is(tmp_path: Path) -> None:
    path = tmp_path / "a"
    put(path, "one")
    FILES.remove(RemoveFile(str(path), sha("one"), keep=True))
    assert names(tmp_path) == [".a.deployer-old"]
    FILES.restore(RestoreFile(str(path), "", existed=True))
    assert (path.read_text(), names(tmp_path)) == ("one", ["a"])
    FILES.remove(RemoveFile(str(path), sha("one"), keep=True))
    path.write_text("theirs")
    FILES.restore(RestoreFile(str(path), "", existed=True))
    assert path.read_text() == "theirs"
    FILES.finish(FinishFile(str(path)))
    assert names(tmp_path) == ["a"]


def test_what_the_plan_did_not_see_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("theirs")
    for before, why in (("", "it was created since the plan was made"), (sha("x"), "it was changed since the plan")):
        with pytest.raises(FileError, match=why) as raised:
            put(path, "ours", before=before)
        assert raised.value.hint == "create a new plan"
    with pytest.raises(FileError, match="it was changed meanwhile, and is kept"):
        FILES.remove(RemoveFile(str(path), sha("ours")))
    FILES.restore(RestoreFile(str(path), sha("ours"), existed=False))
    assert (path.read_text(), names(tmp_path)) == ("theirs", ["a"])


def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    put(tmp_path / "a", "old")
    with pytest.raises(FileError, match="the upload was interrupted"):
        put(tmp_path / "a", "new", before=sha("old"), size=100)
    assert ((tmp_path / "a").read_text(), names(tmp_path)) == ("old", ["a"])


def test_what_a_validation_says_of_a_secret_is_not_shown(tmp_path: Path) -> None:
    for secret in (False, True):
        with pytest.raises(FileError) as raised:
            put(tmp_path / "a", "hunter2", validate="cat $0; exit 4", secret=secret)
        assert raised.value.message.endswith("validation exited with 4")
        assert ("hunter2" in raised.value.message) is not secret
    put(tmp_path / "a", "x", validate="grep -q x $0")
    assert names(tmp_path) == ["a"]


def test_a_link_to_a_directory_is_replaced_and_never_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link = tmp_path / "link"
    link.symlink_to("folder")
    FILES.link(MakeLink(str(link), "elsewhere", before="link folder"))
    assert (link.readlink(), names(tmp_path / "folder")) == (Path("elsewhere"), [])
    FILES.restore(RestoreFile(str(link), "link elsewhere", existed=True))
    assert (link.readlink(), names(tmp_path)) == (Path("folder"), ["folder", "link"])
    put(link, "text", before="link folder")
    assert (link.is_symlink(), names(tmp_path / "folder")) == (False, [])


def test_two_hundred_files_are_one_look(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number:03}").write_text(str(number))
    (tmp_path / "folder/sub").mkdir(parents=True)
    paths = [f"{tmp_path}/{number:03}" for number in range(201)]
    found = FILES.look([*paths, f"{tmp_path}/folder"], [f"{tmp_path}/folder"])
    assert len(found) == 201
    assert found[f"{tmp_path}/007"].sha256 == sha("7")
    folder = found[f"{tmp_path}/folder"]
    assert (folder.kind, folder.below) == (FileKind.DIRECTORY, (f"{tmp_path}/folder/sub",))


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full_disk(tmp_path, monkeypatch)
    with pytest.raises(FileError, match=r"cannot be written: dd: .*: No space left on device"):
        put(tmp_path / "to/a", "text")
    assert not any((tmp_path / "to").iterdir())


def test_names_that_others_gave(tmp_path: Path) -> None:
    """A backslash, and what Python takes for the end of a line, are parts of a name."""
    given = ("back\\slash", "back\\nslash", "form\fe", "line\u2028separator", "next\x85", " [end]", "stat 1")
    for name in given:
        (tmp_path / name).write_text(name)
    paths = [str(tmp_path / name) for name in given]
    found = FILES.look([str(tmp_path), *paths], trees=[str(tmp_path)])
    assert found[str(tmp_path)].below == tuple(sorted(paths))
    for path, name in zip(paths, given, strict=True):
        assert found[path].sha256 == sha(name), name
