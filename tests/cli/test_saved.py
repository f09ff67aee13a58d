"""`plan -o`, `apply FILE` and `show` on simulated hosts."""

import json

import pytest

from deployer import __version__
from tests.cli.runs import INVENTORY, SHOP, Shop

PLAN = ("plan", "-i", "hosts.yml", "shop.yml", "-o", "shop.plan")
APPLY = ("apply", "-i", "hosts.yml", "shop.yml", "--yes")


def test_a_saved_plan_is_applied_after_the_question_of_every_apply(shop: Shop) -> None:
    assert shop.run(*PLAN).code == 0
    refused = shop.run("apply", "shop.plan")
    assert refused.code == 5
    assert "cannot ask for confirmation of the changes: there is no terminal" in refused.err
    found = shop.run("apply", "shop.plan", "--yes")
    assert found.code == 0
    assert [words for words in found.words if words.startswith("web")] == [
        f"web{n} (simulated) : ok=3 changed=3 unreachable=0 failed=0 skipped=0 refused=0 rolledback=0" for n in (1, 2)
    ]


def test_another_controller_applies_it(shop: Shop) -> None:
    shop.edit("    image: nginx:latest", '    image: nginx:latest\n      environment: {DB_PASSWORD: "hunter47"}')
    shop.run(*PLAN)
    (shop.folder / "state/deployer/sealing.key").unlink()
    assert shop.run("apply", "shop.plan", "--yes").code == 0
    shop.run(*PLAN, "--force")
    shop.edit("hunter47", "hunter48")
    assert shop.run(*PLAN, "--force").code == 0
    shop.edit("hunter48", "hunter49")
    assert "other values, or another object" in shop.run("apply", "shop.plan", "--yes").out


def test_a_secret_that_is_no_text(shop: Shop) -> None:
    (shop.folder / "key.bin").write_bytes(bytes(range(128, 256)))
    play = "- hosts: web1\n  project: bin\n  secrets: {key: {file: key.bin}}\n"
    shop.write("bin.yml", f"{play}  containers: {{app: {{image: 'a:1', secrets: [key], update: {{monitor: 0s}}}}}}\n")
    assert shop.run("plan", "-i", "hosts.yml", "bin.yml", "-o", "bin.plan").code == 0
    assert shop.run("apply", "bin.plan", "--yes").code == 0


def test_show_writes_escapes_for_what_would_change_the_terminal(shop: Shop) -> None:
    shop.run(*PLAN)
    file = shop.folder / "shop.plan"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"shown": "one\n\x1b[2J two \u202e\u2028\n"}))
    assert shop.run("show", "shop.plan").out == "one\n\\x1b[2J two \\u202e\\u2028\n"
    assert "/dev/zero: cannot be read: it is not a file" in shop.run("show", "/dev/zero").err


def test_show_prints_it_again_and_its_file_is_private(shop: Shop) -> None:
    planned = shop.run(*PLAN)
    assert planned.err == "saved: to apply exactly this, run: deployer apply shop.plan\n"
    assert shop.run("show", "shop.plan").out == planned.out
    assert (shop.folder / "shop.plan").stat().st_mode & 0o777 == 0o600


def test_a_stale_host_is_refused_and_says_what_changed_and_the_others_continue(shop: Shop) -> None:
    shop.run(*PLAN)
    shop.run(*APPLY, "--limit", "web1")
    found = shop.run("apply", "shop.plan", "--yes")
    assert found.code == 5
    changed = "container.web, image.nginx:latest, network.front"
    assert f"! everything refused: changed since the plan was created: {changed}" in found.words
    assert "container.web create → no change planned, then now" in found.words
    why = f"changed since the plan was created: {changed}"
    assert f"web1: nothing was changed: {why}" in found.words
    assert "hint: create a new plan" in found.words
    assert "web2 (simulated) : ok=3 changed=3 unreachable=0 failed=0 skipped=0 refused=0 rolledback=0" in found.words


def test_a_changed_playbook_makes_the_plan_stale(shop: Shop) -> None:
    shop.run(*PLAN)
    shop.edit("8080:80", "8081:80")
    found = shop.run("apply", "shop.plan", "--yes")
    assert found.code == 5
    assert "changed since the plan was created: the objects of the plan" in found.out
    assert "container.web as planned → other values, or another object planned, then now" in found.words
    assert "hint: shop.yml changed since; create a new plan" in found.words


@pytest.mark.parametrize(
    ("file", "lost"),
    [("hosts.yml", "web2 (play 1)"), ("shop.yml", "db1 (play 2)")],
    ids=["a host", "a play"],
)
def test_a_saved_plan_requires_its_hosts_and_plays(shop: Shop, file: str, lost: str) -> None:
    shop.write("shop.yml", f"{SHOP}- hosts: db\n  project: data\n  networks: {{back: {{}}}}\n")
    shop.run(*PLAN)
    left = {"hosts.yml": INVENTORY.replace(", web2: {}", ""), "shop.yml": SHOP}[file]
    shop.write(file, left)
    found = shop.run("apply", "shop.plan", "--yes")
    assert (found.code, found.out) == (5, "")
    assert f"the plan has changes for hosts or plays that the input no longer has: {lost}\n" in found.err
    assert "create a new plan" in found.err
    assert len(shop.run("ps", "-i", "hosts.yml").words) == 1


def test_a_host_that_had_nothing_to_change_may_go(shop: Shop) -> None:
    shop.run(*APPLY, "--limit", "web2")
    shop.run(*PLAN)
    shop.write("hosts.yml", INVENTORY.replace(", web2: {}", ""))
    assert shop.run("apply", "shop.plan", "--yes").code == 0


def test_extra_variables_are_not_kept_and_have_to_be_the_same(shop: Shop) -> None:
    shop.edit("ports:", 'environment: {TOKEN: "{{ token }}"}\n      ports:')
    assert shop.run(*PLAN, "-e", "token=s3ntinel").code == 0
    assert "s3ntinel" not in (shop.folder / "shop.plan").read_text()
    refused = shop.run("apply", "shop.plan", "-e", "token=other")
    assert refused.code == 5
    assert "the plan was created with different extra variables" in refused.err
    assert shop.run("apply", "shop.plan", "--yes", "-e", "token=s3ntinel").code == 0


def test_a_saved_plan_is_applied_from_any_folder(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its inventory, variables and files of variables."""
    shop.edit("ports:", 'environment: {TAG: "{{ tag }}", MODE: "{{ mode }}", TOKEN: "{{ token }}"}\n      ports:')
    shop.write("more.yml", "mode: production\n")
    given = ("-e", "tag=1.4.2", "-e", "@more.yml", "-e", "token=s3ntinel")
    planned = shop.run(*PLAN, *given)
    assert planned.err.splitlines() == [
        "saved: to apply exactly this, run: deployer apply shop.plan",
        "  and repeat these variables, which may contain secrets: token=***",
    ]
    monkeypatch.chdir("/")
    plan = str(shop.folder / "shop.plan")
    refused = shop.run("apply", plan, "--yes")
    assert "the plan needs variables that it does not contain: token=***; repeat them with -e" in " ".join(
        refused.err.replace("\n  hint: ", "; ").split()
    )
    found = shop.run("apply", plan, "--yes", "-e", "token=s3ntinel")
    assert (found.code, found.words[-1].split(" :")[0]) == (0, "web2 (simulated)")
    (shop.folder / "sub").mkdir()
    monkeypatch.chdir(shop.folder / "sub")
    above = [text.replace("@", "@../") for text in given]
    shop.run("plan", "-i", "../hosts.yml", "../shop.yml", "-o", "../sub/shop.plan", *above)
    shop.edit("8080:80", "8081:80")
    monkeypatch.chdir(shop.folder)
    stale = shop.run("apply", "sub/../sub/shop.plan", "--yes", "-e", "token=s3ntinel")
    assert "hint: shop.yml changed since; create a new plan" in stale.words
    shop.edit("8081:80", "8080:80")
    monkeypatch.chdir(shop.folder)
    assert shop.run(*PLAN[:-2], *given).words[-1:] == ["Plan: no changes on 2 hosts (simulated)."]


def test_files_that_a_playbook_imports_and_reads_are_named_when_they_change(shop: Shop) -> None:
    shop.write("all.yml", "- import_playbook: shop.yml\n")
    shop.edit("nginx:latest", '"nginx:{{ tag }}"')
    (shop.folder / "group_vars").mkdir()
    shop.write("group_vars/web.yml", "tag: '1.27'\n")
    assert shop.run("plan", "-i", "hosts.yml", "all.yml", "-o", "shop.plan").code == 0
    shop.write("group_vars/web.yml", "tag: '1.28'\n")
    shop.edit("8080:80", "8081:80")
    found = shop.run("apply", "shop.plan", "--yes")
    assert found.code == 5
    assert "hint: group_vars/web.yml, shop.yml changed since; create a new plan" in found.words


def test_a_file_is_named_that_gives_a_part_of_a_value(shop: Shop) -> None:
    shop.edit("nginx:latest", """"{{ name }}:{{ tag }}{{ lookup('file', 'suffix.txt') }}\"""")
    (shop.folder / "group_vars").mkdir()
    shop.write("group_vars/web.yml", "name: nginx\ntag: '1.27'\n")
    shop.write("suffix.txt", "-alpine")
    assert shop.run("plan", "-i", "hosts.yml", "shop.yml", "-o", "shop.plan").code == 0
    shop.write("group_vars/web.yml", "name: nginx\ntag: '1.28'\n")
    assert "hint: group_vars/web.yml changed since; create a new plan" in shop.run("apply", "shop.plan", "--yes").words
    shop.write("group_vars/web.yml", "name: nginx\ntag: '1.27'\n")
    shop.write("suffix.txt", "-slim")
    assert "hint: suffix.txt changed since; create a new plan" in shop.run("apply", "shop.plan", "--yes").words


@pytest.mark.parametrize("given", ["w=hunter2-word", "pw=hunter2-word", '{"w": "hunter2-word"}', "a=b w=hunter2-word"])
def test_variables_that_end_in_secrets_are_not_saved(shop: Shop, given: str) -> None:
    text = "{{ w | default(pw | default(''), true) }}{{ a | default('') }}"
    shop.edit("ports:", f'environment: {{DB_PASSWORD: "x{text}", MODE: a}}\n      ports:')
    shop.run(*PLAN, "-e", given)
    assert "hunter2" not in (shop.folder / "shop.plan").read_text()
    assert shop.run("apply", "shop.plan", "--yes", "-e", given).code == 0


def test_a_host_with_another_address_is_another_machine(shop: Shop) -> None:
    shop.run(*PLAN)
    document = json.loads((shop.folder / "shop.plan").read_text())
    document["hosts"][0]["reached"] = "ssh 10.0.0.8"
    shop.write("shop.plan", json.dumps(document))
    found = shop.run("apply", "shop.plan", "--yes")
    assert found.code == 5
    assert "! everything refused: is another machine or engine than in the plan: ssh 10.0.0.8 → simulated" in " ".join(
        found.words
    )


def test_a_plan_of_another_release_is_not_applied(shop: Shop) -> None:
    shop.run(*PLAN)
    document = json.loads((shop.folder / "shop.plan").read_text())
    shop.write("shop.plan", json.dumps(document | {"version": "0.0.1"}))
    found = shop.run("apply", "shop.plan", "--yes")
    assert (found.code, found.out) == (5, "")
    assert f"the plan was created by deployer 0.0.1, and this is {__version__}" in found.err


def test_a_file_that_is_not_a_saved_plan_is_named(shop: Shop) -> None:
    shop.write("other.plan", json.dumps({"format": "deployer-plan/99"}))
    shop.write("broken.plan", "{")
    shop.write("damaged.plan", json.dumps({"format": "deployer-plan/1"}))
    assert "other.plan: is not a saved plan of format deployer-plan/1" in shop.run("apply", "other.plan").err
    assert "broken.plan: is not a saved plan; deployer plan -o FILE creates one" in shop.run("show", "broken.plan").err
    assert (
        "damaged.plan: is damaged: Object missing required field `made_at`; create a new plan"
        in shop.run("apply", "damaged.plan").err
    )


def test_a_file_that_is_not_a_plan_is_not_overwritten(shop: Shop) -> None:
    found = shop.run(*PLAN[:-1], "hosts.yml")
    assert (found.code, found.out) == (5, "")
    assert "hosts.yml exists, and would be overwritten" in found.err
    assert (shop.folder / "hosts.yml").read_text() == INVENTORY
    shop.write("empty.plan", "")
    assert shop.run(*PLAN[:-1], "empty.plan").code == 0
    assert shop.run(*PLAN[:-1], "empty.plan").code == 0
    shop.write("notes.txt", "mine\n")
    assert shop.run(*PLAN[:-1], "notes.txt", "--force").code == 0
    assert "--force requires --out" in shop.run(*PLAN[:-2], "--force").err


def test_the_printed_command_is_quoted_for_a_shell(shop: Shop) -> None:
    found = shop.run(*PLAN[:-1], "my shop.plan")
    assert found.err == "saved: to apply exactly this, run: deployer apply 'my shop.plan'\n"
