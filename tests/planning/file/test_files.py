"""Files: written after the manifest says so, put back when the run fails, and removed only if nobody changed them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from deployer.interfaces import FileKind
from deployer.model.desired import Desired
from deployer.model.files import LABEL, Manifest, ObservedFile, Written, digest_of, manifests
from deployer.model.observed import Observed
from deployer.model.operations import FinishFile, PutFile, WriteManifest
from deployer.model.plan import Action, HostPlan, Plan, PlayPlan
from deployer.model.removals import outnumbering
from deployer.planning.drift import find_drift
from deployer.planning.earlier import after
from deployer.planning.policy import Policy
from deployer.planning.reconcile import destroy
from tests.planning.build import EMPTY, applied, changes, nothing, plan, play, refusals, steps

PATH = "/etc/app.conf"
TEXT = "a\nb\n"
ONE = f'files: {{{PATH}: {{content: "a\\nb\\n", mode: "0640", owner: app}}}}\n'
TWO = ONE.replace("b", "c")
WEB = "containers: {web: {image: web:1}}"


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def there(text: str = "a\nb\n", path: str = PATH, **facts: Any) -> ObservedFile:
    kept: dict[str, Any] = {"mode": 0o640, "uid": 7, "gid": 7, "user": "app", "group": "app"} | facts
    return ObservedFile(path, FileKind.FILE, len(text), sha256=sha(text), text=text, **kept)


def host(*files: ObservedFile, written: str = "a\nb\n", wish: str | Desired = EMPTY, project: str = "shop") -> Observed:
    """A host with files, of which the project wrote those with this content."""
    entries = {found.path: Written(sha(written), mode="0640", owner="app") for found in files} if written else {}
    known = {project: Manifest(1, entries)} if written else {}
    return replace(applied(wish), files={found.path: found for found in files}, manifests=known)


def test_a_missing_file_is_written_before_the_containers_and_after_the_manifest() -> None:
    found = plan(ONE + WEB, applied(""))
    assert steps(found)[:4] == [
        f"#1 file.{PATH}, WriteManifest deployer.manifest.shop.1, what is written is on record",
        f"[1] -> #2 file.{PATH}, PutFile {PATH}, missing",
        "#3 image.web:1, PullImage docker.io/library/web:1, pull",
        "[2,3] -> #4 container.web, CreateContainer web, missing",
    ]
    change = next(each for each in found.changes if each.address.name == PATH)
    assert [(each.name, each.new) for each in change.declared] == [
        ("content", "4 B"),
        ("mode", "0640"),
        ("owner", "app"),
    ]
    (manifest,) = (step.operation for step in found.steps if isinstance(step.operation, WriteManifest))
    assert (
        manifest.labels[LABEL]
        == f'{{"{PATH}":{{"digest":"{sha("a" + chr(10) + "b" + chr(10))}","mode":"0640","owner":"app"}}}}'
    )


def test_a_changed_file_is_replaced_and_what_was_there_is_kept_until_the_run_is_over() -> None:
    found = plan(TWO, host(there()))
    assert steps(found) == [
        f"#1 file.{PATH}, WriteManifest deployer.manifest.shop.2, what is written is on record",
        f"[1] -> #2 file.{PATH}, RemoveManifest deployer.manifest.shop.1, replaced, at last",
        f"[1] -> #3 file.{PATH}, PutFile {PATH}, content",
        f"[3] -> #4 file.{PATH}, FinishFile {PATH}, replaced, at last",
    ]
    assert [str(undo) for undo in found.steps[2].undo] == [f"RestoreFile {PATH}"]
    assert changes(found) == [f"~ file.{PATH}: content a\nb → a\nc"]
    entry = after(host(there()), found).manifests["shop"].entries[PATH]
    assert (entry.digest, entry.before) == (sha("a\nc\n"), sha("a\nb\n"))


def test_what_is_as_declared_is_no_change() -> None:
    assert nothing(plan(ONE, host(there())))
    assert nothing(plan(ONE.replace(", owner: app", ', owner: "7", group: app'), host(there())))
    foreign = plan(ONE, host(there(), written=""))
    assert (foreign.notes, foreign.steps) == ((f"file.{PATH}: not written by this project; used as it is",), ())
    assert nothing(plan(ONE.replace("mode", "state: absent, mode").replace('content: "a\\nb\\n", ', ""), applied("")))


def test_mode_and_owner_change_without_the_content() -> None:
    found = plan(ONE, host(there(mode=0o644, user="", uid=0)))
    assert changes(found) == [f"~ file.{PATH}: mode 0644 → 0640, owner 0 → app"]
    assert steps(found)[-1] == f"#1 file.{PATH}, SetFile {PATH}, mode, owner"
    assert [str(undo) for undo in found.steps[-1].undo] == [f"SetFile {PATH}"]


def test_what_others_did_is_said_before_it_is_replaced() -> None:
    by_hand = plan(ONE, host(there("a\nb\nc\n")))
    assert changes(by_hand) == [f"~ file.{PATH} (changed on the host since the last apply): content a\nb\nc → a\nb"]
    foreign = plan(ONE, host(there("x"), written=""))
    assert changes(foreign) == [f"~ file.{PATH} (not written by this project): content x → a\nb"]
    link = ObservedFile(PATH, FileKind.LINK, target="/srv/app.conf", mode=0o777, user="app", group="app")
    assert changes(plan(ONE, host(link, written="")))[0].startswith(
        f"~ file.{PATH} (not written by this project): type link to /srv/app.conf → file"
    )


def test_content_that_people_cannot_read_is_shown_by_its_size() -> None:
    found = plan(ONE, host(replace(there("\0"), text=None)))
    assert changes(found) == [
        f"~ file.{PATH} (changed on the host since the last apply): "
        f"content 1 B (sha256 {sha(chr(0))[:12]}) → 4 B (sha256 {sha(TEXT)[:12]})"
    ]


def test_what_cannot_be_replaced_is_refused() -> None:
    folder = ObservedFile(PATH, FileKind.DIRECTORY, mode=0o755)
    assert refusals(plan(ONE, host(folder))) == [f"file.{PATH}: is a directory on the host"]
    assert refusals(plan(ONE, host(there(), project="other"))) == [f"file.{PATH}: belongs to project other"]
    protected = ONE.replace("owner", "protect: true, owner")
    assert refusals(plan(protected, host(there("x")))) == [f"file.{PATH}: differs, but is protected"]


def test_what_is_below_something_else_than_a_directory_is_refused(tmp_path: Path) -> None:
    files = {"/": ObservedFile("/", FileKind.DIRECTORY), "/etc": there(path="/etc")}
    wish = ONE.replace("}}", "}, /etc/x/y: {content: x}, /lib/x: {content: x}}")
    found = plan(wish, replace(applied(""), files=files))
    assert refusals(found) == [
        f"file.{path}: is below /etc, which is a file on the host" for path in (PATH, "/etc/x/y")
    ]
    assert found.refusals[0].hint == "remove /etc on the host, or give the file another path"
    assert [each.address.name for each in found.changes] == ["/lib/x"]
    leads = replace(files["/etc"], kind=FileKind.LINK, target="/usr/etc")
    assert not plan(ONE, replace(applied(""), files={"/etc": leads})).refusals
    declared = plan(folder(tmp_path), replace(applied(""), files={"/srv/conf": there(path="/srv/conf")}))
    assert refusals(declared) == ["file./srv/conf: is a file on the host"]


def test_what_requires_a_shell_is_refused_without_one(tmp_path: Path) -> None:
    bare = replace(applied(""), runs_commands=False)
    checked = ONE.replace("owner", "validate: check %s, owner")
    for seen in (bare, replace(host(there("x")), runs_commands=False)):
        found = plan(checked, seen)
        assert refusals(found) == [f"file.{PATH}: cannot be validated: the host offers no shell"]
        assert (found.refusals[0].hint, found.changes) == ("give 'validate' an image", ())
    assert nothing(plan(checked, replace(host(there()), runs_commands=False)))
    assert not plan(checked, replace(host(there(mode=0o600)), runs_commands=False)).refusals
    linked = plan(folder(tmp_path), bare)
    assert refusals(linked) == ["file./srv/conf/sub/link: cannot be linked: the host offers no shell"]


def test_secret_content_is_on_record_under_the_controllers_key_only() -> None:
    wish = play(f'files: {{{PATH}: {{content: "{{{{ pw }}}}"}}}}', secrets={"pw": "hunter2"})
    found = plan(wish, applied(""))
    entry = after(applied(""), found).manifests["shop"].entries[PATH]
    assert entry.digest == digest_of(sha("hunter2"), wish.sealing, secret=True)
    assert entry.mode == "0600"
    assert sha("hunter2") not in repr(found)
    other = replace(host(there("hunter3", mode=0o600)), manifests={"shop": Manifest(1, {PATH: entry})})
    assert changes(plan(wish, other)) == [
        f"~ file.{PATH} (changed on the host since the last apply): content *** → ***"
    ]
    plain = plan(ONE, replace(other, files={PATH: there("hunter2")}))
    assert changes(plain) == [f"~ file.{PATH}: content *** → ***"]


def test_prune_and_destroy_remove_what_nobody_changed() -> None:
    files = (there(), there("x", path="/etc/by-hand"))
    for found in (plan("", host(*files), prune=True), destroy(EMPTY, host(*files), Policy())):
        assert [each.address.name for each in found.changes] == [PATH]
        assert any(step.operation.subject == PATH for step in found.steps)
        (note,) = (note for note in found.notes if "by-hand" in note)
        assert note.endswith("but changed on the host since the last apply: it is kept")
    gone = destroy(EMPTY, host(there()), Policy())
    assert steps(gone) == [
        f"#1 file.{PATH}, RemoveFile {PATH}, destroyed, at last",
        f"#2 file.{PATH}, RemoveManifest deployer.manifest.shop.1, destroyed, at last",
    ]
    assert nothing(plan("", host(there())))


def test_what_one_play_removes_the_next_does_not_remove_again() -> None:
    seen = host(there(), there(path="/etc/b"))
    gone = destroy(EMPTY, seen, Policy())
    assert len(gone.changes) == 2
    assert nothing(destroy(EMPTY, after(seen, gone), Policy()))
    pruned = plan(ONE, seen, prune=True)
    assert changes(pruned) == ["- file./etc/b (no longer declared)"]
    assert nothing(plan(ONE, after(seen, pruned), prune=True))


def test_destroy_removes_the_manifests_of_killed_runs_too() -> None:
    killed = host(there())
    killed = replace(killed, manifests={"shop": replace(killed.manifests["shop"], number=3, older=(1, 2))})
    removed = [str(step.operation) for step in destroy(EMPTY, killed, Policy()).steps]
    names = [f"RemoveManifest deployer.manifest.shop.{number}" for number in (1, 2, 3)]
    assert removed == [f"RemoveFile {PATH}", *names]


def test_a_file_declared_absent_goes() -> None:
    absent = f"files: {{{PATH}: {{state: absent}}}}"
    assert changes(plan(absent, host(there("x"), written=""))) == [
        f"- file.{PATH} (absent; not written by this project)"
    ]
    assert changes(plan(absent, host(there()))) == [f"- file.{PATH} (absent)"]
    link = ObservedFile(PATH, FileKind.LINK, target="/x")
    assert refusals(plan(absent, host(link))) == [f"file.{PATH}: is a link on the host"]


def test_what_an_interrupted_run_left_is_removed() -> None:
    found = plan(ONE, host(there(left=True)))
    assert changes(found) == [f"~ file.{PATH} (an interrupted run left a copy beside it, which is removed)"]
    assert steps(found) == [f"#1 file.{PATH}, FinishFile {PATH}, left behind, at last"]
    assert finished(found) == [False]
    mode = plan(ONE, host(there(left=True, mode=0o600)))
    assert [str(step.operation) for step in mode.steps][-2:] == [f"FinishFile {PATH}", f"SetFile {PATH}"]


def test_what_an_interrupted_run_left_of_a_file_with_backups_becomes_one() -> None:
    kept = ONE.replace("owner", "backup: true, owner")
    found = plan(kept, host(there(left=True)))
    assert changes(found) == [f"~ file.{PATH} (an interrupted run left a copy beside it, which becomes its backup)"]
    assert finished(found) == [True]
    again = plan(kept.replace("b\\n", "c\\n"), host(there(left=True)))
    assert steps(again)[2:] == [
        f"#3 file.{PATH}, FinishFile {PATH}, left behind",
        f"[1,3] -> #4 file.{PATH}, PutFile {PATH}, content",
        f"[4] -> #5 file.{PATH}, FinishFile {PATH}, replaced, at last",
    ]
    assert finished(again) == [True, True]


def finished(found: HostPlan) -> list[bool]:
    """Whether each is kept as a backup."""
    return [step.operation.backup for step in found.steps if isinstance(step.operation, FinishFile)]


def folder(tmp_path: Path) -> Desired:
    """A play with a directory of two files and a link."""
    (tmp_path / "conf/sub").mkdir(parents=True)
    (tmp_path / "conf/a").write_text("a")
    (tmp_path / "conf/sub/b").write_text("b")
    (tmp_path / "conf/sub/link").symlink_to("b")
    return play(f"files: {{/srv/conf: {{directory: {tmp_path}/conf, delete: true, mode: 0644, exclude: '*.bak'}}}}")


def test_a_directory_is_made_before_what_is_in_it_and_removed_after_it(tmp_path: Path) -> None:
    wish = folder(tmp_path)
    found = plan(wish, applied(""))
    assert steps(found) == [
        "#1 file./srv/conf, WriteManifest deployer.manifest.shop.1, what is written is on record",
        "[1] -> #2 file./srv/conf, MakeDirectory /srv/conf, missing",
        "[1,2] -> #3 file./srv/conf/a, PutFile /srv/conf/a, missing",
        "[1,2] -> #4 file./srv/conf/sub, MakeDirectory /srv/conf/sub, missing",
        "[1,4] -> #5 file./srv/conf/sub/b, PutFile /srv/conf/sub/b, missing",
        "[1,4] -> #6 file./srv/conf/sub/link, MakeLink /srv/conf/sub/link, missing",
    ]
    seen = {
        "/srv/conf": ObservedFile("/srv/conf", FileKind.DIRECTORY, mode=0o755),
        "/srv/conf/a": there("a", path="/srv/conf/a", mode=0o644),
        "/srv/conf/sub": ObservedFile("/srv/conf/sub", FileKind.DIRECTORY, mode=0o755),
        "/srv/conf/sub/b": there("b", path="/srv/conf/sub/b", mode=0o644),
        "/srv/conf/sub/link": ObservedFile("/srv/conf/sub/link", FileKind.LINK, target="b"),
    }
    full = replace(after(applied(""), found), files=seen)
    assert nothing(plan(wish, full))
    gone = destroy(wish, full, Policy())
    assert [(step.operation.subject, step.needs) for step in gone.steps] == [
        ("/srv/conf/sub/link", ()),
        ("/srv/conf/sub/b", ()),
        ("/srv/conf/sub", (1, 2)),
        ("/srv/conf/a", ()),
        ("/srv/conf", (1, 2, 3, 4)),
        ("deployer.manifest.shop.1", ()),
    ]

    moved = seen | {"/srv/conf/sub/link": replace(seen["/srv/conf/sub/link"], target="/etc/passwd")}
    assert changes(plan(wish, replace(full, files=moved))) == [
        "~ file./srv/conf/sub/link (changed on the host since the last apply): target /etc/passwd → b"
    ]


def test_directories_above_a_file_go_with_the_last_file_in_them() -> None:
    """Only those that were made for it, and only when they are empty."""
    path, root = "/srv/a/b/x", {each: ObservedFile(each, FileKind.DIRECTORY) for each in ("/", "/srv")}
    wish = f"files: {{{path}: {{content: x}}}}"
    found = plan(wish, replace(applied(""), files=root))
    put = next(step for step in found.steps if isinstance(step.operation, PutFile))
    assert [str(each) for each in put.undo] == [f"RestoreFile {path}", "RemoveFile /srv/a/b", "RemoveFile /srv/a"]
    assert [str(each.address.name) for each in found.changes] == [path]
    entries = after(applied(""), found).manifests["shop"].entries
    assert {name for name, entry in entries.items() if entry.above} == {"/srv/a", "/srv/a/b"}

    def seen(*more: str) -> Observed:
        below = ("/srv/a/b", path, *more)
        files = root | {
            path: there("x", path=path, mode=0o644),
            "/srv/a": ObservedFile("/srv/a", FileKind.DIRECTORY, below=below),
        }
        files["/srv/a/b"] = ObservedFile("/srv/a/b", FileKind.DIRECTORY, below=(path,))
        return replace(applied(""), files=files, manifests={"shop": Manifest(1, entries)})

    assert nothing(plan(wish, seen(), prune=True))
    assert find_drift(EMPTY, seen()).found[1:] == ()
    for gone in (plan("", seen(), prune=True), destroy(play(wish), seen(), Policy())):
        assert [(step.operation.subject, step.needs) for step in gone.steps][:3] == [
            (path, ()),
            ("/srv/a/b", (1,)),
            ("/srv/a", (1, 2)),
        ]
    assert outnumbering(Plan((PlayPlan("shop", "shop", (gone,)),))) == ()
    assert [each.address.name for each in plan("", seen("/srv/a/z"), prune=True).changes] == [path, "/srv/a/b"]
    kept = "containers: {web: {image: web:1, volumes: ['/srv/a/b:/b']}}"
    assert [each.address.name for each in plan(kept, seen(), prune=True).changes if each.action is Action.REMOVE] == [
        path
    ]
    left = seen("/srv/a/b/.x.deployer-old")
    assert len(destroy(play(wish), left, Policy()).changes) == 3
    backed = play(wish.replace("content: x", "content: x, backup: true"))
    assert [each.address.name for each in destroy(backed, seen(), Policy()).changes] == [path]


def test_delete_removes_what_is_not_in_the_directory_here(tmp_path: Path) -> None:
    wish = folder(tmp_path)
    below = ("/srv/conf/d", "/srv/conf/d/x", "/srv/conf/keep.bak", "/srv/conf/socket")
    seen = {
        "/srv/conf": ObservedFile("/srv/conf", FileKind.DIRECTORY, mode=0o755, below=below),
        "/srv/conf/d": ObservedFile("/srv/conf/d", FileKind.DIRECTORY),
        "/srv/conf/d/x": there("x", path="/srv/conf/d/x"),
        "/srv/conf/keep.bak": there("x", path="/srv/conf/keep.bak"),
        "/srv/conf/socket": ObservedFile("/srv/conf/socket", FileKind.OTHER),
    }
    found = plan(wish, replace(applied(""), files=seen))
    removed = [each for each in changes(found) if each.startswith("-")]
    why = f"not in directory {tmp_path}/conf; not written by this project"
    assert removed == [f"- file./srv/conf/d/x ({why})", f"- file./srv/conf/d ({why})"]
    assert found.notes == ("file./srv/conf/socket: is no regular file, so it is kept",)


def test_a_file_where_a_directory_should_be_is_refused(tmp_path: Path) -> None:
    for seen in (there(path="/srv/conf"), ObservedFile("/srv/conf", FileKind.LINK, target="/x")):
        found = plan(folder(tmp_path / str(seen.kind)), replace(applied(""), files={"/srv/conf": seen}))
        assert refusals(found) == [f"file./srv/conf: is a {seen.kind} on the host"]


def test_drift_tells_who_changed_what() -> None:
    def verdicts(wish: str, seen: Observed) -> list[tuple[str, list[str]]]:
        return [
            (found.verdict.name, [each.name for each in found.diffs]) for found in find_drift(play(wish), seen).found
        ]

    assert verdicts(ONE, host(there())) == []
    assert verdicts(ONE, applied("")) == [("GONE", [])]
    assert verdicts(TWO, host(there())) == [("IN_FILE", ["content"])]
    assert verdicts(ONE, host(there("x", mode=0o600))) == [("BY_HAND", ["content", "mode"])]
    assert verdicts(ONE, host(there("x"), written="")) == [("FOREIGN", ["content"])]
    assert verdicts("", host(there())) == [("UNDECLARED", [])]


def test_the_newest_manifest_counts_and_a_damaged_one_is_empty() -> None:
    def volume(number: int, text: str) -> dict[str, Any]:
        return {"Name": f"deployer.manifest.shop.{number}", "Labels": {"deployer.project": "shop", LABEL: text}}

    found = manifests([volume(2, '{"/a":{"digest":"x"}}'), volume(1, "{}"), {"Name": "deployer.manifest.x.1"}])
    assert found == {"shop": Manifest(2, {"/a": Written("x")}, older=(1,))}
    assert manifests([volume(3, '{"/a": 5}')]) == {"shop": Manifest(3)}
