"""Where a host offers neither a shell nor SFTP: the container through which its files are read."""

from __future__ import annotations

from msgspec.structs import replace

from deployer.model.files import Manifest, Written
from deployer.model.observed import Observed, Stub
from deployer.planning.drift import find_drift
from deployer.planning.policy import Policy
from deployer.planning.reconcile import destroy
from tests.planning.build import applied, changes, nothing, plan, play, refusals, steps

ONE = "files: {/etc/a: {content: a}}\n"
TWO = "files: {/etc/a: {content: b}, /etc/b: {content: b}}\n"
MISSING = "container deployer.files, through which files of this host are read, does not exist"


def host(*paths: str, unread: bool = True, project: str = "shop") -> Observed:
    """A host of which the project wrote these files. Unless they are unread, the container exists."""
    entries = {path: Written("0" * 64) for path in paths}
    known = {project: Manifest(1, entries)} if paths else {}
    others = () if unread else (Stub("f" * 64, "deployer.files", "", "created"),)
    return replace(applied(""), manifests=known, unread=unread, others=others)


def test_it_is_created_before_the_first_file_is_written() -> None:
    found = plan(ONE, host())
    assert steps(found) == [
        "#1 file./etc/a, CreateFilesContainer deployer.files, files are read through it",
        "#2 file./etc/a, WriteManifest deployer.manifest.shop.1, what is written is on record",
        "[1,2] -> #3 file./etc/a, PutFile /etc/a, missing",
    ]
    assert "what is there is not known" in "".join(found.notes)
    assert all(not step.undo for step in found.steps[:1])


def test_files_on_record_are_not_written_before_they_are_read() -> None:
    found = plan(TWO, host("/etc/a"))
    assert changes(found) == ["+ file./etc/b"]
    assert found.notes == (f"{MISSING}: it is created; files on record are compared by the next plan",)
    for text in (ONE, "files: {/etc/a: {state: absent}}\n", "prune: true\n"):
        found = plan(text, host("/etc/a", "/etc/b"))
        assert changes(found) == [f"~ file./etc/a (not read: {MISSING})"]
        assert steps(found) == ["#1 file./etc/a, CreateFilesContainer deployer.files, files are read through it"]
    assert nothing(plan("", host("/etc/a")))


def test_drift_tells_that_they_are_not_read() -> None:
    found = find_drift(play(ONE), host("/etc/a")).found
    assert [(str(each.address.name), str(each.verdict), each.detail) for each in found] == [
        ("/etc/a", "cannot be read", MISSING)
    ]


def test_it_goes_with_the_last_project_that_has_files() -> None:
    assert refusals(destroy(play(ONE), host("/etc/a"), Policy())) == [f"file./etc/a: {MISSING}"]
    gone = destroy(play(ONE), host("/etc/a", unread=False), Policy())
    assert [text.partition(", ")[2] for text in steps(gone)] == [
        "RemoveFilesContainer deployer.files, destroyed, at last",
        "RemoveManifest deployer.manifest.shop.1, destroyed, at last",
    ]
    assert len(gone.changes) == 1
    assert nothing(destroy(play(ONE), host("/etc/b", unread=False, project="other"), Policy()))
    assert nothing(destroy(play(""), host(unread=False), Policy()))
