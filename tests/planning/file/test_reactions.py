"""Containers that mount a file that changes: they do what `on_change` says, once, after all files are in place."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from deployer.interfaces import FileKind
from deployer.model.files import Manifest, ObservedFile, Written
from deployer.model.observed import Observed
from deployer.planning.earlier import after, manifests_of
from tests.planning.build import applied, changed, changes, nothing, plan, play, refusals, steps
from tests.planning.file.test_files import sha, there

WEB = "image: web:1, volumes: ['/etc/app:/conf:ro']"


def wish(content: str, how: str, web: str = WEB) -> str:
    return f"""
files:
  /etc/app/a: {{content: {content}, on_change: {how}}}
  /etc/app/b: {{content: {content}, on_change: {how}}}
containers: {{web: {{{web}}}}}
"""


def host(text: str, **written: str) -> Observed:
    """After the play, with files of this content."""
    paths = {f"/etc/app/{name}": content for name, content in written.items()}
    files = {path: there(content, path=path, mode=0o644) for path, content in paths.items()}
    entries = {path: Written(found.sha256, mode="0644") for path, found in files.items()}
    return replace(applied(text), files=files, manifests={"shop": Manifest(1, entries)})


def test_several_files_are_one_restart_after_all_are_in_place() -> None:
    before = host(wish("old", "restart"), a="old", b="old")
    found = plan(wish("new", "restart"), before)
    assert steps(found) == [
        "#1 file./etc/app/a, WriteManifest deployer.manifest.shop.2, what is written is on record",
        "[1] -> #2 file./etc/app/a, RemoveManifest deployer.manifest.shop.1, replaced, at last",
        "[1] -> #3 file./etc/app/a, PutFile /etc/app/a, content",
        "[3] -> #4 file./etc/app/a, FinishFile /etc/app/a, replaced, at last",
        "[1] -> #5 file./etc/app/b, PutFile /etc/app/b, content",
        "[5] -> #6 file./etc/app/b, FinishFile /etc/app/b, replaced, at last",
        "[3,5] -> #7 container.web, RestartContainer web-1, /etc/app/a, /etc/app/b changed [reload web]",
        "[7] -> #8 container.web, AwaitHealthy web-1, /etc/app/a, /etc/app/b changed [reload web]",
        "[1,8] -> #9 file./etc/app/a, WriteManifest deployer.manifest.shop.3, nothing is owed, at last",
        "[9] -> #10 file./etc/app/a, RemoveManifest deployer.manifest.shop.2, replaced, at last",
    ]
    assert [str(each) for each in found.steps[6].undo] == [
        "RestoreFile /etc/app/a",
        "RestoreFile /etc/app/b",
        "RestartContainer web-1",
    ]
    assert "~ container.web (restart: /etc/app/a, /etc/app/b changed)" in changes(found)
    done = replace(host(wish("new", "restart"), a="new", b="new"), manifests=manifests_of(found))
    assert nothing(plan(wish("new", "restart"), done))


def test_each_reaction_once_and_the_mount_says_more_than_the_file() -> None:
    bind = "{type: bind, source: /etc/app, target: /conf, on_change: {signal: HUP}}"
    mounts = f"image: web:1, volumes: [{bind}]"
    found = plan(wish("new", "restart", mounts), host(wish("old", "restart", mounts), a="old", b="old"))
    assert [line for line in steps(found) if "SignalContainer" in line or "Restart" in line] == [
        "[3,5] -> #7 container.web, SignalContainer web-1, /etc/app/a, /etc/app/b changed [reload web]"
    ]
    command = plan(wish("new", "{exec: [reload]}"), host(wish("old", "none"), a="old", b="new"))
    assert changes(command)[1:] == ["~ container.web (exec reload: /etc/app/a changed)"]


def test_recreate_is_a_replacement_with_the_file_as_its_cause() -> None:
    found = plan(wish("new", "recreate"), host(wish("old", "recreate"), a="old", b="new"))
    old, new = (f"sha256 {sha(text)[:12]}" for text in ("old", "new"))
    assert changes(found)[1].endswith(f": file./etc/app/a {old} → {new}")
    assert "RenameContainer" in str(found)
    assert "WriteManifest deployer.manifest.shop.3, nothing is owed, at last" in str(found)


def test_without_on_change_the_plan_notes_who_is_not_told() -> None:
    text = wish("new", "none").replace(", on_change: none", "")
    found = plan(text, host(wish("old", "none"), a="old", b="old"))
    note = "container.web: mounts /etc/app/a, /etc/app/b, which changes, and is not told; on_change says what it does"
    assert found.notes == (note,)
    assert plan(wish("new", "none"), host(wish("old", "none"), a="old", b="old")).notes == ()
    alone = "image: web:1, volumes: ['/etc/app/a:/a']"
    one = plan(wish("new", "none", alone).replace(", on_change: none", ""), host(wish("old", "none", alone), a="old"))
    assert "reads the old one until it is started again" in one.notes[0]


def test_a_file_mounted_by_itself_is_not_reloaded_by_a_signal() -> None:
    alone = "image: web:1, volumes: ['/etc/app/a:/a']"
    for how, word in (("{signal: HUP}", "signal"), ("{exec: [x]}", "exec")):
        found = plan(wish("new", how, alone), host(wish("old", how, alone), a="old", b="new"))
        summary = f"mounts the file /etc/app/a, and would read the old one after {word}"
        assert refusals(found) == [f"container.web: {summary}"]
    assert not plan(wish("new", "restart", alone), host(wish("old", "restart", alone), a="old", b="new")).refusals


def test_who_starts_anyway_or_does_not_run_does_nothing_more() -> None:
    before = host(wish("old", "restart"), a="old", b="old")
    stopped = plan(wish("new", "restart"), changed(before, "web", state="exited"))
    assert "RestartContainer" not in str(stopped)
    anew = plan(wish("new", "restart").replace("web:1,", "web:1, hostname: other,"), before)
    assert "RestartContainer" not in str(anew)


def test_what_a_killed_run_owes_is_done_by_the_next() -> None:
    text = wish("new", "restart")
    killed = after(host(wish("old", "restart"), a="old", b="new"), plan(text, host(text, a="old", b="new")))
    owed = {path: replace(entry, owed=path.endswith("a")) for path, entry in killed.manifests["shop"].entries.items()}
    seen = replace(host(text, a="new", b="new"), manifests={"shop": Manifest(2, owed, older=(1,))})
    found = plan(text, seen)
    assert changes(found) == ["~ container.web (restart: /etc/app/a changed)"]
    assert steps(found)[-3:] == [
        "[2] -> #3 file./etc/app/a, WriteManifest deployer.manifest.shop.3, nothing is owed, at last",
        "[3] -> #4 file./etc/app/a, RemoveManifest deployer.manifest.shop.1, replaced, at last",
        "[3] -> #5 file./etc/app/a, RemoveManifest deployer.manifest.shop.2, replaced, at last",
    ]


MOUNTED = """
{files}
containers:
  web: {{image: web:1, volumes: [{{type: bind, source: /etc/app, target: /conf{how}}}]}}
"""
A = "files: {/etc/app/a: {content: old}}"


def test_a_removed_file_is_a_change_and_comes_back_if_the_container_does_not_work() -> None:
    before = host(MOUNTED.format(files="", how=""), a="old", b="old")
    absent = MOUNTED.format(
        files="files: {/etc/app/a: {content: old}, /etc/app/b: {state: absent, on_change: restart}}", how=""
    )
    found = plan(absent, before)
    assert changes(found) == [
        "- file./etc/app/b (absent)",
        "~ container.web (restart: /etc/app/b removed)",
    ]
    assert steps(found) == [
        "#1 file./etc/app/b, WriteManifest deployer.manifest.shop.2, what is written is on record",
        "[1] -> #2 file./etc/app/b, RemoveManifest deployer.manifest.shop.1, replaced, at last",
        "[1] -> #3 file./etc/app/b, RemoveFile /etc/app/b, absent",
        "[3] -> #4 file./etc/app/b, FinishFile /etc/app/b, absent, at last",
        "[3] -> #5 container.web, RestartContainer web-1, /etc/app/b removed [reload web]",
        "[5] -> #6 container.web, AwaitHealthy web-1, /etc/app/b removed [reload web]",
        "[1,4,6] -> #7 file./etc/app/b, WriteManifest deployer.manifest.shop.3, nothing is owed, at last",
        "[7] -> #8 file./etc/app/b, RemoveManifest deployer.manifest.shop.2, replaced, at last",
    ]
    assert [str(each) for each in found.steps[2].undo] == ["RestoreFile /etc/app/b"]
    assert [str(each) for each in found.steps[4].undo] == ["RestoreFile /etc/app/b", "RestartContainer web-1"]
    done = replace(host(absent, a="old"), manifests=manifests_of(found))
    assert set(done.manifests["shop"].entries) == {"/etc/app/a"}
    assert nothing(plan(absent, done))


def test_a_file_that_is_no_longer_declared_is_noticed_by_what_mounts_it() -> None:
    wish, before = MOUNTED.format(files=A, how=", on_change: {signal: HUP}"), host(A, a="old", b="old")
    before = replace(host(MOUNTED.format(files=A, how=""), a="old", b="old"), files=before.files)
    assert nothing(plan(wish, before))
    found = plan(wish.replace("old", "new"), before, prune=True)
    assert changes(found)[1:] == [
        "- file./etc/app/b (no longer declared)",
        "~ container.web (signal SIGHUP: /etc/app/a changed and /etc/app/b removed)",
    ]
    assert sum("SignalContainer" in line for line in steps(found)) == 1
    replaced = plan(MOUNTED.format(files=A, how=", on_change: recreate"), before, prune=True)
    (removal,) = (step.number for step in replaced.steps if str(step.operation) == "RemoveFile /etc/app/b")
    (creation,) = (step for step in replaced.steps if "CreateContainer" in str(step.operation))
    assert removal in creation.needs
    assert changes(replaced)[-1].endswith(f": file./etc/app/b sha256 {sha('old')[:12]} → removed")
    silent = plan(MOUNTED.format(files=A, how=""), before, prune=True)
    assert steps(silent) == ["#1 file./etc/app/b, RemoveFile /etc/app/b, no longer declared, at last"]
    assert silent.notes == (
        "container.web: mounts /etc/app/b, which is removed, and is not told; on_change says what it does",
    )


def test_what_a_killed_run_removed_is_still_owed() -> None:
    wish = MOUNTED.format(files=A, how=", on_change: restart")
    before = host(MOUNTED.format(files=A, how=""), a="old", b="old")
    killed = after(before, plan(wish, before, prune=True)).manifests["shop"].entries
    owed = {**before.manifests["shop"].entries, "/etc/app/b": replace(killed.get("/etc/app/b", Written()), owed=True)}
    seen = replace(host(MOUNTED.format(files=A, how=""), a="old"), manifests={"shop": Manifest(2, owed, older=(1,))})
    found = plan(wish, seen)
    assert changes(found) == ["~ container.web (restart: /etc/app/b removed)"]
    assert "FinishFile /etc/app/b" in str(found)
    assert set(manifests_of(found)["shop"].entries) == {"/etc/app/a"}


def test_a_synced_directory_says_what_happens_when_a_file_goes(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    files = f"files: {{/etc/app: {{directory: {tmp_path}, delete: true, on_change: restart, mode: 0644}}}}"
    wish = MOUNTED.format(files=files, how="")
    before = host(wish, a="old", b="theirs")
    above = ObservedFile("/etc/app", FileKind.DIRECTORY, mode=0o755, below=("/etc/app/a", "/etc/app/b"))
    before = replace(before, files={**before.files, "/etc/app": above}, manifests={})
    found = plan(wish, before)
    assert changes(found) == [
        f"- file./etc/app/b (not in directory {tmp_path}; not written by this project)",
        "~ container.web (restart: /etc/app/b removed)",
    ]
    assert set(manifests_of(found)["shop"].entries) == set()
    kept = replace(above, below=("/etc/app/.b.deployer-old", "/etc/app/a"))
    meanwhile = {"/etc/app/a": before.files["/etc/app/a"], "/etc/app": kept, kept.below[0]: there(path=kept.below[0])}
    assert nothing(plan(wish, replace(before, files=meanwhile)))


def test_what_a_container_mounts_by_itself_is_not_removed() -> None:
    web = "containers: {web: {image: web:1, volumes: ['/etc/app/b:/b']}}"
    found = plan(f"{A}\n{web}", host(web, a="old", b="old"), prune=True)
    assert refusals(found) == ["container.web: mounts /etc/app/b, which is removed (no longer declared)"]
    assert not plan(A, host(web, a="old", b="old"), prune=True).refusals


def test_on_change_of_a_mount_is_for_binds() -> None:
    bind = "{type: bind, source: /x, target: /x, on_change: restart}"
    desired = play(f"containers: {{web: {{image: web:1, volumes: [{bind}]}}}}").container("web")
    assert desired is not None
    assert desired.values["volumes"] == {"/x": {"type": "bind", "source": "/x"}}
