"""Files of a host without a shell."""

import hashlib

import pytest

from deployer.engine.transferred_files import TransferredFiles
from deployer.errors import FileError
from deployer.model.operations import FinishFile, MakeDirectory, PutFile, RemoveFile, RestoreFile
from deployer.simulated import SimulatedEngine
from deployer.simulated.host import SimulatedFiles


class Raced(SimulatedFiles):
    """Somebody else is first to make each directory."""

    def make_directory(self, path: str, *, mode: int) -> None:
        super().make_directory(path, mode=mode)
        super().make_directory(path, mode=mode)


def test_files_of_one_new_folder_are_written_side_by_side() -> None:
    engine = SimulatedEngine()
    files = Raced(engine.reading, engine.writing)
    TransferredFiles(files).put(PutFile("/etc/shop/motd", "", 2, 0o644), [b"hi"])
    assert files.stat("/etc/shop/motd") is not None


def test_a_directory_that_is_there_meanwhile_stays_as_it_is() -> None:
    engine = SimulatedEngine()
    files = SimulatedFiles(engine.reading, engine.writing)
    files.make_directory("/srv/app", mode=0o700)
    with pytest.raises(FileError, match="created since the plan was made") as caught:
        TransferredFiles(files).make_directory(MakeDirectory("/srv/app", 0o755))
    assert caught.value.untouched
    assert (found := files.stat("/srv/app")) is not None
    assert found.mode == 0o700


def test_backups_and_what_a_killed_run_left_are_kept_and_nothing_else_stays() -> None:
    engine = SimulatedEngine()
    files = SimulatedFiles(engine.reading, engine.writing)
    store, sums = TransferredFiles(files), [hashlib.sha256(str(number).encode()).hexdigest() for number in range(4)]
    for number in range(4):
        before = sums[number - 1] if number else ""
        store.put(PutFile("/etc/a", sums[number], 1, 0o644, before=before), [str(number).encode()])
        if number < 3:
            store.finish(FinishFile("/etc/a", backup=True))
    files.write("/etc/.a.deployer-new", [b"half"], mode=0o600)
    assert store.look(["/etc/a"])["/etc/a"].left
    store.remove(RemoveFile("/etc/a", sums[3], backup=True))
    kept = [f"/etc/{found.name}" for found in files.list("/etc")]
    assert sorted(content(files, path) for path in kept) == [b"0", b"1", b"2", b"3"]


def test_a_removed_file_is_kept_beside_its_place_and_comes_back_only_where_nothing_is() -> None:
    engine = SimulatedEngine()
    files = SimulatedFiles(engine.reading, engine.writing)
    store, one = TransferredFiles(files), hashlib.sha256(b"one").hexdigest()
    store.put(PutFile("/etc/a", one, 3, 0o644), [b"one"])
    store.remove(RemoveFile("/etc/a", one, keep=True))
    assert [found.name for found in files.list("/etc")] == [".a.deployer-old"]
    store.restore(RestoreFile("/etc/a", "", existed=True))
    assert content(files, "/etc/a") == b"one"
    store.remove(RemoveFile("/etc/a", one, keep=True))
    files.write("/etc/a", [b"theirs"], mode=0o600)
    store.restore(RestoreFile("/etc/a", "", existed=True))
    assert content(files, "/etc/a") == b"theirs"


def content(files: SimulatedFiles, path: str) -> bytes:
    with files.read(path) as pieces:
        return b"".join(pieces)
