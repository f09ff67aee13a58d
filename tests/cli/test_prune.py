"""What is pruned, as it is shown and asked for on the command line."""

import json

import pytest

from tests.cli.runs import Shop

HOSTS = """\
all:
  vars: {connection: simulated}
  children:
    web: {hosts: {web1: {}, web2: {}}}
    old: {hosts: {old1: {}}}
"""
EVERYWHERE = ("apply", "-y", "-i", "hosts.yml", "shop.yml")
PLAN = ("plan", "-i", "hosts.yml", "shop.yml")


def deployed(shop: Shop) -> None:
    """On all three hosts; then the play is for two of them."""
    shop.write("hosts.yml", HOSTS)
    shop.edit("hosts: web", "hosts: all")
    assert shop.run(*EVERYWHERE).code == 0
    shop.edit("hosts: all", "hosts: web")


def test_a_host_that_left_is_cleaned_when_it_is_named(shop: Shop) -> None:
    deployed(shop)
    assert shop.run(*PLAN, "--prune").words == [
        "shop on web1, web2 (simulated): no changes",
        "Plan: no changes on 2 hosts (simulated).",
    ]
    found = shop.run(*PLAN, "--prune-host", "old1")
    assert found.words == [
        "shop: in 2 batches: web1, web2, then old1",
        "shop on web1, web2 (simulated): no changes",
        "shop on old1 (simulated)",
        "- image nginx:latest remove: no longer declared or used",
        "- network front remove: no longer declared",
        "- container web remove: no longer declared",
        "Plan: 0 to create, 0 to update, 0 to replace, 3 to remove on 3 hosts (simulated).",
    ]
    done = shop.run(*EVERYWHERE, "--prune-host", "old1", "--limit", "old1")
    assert done.code == 0
    assert done.words[-1].startswith("old1 (simulated) : ok=3 changed=3")
    assert shop.run(*PLAN, "--prune-host", "old1", "--detailed-exitcode").code == 0


def test_a_host_of_the_play_has_not_left(shop: Shop) -> None:
    deployed(shop)
    found = shop.run(*PLAN, "--prune-host", "web1", "--limit", "web2")
    assert (found.code, found.out) == (1, "")
    assert found.err.startswith(
        "--prune-host: 'web1' is still a host of play 'Web tier'; remove it from the play's hosts"
    )


def test_a_saved_plan_remembers_the_host(shop: Shop) -> None:
    deployed(shop)
    assert shop.run(*PLAN, "--prune-host", "old1", "-o", "shop.plan").code == 0
    done = shop.run("apply", "shop.plan", "--json", "--yes")
    assert done.code == 0
    plan = json.loads(done.out.splitlines()[0])
    assert {change["address"] for play in plan["plays"] for host in play["hosts"] for change in host["changes"]} == {
        "old1/container.web",
        "old1/image.nginx:latest",
        "old1/network.front",
    }


REST = """\
- hosts: web1
  project: shop
  containers:
    api: {image: "nginx:latest"}
    cron: {image: "nginx:latest"}
    mail: {image: "nginx:latest"}
    queue: {image: "nginx:latest"}
"""
WARNING = (
    "warning: 4 resources of project shop would be removed that this run does not declare; it declares 2. "
    "Another playbook file may declare them."
)


@pytest.mark.parametrize(
    "command", [("apply", "--prune", "--limit", "web1"), ("destroy", "--limit", "web1")], ids=["prune", "destroy"]
)
def test_what_other_files_of_the_project_declare_needs_a_consent_of_its_own(
    shop: Shop, command: tuple[str, ...]
) -> None:
    shop.write("rest.yml", REST)
    assert shop.run("apply", "-y", "-i", "hosts.yml", "shop.yml", "rest.yml").code == 0
    shop.edit("ports:", "environment: {A: b}\n      ports:")
    words = (*command, "-i", "hosts.yml", "shop.yml")
    assert shop.run(*words, "--check").words[0] == WARNING
    prunes = command[0] == "apply"
    removed = 4 if prunes else 6
    for given in (("--yes",), ("--yes", "--yes-remove", str(removed - 1))):
        refused = shop.run(*words, *given)
        assert refused.code == 5
        which = " that" if prunes else ", 4 of which"
        assert f"confirmation of the removal of {removed} resources{which} these playbooks do not decl" in refused.err
        assert f"add --yes-remove {removed}; to keep them, give all playbooks of the project" in refused.err
    whole = shop.run(*words, "rest.yml", "--check")
    assert whole.code == 0
    assert WARNING not in whole.words
    assert shop.run(*words, "--yes", "--yes-remove", str(removed)).code == 0
    assert "mail" not in shop.run("ps", "-i", "hosts.yml", "--limit", "web1").out


def test_the_consent_counts_as_the_plan_does(shop: Shop) -> None:
    """Kept containers, images and what the file itself declares absent are removals too."""
    shop.write("rest.yml", REST.replace("nginx:latest", "redis:7"))
    assert shop.run("apply", "-y", "-i", "hosts.yml", "shop.yml", "rest.yml", "--limit", "web1").code == 0
    shop.write("rest.yml", REST.replace("nginx:latest", "redis:6"))
    assert shop.run("apply", "-y", "-i", "hosts.yml", "shop.yml", "rest.yml", "--limit", "web1").code == 0
    shop.write("less.yml", "- hosts: web1\n  project: shop\n  containers: {cron: {state: absent}}\n")
    words = ("apply", "--prune", "-i", "hosts.yml", "less.yml", "--yes")
    refused = shop.run(*words)
    assert refused.code == 5
    count = next(text for text in refused.words if text.startswith("Plan: "))
    assert "13 to remove" in count
    assert "the removal of 13 resources, 11 of which these playbooks do not declare" in refused.err
    assert shop.run(*words, "--yes-remove", "12").code == 5
    assert shop.run(*words, "--yes-remove", "13").code == 0


def test_few_removals_need_no_consent_of_their_own(shop: Shop) -> None:
    shop.write("rest.yml", REST.partition("    mail")[0])
    assert shop.run("apply", "-y", "-i", "hosts.yml", "shop.yml", "rest.yml", "--limit", "web1").code == 0
    assert shop.run("destroy", "-y", "-i", "hosts.yml", "shop.yml", "--limit", "web1").code == 0


TWO_PLAYS = """\
- hosts: web1
  project: two
  networks: {back: {}}
  volumes: {data: {}}
  containers: {one: {image: one, networks: [back], volumes: ['data:/d'], update: {monitor: 0s}}}
- hosts: web1
  project: two
  containers: {two: {image: two, update: {monitor: 0s}}}
"""


def test_what_an_earlier_play_removes_is_removed_once(shop: Shop) -> None:
    """Two plays of one project on one host: the second is planned after the first."""
    shop.write("two.yml", TWO_PLAYS)
    apply = ("apply", "-y", "-i", "hosts.yml", "two.yml")
    assert shop.run(*apply).code == 0
    shop.write("two.yml", TWO_PLAYS.replace("  networks: {back: {}}\n", "").replace("networks: [back], ", ""))
    found = shop.run(*apply, "--prune")
    assert found.code == 0
    assert [words for words in found.words if "network back" in words] == ["- network back remove: no longer declared"]
    shop.write("two.yml", TWO_PLAYS)
    assert shop.run(*apply).code == 0
    destroy = ("destroy", "-y", "-i", "hosts.yml", "two.yml", "--volumes")
    found = shop.run(*destroy, "--allow-data-loss", "web1/volume.data")
    assert found.code == 0
    removed = [words.split(" remove")[0] for words in found.words if words.startswith("- ")]
    assert sorted(removed) == ["- container one", "- container two", "- network back", "- volume data"]
    assert "Plan: 0 to create, 0 to update, 0 to replace, 4 to remove on 1 host (simulated)." in found.words


def images(shop: Shop) -> list[int]:
    """How many containers each image of a host has."""
    listed = shop.run("image", "list", "-i", "hosts.yml", "--limit", "web1", "--json")
    return sorted(row["used"] for row in json.loads(listed.out)["images"])


def test_of_built_images_those_of_kept_containers_stay(shop: Shop) -> None:
    """Each build leaves the image of the one before."""
    (shop.folder / "app").mkdir()
    shop.write("app/Dockerfile", "FROM busybox:1\nCOPY page /page\n")
    web = "{image: 'shop/web:1', build: app, keep_previous: 1}"
    shop.write("built.yml", f"- {{hosts: web1, project: built, containers: {{pages: {web}}}}}\n")
    words = ("-i", "hosts.yml", "built.yml")
    for number in range(4):
        shop.write("app/page", f"{number}\n")
        assert shop.run("apply", *words, "--yes").code == 0
    assert images(shop) == [0, 0, 1, 1]
    planned = shop.run("plan", *words, "--prune")
    gone = [line for line in planned.words if line.startswith("- image shop/web:1@")]
    assert len(gone) == 2, planned.out
    assert shop.run("apply", *words, "--prune", "--yes", "--yes-remove", "2").code == 0
    assert images(shop) == [1, 1]
    assert shop.run("plan", *words, "--prune", "--detailed-exitcode").code == 0
