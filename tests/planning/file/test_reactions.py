"""Containers that mount a file that changes: they do what `on_change` says, once, after all files are in place."""

from __future__ import annotations

from msgspec.structs import replace

from deployer.model.files import Manifest, Written
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
    assert steps(found)[-2:] == [
        "[2] -> #3 file./etc/app/a, WriteManifest deployer.manifest.shop.3, nothing is owed, at last",
        "[3] -> #4 file./etc/app/a, RemoveManifest deployer.manifest.shop.2, replaced, at last",
    ]


def test_on_change_of_a_mount_is_for_binds() -> None:
    bind = "{type: bind, source: /x, target: /x, on_change: restart}"
    desired = play(f"containers: {{web: {{image: web:1, volumes: [{bind}]}}}}").container("web")
    assert desired is not None
    assert desired.values["volumes"] == {"/x": {"type": "bind", "source": "/x"}}
