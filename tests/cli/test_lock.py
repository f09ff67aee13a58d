"""Locks, records and retry lists on simulated hosts."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from deployer.applying.processes import this_process
from deployer.cli.retry import retry_file
from deployer.model.locks import Claim, volume_name
from deployer.simulated import SimulatedEngine
from deployer.simulated.persistence import StateFile, default_state_path
from deployer.simulated.profile import HostFacts
from tests.cli.runs import Shop

APPLY = ("apply", "-i", "hosts.yml", "shop.yml", "--yes")
HOSTS = ("-i", "hosts.yml")


def engine(host: str) -> SimulatedEngine:
    return SimulatedEngine(facts=HostFacts(name=host), store=StateFile(default_state_path(host)))


def locked(host: str, project: str = "shop", number: int = 1, **more: Any) -> None:
    """By someone else."""
    claim = Claim(project, "other", "bob@laptop", "2026-01-02T12:00:00Z", "apply shop.yml", **more)
    engine(host).create_volume({"Name": volume_name(project, number), "Labels": claim.labels})


def volumes(host: str) -> list[str]:
    return sorted(volume["Name"] for volume in engine(host).list_volumes())


def test_a_locked_host_is_refused_by_name_and_the_others_are_not(shop: Shop) -> None:
    locked("web1")
    found = shop.run(*APPLY)
    assert found.code == 5
    assert (
        "web1: nothing was changed: shop is locked by bob@laptop since 2026-01-02 12:00:00 UTC (apply shop.yml)"
        in found.words
    )
    assert "hint: --lock-wait 5m waits for it; the lock of a dead run expires;" in " ".join(found.words)
    assert "web1 (simulated) : ok=0 changed=0 unreachable=0 failed=0 skipped=0 refused=1 rolledback=0" in found.words
    assert volumes("web1") == ["deployer.lock.shop.1"]
    assert volumes("web2") == ["deployer.history.shop.1"]
    assert retry(shop).read_text() == "web1\n"


def test_waiting_shows_the_holder_and_times_out(shop: Shop) -> None:
    locked("web1")
    found = shop.run(*APPLY, "--lock-wait", "1500ms", "-l", "web1")
    assert found.code == 5
    assert (
        "web1  waiting for bob@laptop since 2026-01-02 12:00:00 UTC (apply shop.yml), who holds the lock of shop"
        in found.err
    )


def test_a_host_without_a_clock_frees_itself_while_one_waits(shop: Shop) -> None:
    locked("web1", lease=0.2)
    assert shop.run(*APPLY, "--lock-wait", "10s", "-l", "web1").code == 0
    assert volumes("web1") == ["deployer.history.shop.1"]


def test_a_run_with_nothing_to_do_removes_what_killed_runs_left_and_no_more(shop: Shop) -> None:
    assert shop.run(*APPLY).code == 0
    dead = this_process().rpartition("/")[0] + "/0"
    locked("web1", process=dead, number=7)
    left = "deployer.files." + "1" * 32
    engine("web1").create_volume({"Name": left, "Labels": {"deployer.project": "shop"}})
    mounts = [{"Type": "volume", "Source": left, "Target": "/deployer"}]
    engine("web1").create_container(left, {"Image": "nginx", "HostConfig": {"Mounts": mounts}}, "")
    locked("web2")
    assert shop.run("plan", *HOSTS, "shop.yml").code == 0
    assert shop.run(*APPLY, "--check").code == 0
    assert shop.run(*APPLY, "--no-lock").code == 0
    assert volumes("web1") == [left, "deployer.history.shop.1", "deployer.lock.shop.7"]
    assert shop.run(*APPLY).code == 0
    assert volumes("web1") == ["deployer.history.shop.1"]
    assert left not in shop.run("ps", "-a", *HOSTS).out
    assert volumes("web2") == ["deployer.history.shop.1", "deployer.lock.shop.1"]


def test_without_lock_all_locks_are_ignored(shop: Shop) -> None:
    locked("web1")
    assert shop.run(*APPLY, "--no-lock").code == 0
    assert volumes("web1") == ["deployer.history.shop.1", "deployer.lock.shop.1"]


@pytest.mark.parametrize("text", ["soon", "-1s"])
def test_odd_durations_are_refused(shop: Shop, text: str) -> None:
    found = shop.run(*APPLY, f"--lock-wait={text}")
    assert found.code == 1
    assert f"'{text}' is not a duration such as 30s" in found.err


def test_events_of_a_locked_host(shop: Shop) -> None:
    locked("web1")
    found = shop.run(*APPLY, "--json", "--lock-wait", "1s")
    events = [json.loads(line) for line in found.out.splitlines()]
    (waiting,) = [event for event in events if event["type"] == "waiting"]
    assert waiting["holder"]["who"] == "bob@laptop"
    (blocked,) = [host["blocked"] for host in events[-1]["hosts"] if host["blocked"]]
    assert (blocked["reason"], blocked["holder"]["since"]) == ("locked", "2026-01-02T12:00:00Z")
    assert "token" not in blocked["holder"]


def test_status_and_release(shop: Shop) -> None:
    assert shop.run("lock", "status", *HOSTS).out == "No host is locked.\n"
    locked("web1")
    locked("web2", "blog")
    found = shop.run("lock", "status", *HOSTS)
    assert found.words == [
        "HOST PROJECT WHO SINCE LAST SEEN STATE COMMAND",
        "web1 shop bob@laptop 2026-01-02 12:00:00 UTC held apply shop.yml",
        "web2 blog bob@laptop 2026-01-02 12:00:00 UTC held apply shop.yml",
    ]
    document = json.loads(shop.run("lock", "status", *HOSTS, "--project", "shop", "--json").out)
    assert [(lock["host"], lock["who"], lock["free"]) for lock in document["locks"]] == [("web1", "bob@laptop", False)]
    refused = shop.run("lock", "release", *HOSTS, "--project", "shop")
    assert (refused.code, refused.out) == (5, "")
    assert "add --yes to release without confirmation" in refused.err
    assert shop.run("lock", "release", *HOSTS, "--project", "shop", "--yes").out == "1 lock released.\n"
    assert (volumes("web1"), volumes("web2")) == ([], ["deployer.lock.blog.1"])
    assert shop.run("lock", "release", *HOSTS, "--project", "shop").out == "0 locks released.\n"


def test_locks_and_records_are_not_resources(shop: Shop) -> None:
    shop.run(*APPLY)
    locked("web1")
    assert shop.run("plan", *HOSTS, "shop.yml", "--prune", "--detailed-exitcode").code == 0
    assert shop.run("drift", *HOSTS, "shop.yml").code == 0
    assert "deployer." not in shop.run("plan", *HOSTS, "shop.yml").out


def test_applied_changes_are_recorded(shop: Shop) -> None:
    assert shop.run("history", *HOSTS).out == "No runs are recorded.\n"
    shop.run(*APPLY, "-l", "web1")
    shop.edit("8080:80", "9090:80")
    shop.run(*APPLY, "-l", "web1")
    shop.run(*APPLY, "-l", "web1")
    document = json.loads(shop.run("history", *HOSTS, "--json").out)
    last, first = sorted(document["records"], key=lambda record: -record["number"])
    assert (first["number"], last["number"]) == (1, 2)
    assert first["counts"] == {"create": 3, "update": 0, "replace": 0, "remove": 0, "run": 0}
    assert last["changes"] == ["-/+ container.web"]
    assert (last["host"], last["result"], last["command"], last["commit"]) == (
        "web1",
        "ok",
        "apply shop.yml -l web1",
        "",
    )
    lines = shop.run("history", *HOSTS, "-v").words
    assert lines[0] == "TIME HOST PROJECT RUN RESULT CHANGES WHO COMMIT COMMAND"
    assert any("web1 shop 2 ok 1 replaced" in line for line in lines)
    whole = ["-/+ container.web", "ports 8080:80/tcp → 9090:80/tcp"]
    assert lines[2:4] == whole
    assert shop.run("history", *HOSTS).words[2] == "-/+ container.web: ports 8080:80/tcp → 9090:80/tcp"
    assert shop.run("history", "show", "2", *HOSTS).words[2:] == whole
    assert json.loads(shop.run("history", *HOSTS, "show", "1", "--json").out)["records"] == [first]
    missing = shop.run("history", *HOSTS, "show", "3")
    assert (missing.code, missing.err.splitlines()[0]) == (1, "error: no host has a record of run 3")
    wrong = shop.run("history", *HOSTS, "shw", "3")
    assert (wrong.code, wrong.err.splitlines()[-1]) == (
        1,
        "Error: write 'deployer history' or 'deployer history show NUMBER'",
    )
    assert shop.run("history", *HOSTS, "--project", "blog").out == "No runs are recorded.\n"


def test_destroying_is_on_record_too(shop: Shop) -> None:
    shop.run(*APPLY, "-l", "web1")
    shop.run("destroy", *HOSTS, "shop.yml", "--yes", "-l", "web1")
    document = json.loads(shop.run("history", *HOSTS, "--json").out)
    assert {record["command"] for record in document["records"]} == {
        "apply shop.yml -l web1",
        "destroy shop.yml -l web1",
    }


def test_the_commit_of_the_playbook_and_whether_files_differ(shop: Shop) -> None:
    import subprocess

    def git(*words: str) -> str:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        return subprocess.run(["git", *who, *words], cwd=shop.folder, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    git("add", "shop.yml")
    git("commit", "-qm", "first")
    commit = git("rev-parse", "--short", "HEAD").strip()
    shop.run(*APPLY, "-l", "web1")
    shop.edit("8080:80", "9090:80")
    shop.run(*APPLY, "-l", "web1")
    document = json.loads(shop.run("history", *HOSTS, "--json").out)
    assert {record["commit"] for record in document["records"]} == {commit, f"{commit}+dirty"}


def test_no_secret_is_on_record_or_in_a_lock(shop: Shop) -> None:
    shop.edit("      ports:", "      environment: {TOKEN: '{{ token }}'}\n      ports:")
    shop.run(*APPLY, "-l", "web1", "-e", "token=hunter2")
    records = [volume for volume in engine("web1").list_volumes() if volume["Name"].startswith("deployer.")]
    assert records
    assert "hunter2" not in json.dumps([dict(volume) for volume in records])


def test_an_old_plan_is_made_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Someone thought about it for long, and another changed the host meanwhile."""
    monkeypatch.setattr("deployer.applying.turns.OLD", -1.0)
    monkeypatch.setattr("sys.stdin", _Answer(lambda: None))
    assert shop.run("apply", *HOSTS, "shop.yml", "-l", "web1").code == 0
    shop.edit("8080:80", "9090:80")

    def by_hand() -> None:
        engine("web1").remove_container("web", force=True, anonymous_volumes=False)

    monkeypatch.setattr("sys.stdin", _Answer(by_hand))
    found = shop.run("apply", *HOSTS, "shop.yml", "-l", "web1")
    assert found.code == 5
    assert "web1: nothing was changed: the host has changed since the plan was created: container.web" in found.words
    assert "hint: run plan again to see the differences" in found.words


def test_a_plan_is_made_again_when_another_has_applied_meanwhile(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """He did what was to be done: nothing is left."""
    monkeypatch.setattr("sys.stdin", _Answer(lambda: shop.run(*APPLY, "-l", "web1")))
    found = shop.run("apply", *HOSTS, "shop.yml", "-l", "web1")
    assert found.code == 0
    assert "web1 (simulated) : ok=2 changed=0 unreachable=0 failed=0 skipped=0 refused=0 rolledback=0" in found.words
    assert volumes("web1") == ["deployer.history.shop.1"]


class _Answer:
    """A terminal on which somebody says yes, after something happened."""

    def __init__(self, meanwhile: Any) -> None:
        self._meanwhile = meanwhile

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        self._meanwhile()
        return "yes\n"


def retry(shop: Shop) -> Path:
    return Path(str(retry_file("", [str(shop.folder / "shop.yml")])))


def test_a_failed_run_leaves_a_list_to_continue_with(shop: Shop) -> None:
    shop.edit("      ports:", "      labels: {sim.behaviour: 'fail:no such thing'}\n      ports:")
    found = shop.run(*APPLY)
    assert found.code == 3
    again = found.err.splitlines()[-1].removeprefix("to continue: ")
    assert again == f"deployer apply -i hosts.yml -y shop.yml --limit @{retry(shop)}"
    assert retry(shop).read_text() == "web1\nweb2\n"
    shop.edit("fail:no such thing", "run")
    assert shop.run(*APPLY, "-l", "web1").code == 0
    assert retry(shop).exists()
    assert shop.run(*shlex.split(again)[1:]).code == 0
    assert not retry(shop).exists()


def test_the_line_to_continue_repeats_every_option(shop: Shop) -> None:
    locked("web1")
    given = (
        "-e",
        "{note: a b}",
        "-e",
        "db_password=s3ntinel",
        "-t",
        "all",
        "--lock-lease",
        "90",
        "-u",
        "me",
        "-f",
        "3",
    )
    shop.edit("ports:", 'environment: {A: "{{ note }}", B: "{{ db_password }}"}\n      ports:')
    found = shop.run("apply", "-i", "hosts.yml", *given, "-y", "--prune", "shop.yml")
    assert found.code == 5
    assert found.err.splitlines()[-1] == (
        "to continue: deployer apply -i hosts.yml -e '{note: a b}' -e 'db_password=***' -f 3 -t all -u me -y --prune"
        f" --lock-lease 90 shop.yml --limit @{retry(shop)}"
    )


def test_an_unfinished_saved_plan_needs_a_new_plan(shop: Shop) -> None:
    shop.run("plan", "-i", "hosts.yml", "-t", "all", "shop.yml", "-o", "shop.plan")
    locked("web1")
    found = shop.run("apply", "shop.plan", "-y")
    assert found.err.splitlines()[-1] == f"to continue: create a new plan with --limit @{retry(shop)}"


def test_a_list_is_dropped_when_nothing_is_left_to_do(shop: Shop) -> None:
    shop.run(*APPLY)
    retry(shop).parent.mkdir(parents=True)
    retry(shop).write_text("web1\n")
    assert shop.run(*APPLY).code == 0
    assert not retry(shop).exists()


def test_the_retry_list_is_written_where_requested(shop: Shop) -> None:
    locked("web1")
    shop.run(*APPLY, "--retry-file", "again.txt")
    assert (shop.folder / "again.txt").read_text() == "web1\n"
    assert not retry(shop).exists()


@pytest.mark.parametrize("name", ["shop.yml", "notes.txt", "bare"])
def test_a_file_that_is_no_retry_list_is_not_overwritten(shop: Shop, name: str) -> None:
    """`bare` is an inventory that looks like a list."""
    locked("web1")
    (shop.folder / "notes.txt").write_text("web1\nremember the milk\n")
    (shop.folder / "bare").write_text("web1\n")
    before = (shop.folder / name).read_bytes()
    found = shop.run(*APPLY, "-i", "bare", "--retry-file", name)
    assert (found.code, found.out) == (5, "")
    assert f"{name} exists, and would be overwritten" in found.err
    assert "name another file with --retry-file, or remove this one" in found.err
    assert (shop.folder / name).read_bytes() == before


def test_an_earlier_retry_list_is_overwritten(shop: Shop) -> None:
    locked("web1")
    (shop.folder / "again.txt").write_text("web1\n10.0.0.1\nfe80::1\n")
    assert shop.run(*APPLY, "--retry-file", "again.txt").code == 5
    assert (shop.folder / "again.txt").read_text() == "web1\n"


def test_a_list_that_cannot_be_written_fails_nothing(shop: Shop) -> None:
    locked("web1")
    found = shop.run(*APPLY, "--retry-file", "nowhere/again.txt")
    assert found.code == 5
    assert "warning: the list of unfinished hosts could not be written" in found.err


def test_looking_touches_no_list(shop: Shop, tmp_path: Path) -> None:
    retry(shop).parent.mkdir(parents=True)
    retry(shop).write_text("web1\n")
    shop.run("plan", *HOSTS, "shop.yml")
    shop.run("apply", *HOSTS, "shop.yml", "--check")
    assert retry(shop).read_text() == "web1\n"
