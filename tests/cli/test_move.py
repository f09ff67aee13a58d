"""`deployer move`, and `move` of a play, on simulated hosts."""

from __future__ import annotations

import json

import pytest

from deployer.model.locks import Claim, volume_name
from deployer.reporting.human import NOT_KEPT
from deployer.simulated import SimulatedEngine
from deployer.simulated.persistence import StateFile, default_state_path
from deployer.simulated.profile import HostFacts
from tests.cli.runs import Ended, Shop

PLAYBOOK = """\
- hosts: {hosts}
  project: data
  volumes: {{db-data: {{}}}}
  containers:
    db: {{image: "example/db:1", volumes: ["db-data:/data"], {more}update: {{monitor: 0s}}}}
"""


@pytest.fixture
def site(shop: Shop) -> Shop:
    declare(shop, "web1")
    assert shop.run("apply", "-i", "hosts.yml", "data.yml", "--yes").code == 0
    return shop


def declare(site: Shop, hosts: str, more: str = "") -> None:
    site.write("data.yml", PLAYBOOK.format(hosts=hosts, more=more))


def move(site: Shop, *words: str) -> Ended:
    return site.run("move", "web1", "web2", "-i", "hosts.yml", "data.yml", *words)


def test_what_is_refused(site: Shop) -> None:
    early = move(site, "--yes")
    assert (early.code, "no container that these playbooks declare for web2" in early.err) == (5, True), early.err
    same = site.run("move", "web1", "web1", "-i", "hosts.yml", "data.yml", "--yes")
    assert (same.code, "source and target are the same host, web1" in same.err) == (5, True), same.err
    declare(site, "web")
    both = move(site, "--yes")
    assert (both.code, "db is declared for web1 too" in both.err) == (5, True), both.err
    declare(site, "web2")
    assert (move(site).code, move(site, "--yes", "--limit", "web1").code) == (5, 1)
    assert site.run("plan", "-i", "hosts.yml", "data.yml").words[-1].startswith("Plan: 3 to create")


def test_a_failure_changes_nothing(site: Shop) -> None:
    declare(site, "web2", 'labels: {sim.behaviour: "exit:1"}, ')
    failed = move(site, "--yes")
    assert (failed.code, "to continue" in failed.err) == (3, False)
    assert "web1  container db: running again" in failed.err
    assert site.run("volumes", "-i", "hosts.yml").words[1:] == ["web1 db-data local db data"]
    assert site.run("ps", "-i", "hosts.yml", "--format", "{{host}} {{name}} {{state}}").words == ["web1 db running"]


def test_a_service_is_moved(site: Shop) -> None:
    declare(site, "web2")
    assert move(site, "--yes").code == 0
    listed = site.run("ps", "-i", "hosts.yml", "--format", "{{host}} {{name}} {{state}}").words
    assert listed == ["web1 db exited", "web2 db running"]
    assert site.run("plan", "-i", "hosts.yml", "data.yml", "--detailed-exitcode").code == 0
    again = move(site, "--yes")
    assert (again.code, "web2 has a container db already" in again.err) == (5, True)


DECLARED = """\
- hosts: {hosts}
  project: data
  move: {move}
  volumes: {{db-data: {{}}}}
  containers:
    db: {{image: "example/db:1", volumes: ["db-data:/data"], {more}update: {{monitor: 0s}}}}
"""
LISTED = ("ps", "-i", "hosts.yml", "--format", "{{host}} {{name}} {{state}}")


def moving(site: Shop, hosts: str, more: str = "", move: str = "true") -> None:
    site.write("data.yml", DECLARED.format(hosts=hosts, more=more, move=move))


def apply(site: Shop, *words: str) -> Ended:
    return site.run("apply", "-i", "hosts.yml", "data.yml", "--yes", *words)


def plan(site: Shop, *words: str) -> Ended:
    return site.run("plan", "-i", "hosts.yml", "data.yml", *words)


def test_a_play_says_what_it_moves_and_does_it(site: Shop) -> None:
    moving(site, "web2")
    planned = plan(site)
    assert planned.words == [
        "data on web2 (simulated)",
        "+ image example/db:1 pull data.yml:6",
        "+ volume db-data copied from web1 data.yml:4",
        "+ container db moved from web1 data.yml:6",
        "from web1:",
        "containers stopped there, and kept: db",
        "volumes copied: db-data (0 B)",
        f"{NOT_KEPT}; exact keeps them",
        "Plan: 3 to create, 0 to update, 0 to replace, 0 to remove on 1 host (simulated).",
    ]
    assert plan(site, "--html", "plan.html").code == 0
    assert "from web1: volumes copied: db-data (0 B)" in (site.folder / "plan.html").read_text()
    (host,) = json.loads(plan(site, "--json").out)["plays"][0]["hosts"]
    volume = {"name": "db-data", "size": 0}
    assert (host["moved"], host["on_failure"]) == (
        {"source": "web1", "containers": ["db"], "volumes": [volume], "exact": False, "not_copied": []},
        "rollback_host",
    )
    assert site.run(*LISTED).words == ["web1 db running"], "a plan changes nothing"
    done = apply(site)
    assert (done.code, site.run(*LISTED).words) == (0, ["web1 db exited", "web2 db running"])
    assert "web1  container db: stopped, and kept until --prune-host web1" in done.err
    assert plan(site, "--detailed-exitcode").code == 0
    history = site.run("history", "-i", "hosts.yml").words
    assert history.count("moved web1 → web2: db with volumes db-data") == 2, history
    # What is left there is neither moved again, nor started instead of what is newer.
    assert site.run("rm", "-i", "hosts.yml", "web2", "db", "--stop", "--yes").code == 0
    assert "+ container db declared at data.yml:6" in plan(site).words
    assert apply(site).code == 0
    moving(site, "web1")
    back = plan(site)
    assert (back.code, "refused: is stopped here, and is on web2 too" in back.out) == (5, True), back.out
    moving(site, "web2")
    pruned = apply(site, "--prune-host", "web1")
    assert (pruned.code, site.run(*LISTED).words) == (0, ["web2 db running"])


def test_a_failed_move_of_a_play_changes_nothing(site: Shop) -> None:
    for failing in ("on_failure: stop", "on_failure: rollback_all"):
        moving(site, "web2", 'labels: {sim.behaviour: "exit:1"}, ')
        text = (site.folder / "data.yml").read_text()
        site.write("data.yml", text.replace("move: true", f"move: true\n  {failing}"))
        failed = apply(site, "--retry-file", "again")
        assert (failed.code, site.run(*LISTED).words) == (3, ["web1 db running"]), failed.err
        assert site.run("volumes", "-i", "hosts.yml").words[1:] == ["web1 db-data local db data"]
        assert (site.folder / "again").read_text() == "web1\nweb2\n"
        history = site.run("history", "-i", "hosts.yml", "--limit", "web2").words
        assert "rolled back" in history[1]
        assert "+ volume.db-data (rolled back)" in history[2:5], history
    moving(site, "web2")
    assert apply(site, "--retry-file", "again", "--limit", "@again").code == 0
    assert not (site.folder / "again").exists()


def test_one_run_moves_and_removes_what_is_left(site: Shop) -> None:
    moving(site, "web2")
    done = apply(site, "--prune-host", "web1")
    assert (done.code, site.run(*LISTED).words) == (0, ["web2 db running"]), done.err
    assert "web1  container db: stopped\n" in done.err
    assert site.run("volumes", "-i", "hosts.yml").words[1:] == ["web1 db-data local data", "web2 db-data local db data"]


def test_nothing_is_removed_after_a_failed_move(site: Shop) -> None:
    moving(site, "web2", 'labels: {sim.behaviour: "exit:1"}, ', "true\n  max_fail_percentage: 100")
    failed = apply(site, "--prune-host", "web1")
    assert (failed.code, site.run(*LISTED).words) == (3, ["web1 db running"]), failed.err


def test_what_a_play_does_not_move(site: Shop) -> None:
    other = "\n- hosts: web1\n  project: data\n  containers: {db: {image: 'example/db:1', update: {monitor: 0s}}}\n"
    for hosts, move, more in (("web2", "false", ""), ("web", "true", ""), ("web2", "true", other)):
        moving(site, hosts, move=move)
        site.write("data.yml", (site.folder / "data.yml").read_text() + more)
        assert "+ container db declared at data.yml:6" in plan(site).words
        assert "+ container db declared at data.yml:6" in plan(site, "--limit", "web2").words


def test_what_a_play_cannot_move(site: Shop) -> None:
    moving(site, "web2")
    refused = {
        "refused: is on web1, which --limit excludes": ("--limit", "web2"),
        "refused: is on web1, and is moved only as a whole": ("--skip-tags", "db"),
    }
    text = (site.folder / "data.yml").read_text()
    site.write("data.yml", text + "    other: {image: 'example/db:1', tags: [db], update: {monitor: 0s}}\n")
    for summary, words in refused.items():
        found = apply(site, *words)
        assert (found.code, summary in found.out, site.run(*LISTED).words) == (5, True, ["web1 db running"]), found.out
    assert plan(site, "--limit", "web2,web1").code == 0
    site.write("hosts.yml", (site.folder / "hosts.yml").read_text() + GONE)
    lost = apply(site)
    assert (lost.code, "refused: may be on gone with its data, which cannot be read" in lost.out) == (5, True), lost.out
    # As after any refusal, the run goes on where a failed batch does not end it.
    moving(site, "web2", move="true\n  max_fail_percentage: 100")
    other = "- hosts: db1\n  project: more\n  volumes: {other: {}}\n"
    site.write("data.yml", (site.folder / "data.yml").read_text() + other)
    assert apply(site).code == 5
    listed = site.run("volumes", "-i", "hosts.yml", "--limit", "!gone").words[1:]
    assert sorted(listed) == ["db1 other local more", "web1 db-data local db data"]


def test_data_that_cannot_be_moved_is_refused_before_anything_stops(site: Shop) -> None:
    def refused(because: str) -> bool:
        found = plan(site)
        return found.code == 5 and f"refused: cannot be moved from web1: {because}" in found.out

    other = {"Image": "example/db:1", "HostConfig": {"Binds": ["db-data:/data"]}}
    key, _ = engine("web1").create_container("other", other, "")
    engine("web1").start_container(key)
    moving(site, "web2")
    assert refused("volume web1/db-data is in use by other, which is not moved")
    engine("web1").remove_container(key, force=True, anonymous_volumes=False)
    # The new host has a volume of that name, with content.
    moving(site, "web2", move="false")
    assert apply(site).code == 0
    (site.folder / "file").write_text("precious")
    assert site.run("cp", "-i", "hosts.yml", "file", "web2/db:/data/file").code == 0
    assert site.run("rm", "-i", "hosts.yml", "web2", "db", "--stop", "--yes").code == 0
    moving(site, "web2")
    assert refused("volume web2/db-data has content")
    advised = ("--prune-host", "web2", "--remove-volume", "web2/volume.db-data")
    assert f"deployer apply {' '.join(advised)} while" in plan(site).out
    moving(site, "web1")
    assert apply(site, *advised).code == 0
    assert site.run("volumes", "-i", "hosts.yml", "--limit", "web2").words[1:] == []
    # GNU tar is in an image that is not there.
    moving(site, "db1", move="{image: other/tar}")
    assert refused("image other/tar is not on web1, and is needed to copy volumes")
    # A container that is gone once it is stopped.
    moving(site, "web1", "auto_remove: true, ")
    assert apply(site).code == 0
    moving(site, "db1")
    assert refused("web1: db was started with --rm: it is gone once stopped")


def engine(host: str) -> SimulatedEngine:
    return SimulatedEngine(facts=HostFacts(name=host), store=StateFile(default_state_path(host)))


GONE = "    far: {hosts: {gone: {connection: local, docker_socket: /no}}}\n"


def test_volumes_of_jobs_go_along_and_those_of_other_containers_stay(site: Shop) -> None:
    more = (
        "  jobs: {{seed: {{image: 'example/db:1', volumes: ['seeds:/s'], labels: {{sim.behaviour: 'exit:0'}}}}}}\n"
        "- hosts: [web1, {}]\n  project: data\n  volumes: {{shared: {{}}}}\n"
        "  containers: {{web: {{image: 'example/db:1', volumes: ['shared:/s'], update: {{monitor: 0s}}}}}}\n"
    )
    for host in ("web1", "web2"):
        moving(site, host)
        text = (site.folder / "data.yml").read_text().replace("db-data: {}", "db-data: {}, seeds: {}, unused: {}")
        site.write("data.yml", text + more.format(host if host == "web2" else "web1"))
        planned = plan(site)
        assert apply(site).code == 0
    assert "volumes copied: db-data (0 B), seeds (0 B), unused (0 B)" in planned.words
    on_web1 = ["web1 db exited", "web1 seed exited", "web1 web running"]
    assert site.run(*LISTED).words == [*on_web1, "web2 db running", "web2 seed exited", "web2 web running"]
    assert plan(site, "--detailed-exitcode").code == 0


def test_a_source_that_another_run_holds(site: Shop) -> None:
    moving(site, "web2")
    claim = Claim("data", "other", "bob@laptop", "2026-01-02T12:00:00Z", "apply data.yml")
    engine("web1").create_volume({"Name": volume_name("data", 1), "Labels": claim.labels})
    barred = apply(site)
    assert (barred.code, site.run(*LISTED).words) == (5, ["web1 db running"]), barred.out
    assert "web2: nothing was changed: data is locked on web1 by bob@laptop" in barred.out + barred.err


def test_from_where_a_play_may_move(site: Shop) -> None:
    moving(site, "web2", move="{from: [wb]}")
    wrong = site.run("validate", "-i", "hosts.yml", "data.yml")
    assert (wrong.code, "data.yml:3:9" in wrong.err, "'wb'" in wrong.err) == (1, True, True), wrong.err
    moving(site, "web2", move="{from: db}")
    assert "+ container db declared at data.yml:6" in plan(site).words
    site.write("hosts.yml", (site.folder / "hosts.yml").read_text() + GONE)
    moving(site, "web2", move="{from: web, exact: true}")
    assert "volumes copied, first while they are in use, then what changed: db-data (0 B)" in plan(site).words


def test_a_saved_plan_of_a_move(site: Shop) -> None:
    moving(site, "web2")
    assert plan(site, "-o", "move.plan").code == 0
    assert site.run("rm", "-i", "hosts.yml", "web1", "db", "--stop", "--yes").code == 0
    moving(site, "web1")
    assert apply(site).code == 0
    moving(site, "web2")
    stale = site.run("apply", "move.plan", "--yes")
    assert (stale.code, "changed since the plan was created" in stale.out) == (5, True), stale.out
    assert plan(site, "-o", "move.plan", "--force").code == 0
    done = site.run("apply", "move.plan", "--yes")
    assert (done.code, site.run(*LISTED).words) == (0, ["web1 db exited", "web2 db running"]), done.out
