"""`deployer apply` and `destroy` on simulated hosts."""

import io
import json

import pytest

from tests.cli.runs import Shop

APPLY = ("apply", "-i", "hosts.yml", "shop.yml")

RECAP = "unreachable=0 failed=0 skipped=0 refused=0 rolledback=0"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(text))


def test_plan_on_stdout_progress_on_stderr_recap_on_stdout(shop: Shop) -> None:
    found = shop.run(*APPLY, "--yes", "--limit", "web1")
    assert found.code == 0
    assert found.words == [
        "shop on web1 (simulated)",
        "+ image nginx:latest pull shop.yml:8",
        "+ network front declared at shop.yml:5",
        "+ container web declared at shop.yml:7",
        "Plan: 3 to create, 0 to update, 0 to replace, 0 to remove on 1 host (simulated).",
        "",
        "RECAP",
        f"web1 (simulated) : ok=3 changed=3 {RECAP}",
    ]
    assert sorted(line.partition(" (")[0] for line in found.err.splitlines()) == [
        "web1  container web: created",
        "web1  image nginx:latest: pulled",
        "web1  network front: created",
    ]
    steps = shop.run(*APPLY, "--yes", "--limit", "web2", "-v").err
    assert sorted(line.partition(" (")[0] for line in steps.splitlines()) == [
        "web2  container web: created",
        "web2  container web: healthy",
        "web2  container web: started",
        "web2  container web: waiting until healthy",
        "web2  image nginx:latest: pulled",
        "web2  network front: created",
    ]


def test_a_second_apply_asks_nothing_and_changes_nothing(shop: Shop) -> None:
    shop.run(*APPLY, "--yes")
    found = shop.run(*APPLY)
    assert (found.code, found.err) == (0, "")
    assert found.words[-1] == "Plan: no changes on 2 hosts (simulated)."


def test_without_a_terminal_and_without_yes_nothing_is_done(shop: Shop) -> None:
    found = shop.run(*APPLY)
    assert found.code == 5
    assert found.err == (
        "error: cannot ask for confirmation of the changes: there is no terminal\n"
        "  hint: add --yes to apply without confirmation\n"
    )
    assert shop.run("plan", "-i", "hosts.yml", "shop.yml", "--detailed-exitcode").code == 2


@pytest.mark.parametrize(("text", "code"), [("y\n", 0), ("YES\n", 0), ("n\n", 5), ("\n", 5), ("", 5)])
def test_on_a_terminal_the_operator_is_asked(shop: Shop, monkeypatch: pytest.MonkeyPatch, text: str, code: int) -> None:
    answer(monkeypatch, text)
    found = shop.run(*APPLY)
    assert found.code == code
    assert found.err.startswith("Apply these changes? [y/N] ")
    assert ("RECAP" in found.out) == (code == 0)


def test_with_json_the_plan_is_shown_beside_the_question(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "n\n")
    found = shop.run(*APPLY, "--json")
    assert "Plan: 6 to create" in found.err
    assert [json.loads(line)["type"] for line in found.out.splitlines()] == ["plan", "error"]


def test_check_only_looks(shop: Shop) -> None:
    found = shop.run(*APPLY, "--check", "--diff")
    assert found.code == 0
    assert found.words[-3:] == [
        "RECAP",
        f"web1 (simulated) : ok=0 changed=3 {RECAP}",
        f"web2 (simulated) : ok=0 changed=3 {RECAP}",
    ]
    assert shop.run(*APPLY, "--check", "--detailed-exitcode").code == 2


def test_events_are_one_json_object_a_line(shop: Shop) -> None:
    found = shop.run(*APPLY, "--yes", "--json", "--limit", "web1")
    events = [json.loads(line) for line in found.out.splitlines()]
    assert (found.code, found.err) == (0, "")
    assert [event["type"] for event in events][:2] == ["plan", "host_begun"]
    assert [event["type"] for event in events][-2:] == ["host_ended", "summary"]
    assert {event["format_version"] for event in events} == {"1.1"}
    assert all(event["@timestamp"].endswith("Z") for event in events)
    assert events[-1]["hosts"][0]["counts"]["changed"] == 3


def test_a_change_is_shown_field_by_field_and_converges(shop: Shop) -> None:
    shop.run(*APPLY, "--yes")
    shop.edit("8080:80", "9090:80")
    found = shop.run(*APPLY, "--yes", "--limit", "web1")
    assert found.words[1:3] == [
        "-/+ container web replace, stop-first: host port 9090 is fixed; stopped while the new one starts",
        "ports 8080:80/tcp → 9090:80/tcp shop.yml:9",
    ]
    assert found.words[-1] == f"web1 (simulated) : ok=2 changed=1 {RECAP}".replace("ok=2", "ok=2")
    assert shop.run("plan", "-i", "hosts.yml", "shop.yml", "-l", "web1", "--detailed-exitcode").code == 0


def test_a_host_with_a_refusal_is_left_alone_and_the_others_are_not(shop: Shop) -> None:
    shop.write("other.yml", "- hosts: web1\n  containers: {web: {image: redis:7}}\n")
    shop.run("apply", "-i", "hosts.yml", "other.yml", "-y")
    found = shop.run(*APPLY, "--yes")
    assert found.code == 5
    assert "Plan: 3 to create, 0 to update, 0 to replace, 0 to remove on 2 hosts (simulated); " in found.out
    assert "1 refused, so nothing is changed on web1." in found.out
    assert "web1: nothing was changed: container.web: the name is taken by project other" in found.out
    assert f"web2 (simulated) : ok=3 changed=3 {RECAP}" in found.words


def test_refused_changes_ask_for_no_confirmation(shop: Shop) -> None:
    shop.write("other.yml", "- hosts: web\n  containers: {web: {image: redis:7}}\n")
    shop.run("apply", "-i", "hosts.yml", "other.yml", "-y")
    found = shop.run(*APPLY)
    assert (found.code, found.err) == (5, "")


def test_destroy_removes_what_apply_created(shop: Shop) -> None:
    shop.run(*APPLY, "--yes")
    found = shop.run("destroy", "-i", "hosts.yml", "shop.yml", "--yes", "-l", "web1")
    assert found.code == 0
    assert "- container web remove: destroyed shop.yml:7" in found.words
    assert shop.run("ps", "-i", "hosts.yml", "-l", "web1").words == ["HOST NAME IMAGE STATUS PORTS PROJECT"]


def test_the_plays_of_one_apply_are_one_run_for_history_and_rollback(shop: Shop) -> None:
    image = "nginx:{{ v }}{{ pin | default('') }}"
    play = f'- {{hosts: web, project: shop, containers: {{%s: {{image: "{image}", update: {{monitor: 0s}}}}}}}}\n'
    shop.write("two.yml", play % "web" + play % "worker")
    again = ("-i", "hosts.yml", "two.yml", "-l", "web1", "-y", "-e", "v=1.28 pin=.0")
    assert shop.run("apply", "-i", "hosts.yml", "two.yml", "-l", "web1", "-y", "-e", "v=1.27").code == 0
    assert shop.run("apply", *again).code == 0
    history = shop.run("history", "-i", "hosts.yml", "--json")
    last, first = json.loads(history.out)["records"]
    assert (first["number"], first["command"]) == (2, "apply two.yml -l web1 -e v")
    assert (last["number"], last["command"]) == (4, "apply two.yml -l web1 -e v,pin")
    assert last["counts"]["replace"] == 2
    assert {change.split()[1] for change in last["changes"]} >= {"container.web", "container.worker"}
    assert (
        shop.run("history", "-i", "hosts.yml", "show", "3").out
        == shop.run("history", "-i", "hosts.yml", "show", "4").out
    )
    rolled = shop.run("rollback", *again)
    assert rolled.code == 0
    assert [line for line in rolled.words if line.startswith("-/+ container")] == [
        "-/+ container web replace, back to web.previous; stopped while it starts",
        "-/+ container worker replace, back to worker.previous; stopped while it starts",
    ]


def test_of_two_plays_of_a_host_the_refused_one_is_not_applied(shop: Shop) -> None:
    shop.write(
        "two.yml",
        "- hosts: web1\n  project: one\n  containers: {aa: {image: one, update: {monitor: 0s}}}\n"
        "- hosts: web1\n  project: two\n  containers: {bb: {image: two, pull: never}}\n",
    )
    found = shop.run("apply", "-y", "-i", "hosts.yml", "two.yml")
    assert found.code == 5
    assert any("1 refused, so that play is not applied on web1." in words for words in found.words)
    assert any(words.startswith("web1 (simulated) : ok=2 changed=2") for words in found.words)
    why = "container.bb: image two:latest is not on the host"
    assert f"web1: the play of two was not applied: {why}" in found.words
    again = shop.run("apply", "-y", "-i", "hosts.yml", "two.yml", "--limit", "")
    assert any("1 refused, so nothing is changed on web1." in words for words in again.words)
