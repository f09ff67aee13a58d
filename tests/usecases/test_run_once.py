"""Jobs that one host of a play runs for all: it goes first, and whoever depends on them does not begin before."""

from __future__ import annotations

import pytest

from deployer.errors import ExitCode, InputError
from deployer.reporting.human import plan_text
from deployer.reporting.lines import render
from tests.applying.engines import states
from tests.fleets import NAMES, Fleet, codes

HOLDS = ("migrate", "migrate.failed")


def shop(version: str = "1", *, ends: str = "exit:0", more: str = "serial: 2", when: str = "true") -> str:
    lines = "".join(f"  {line}\n" for line in more.splitlines())
    return f"""\
- hosts: all
  project: shop
{lines}  containers:
    web: {{image: "web:{version}", depends_on: [migrate]}}
  jobs:
    migrate:
      image: "tools:{version}"
      run_once: true
      when: {when}
      labels: {{sim.behaviour: "{ends}"}}
"""


def holders(fleet: Fleet) -> dict[str, list[str]]:
    """Hosts that have something of the job."""
    found = {host: sorted(set(HOLDS) & set(states(engine))) for host, engine in fleet.engines.items()}
    return {host: names for host, names in found.items() if names}


def batches(fleet: Fleet, text: str, **words: str) -> tuple[tuple[str, ...], ...]:
    with fleet.plan(text, **words) as planned:
        return planned.plan.plays[0].batches


def shown(fleet: Fleet, text: str = "", **words: str) -> list[str]:
    with fleet.plan(text, **words) as planned:
        return render(plan_text(planned.plan), colour=False).splitlines()


@pytest.mark.parametrize("serial", ["serial: 1", "serial: 2", "serial: 100%"])
def test_the_first_host_runs_it_for_all_and_no_other_begins_before(fleet: Fleet, serial: str) -> None:
    outcome = fleet.apply(shop(more=serial))
    assert outcome.exit_code is ExitCode.OK
    assert fleet.ended[0] == "h1"
    assert sorted(fleet.ended) == list(NAMES)
    assert holders(fleet) == {"h1": ["migrate"]}
    assert all(states(engine)["web"] == "running" for engine in fleet.engines.values())
    with fleet.plan() as again:
        assert again.plan.empty
        assert again.plan.plays[0].once is None


def test_it_is_a_batch_of_its_own_only_when_it_is_to_run(fleet: Fleet) -> None:
    assert batches(fleet, shop()) == (("h1",), ("h2",), ("h3", "h4"), ("h5",))
    fleet.apply()
    changed = shop().replace("web:1", "web:2")
    assert batches(fleet, changed) == (("h1", "h2"), ("h3", "h4"), ("h5",))
    assert batches(fleet, shop("2", more="serial: 2\norder: reverse_inventory"))[0] == ("h5",)


def test_the_plan_says_so(fleet: Fleet) -> None:
    assert shown(fleet, shop(more="")) == [
        "shop: job migrate on h1 first, once for all hosts; if it fails, nothing else starts",
        "shop: in 2 batches: h1, then h[2:5]",
        "shop on h1 (simulated)",
        "  +    image tools:1  pull  site.yml:7",
        "  +    image web:1    pull  site.yml:4",
        "  +    container web  declared at site.yml:4",
        "  >>   job migrate    run   site.yml:6",
        "shop on h[2:5] (simulated)",
        "  +    image web:1    pull  site.yml:4",
        "  +    container web  declared at site.yml:4",
        "Plan: 11 to create, 0 to update, 0 to replace, 0 to remove, 1 job to run on 5 hosts (simulated).",
    ]


@pytest.mark.parametrize("more", ["serial: 2", "max_fail_percentage: 100", "serial: 1\nmax_fail_percentage: 100"])
def test_when_it_fails_nothing_else_begins(fleet: Fleet, more: str) -> None:
    fleet.apply(shop())
    before = fleet.ids()
    fleet.seen.events.clear()
    outcome = fleet.apply(shop("2", ends="exit:3", more=more))
    assert codes(outcome) == "h1:FAILED"
    assert fleet.begun == ["h1"]
    assert fleet.ids() == before
    assert holders(fleet) == {"h1": list(HOLDS)}


def test_nor_in_the_plays_that_follow(fleet: Fleet) -> None:
    more = "- hosts: all\n  project: blog\n  containers: {blog: {image: blog:1}}\n"
    outcome = fleet.apply(shop(ends="exit:3") + more)
    assert codes(outcome) == "h1:FAILED"
    assert fleet.containers() == {"h1": ["migrate.failed", "web"]}


def test_nor_when_its_host_has_failed_before(fleet: Fleet) -> None:
    first = "- hosts: h1\n  project: blog\n  max_fail_percentage: 100\n  containers: {blog: {image: blog:1, "
    first += "labels: {sim.behaviour: 'fail:no'}}}\n"
    outcome = fleet.apply(first + shop())
    assert codes(outcome) == "h1:FAILED"
    assert {host for host in fleet.containers() if host != "h1"} == set()


def test_nor_when_it_is_refused(fleet: Fleet) -> None:
    fleet.apply(shop().replace("project: shop", "project: other").replace("web", "www"))
    outcome = fleet.apply(shop())
    assert codes(outcome) == "h1:REFUSED"
    assert all("web" not in states(engine) for engine in fleet.engines.values())


def test_nor_when_its_host_cannot_be_reached(fleet: Fleet) -> None:
    fleet.down.add("h1")
    outcome = fleet.apply(shop())
    assert outcome.exit_code is ExitCode.UNREACHABLE
    assert fleet.containers() == {}
    lines = shown(fleet)
    assert [line.split(" ", 1)[1].strip() for line in lines if "job migrate" in line] == [
        "!    job migrate    refused: runs once, on h1, which is unreachable"
    ]
    assert "hint: make h1 reachable, or exclude it: with --limit 'all:!h1' the job counts as done" in "\n".join(lines)


def test_where_limit_leaves_its_host_out_it_counts_as_done(fleet: Fleet) -> None:
    """It may have been run there, so it is not run on another host."""
    assert "  note: job migrate: run once, on h1, which --limit excludes; it counts as done here" in shown(
        fleet, shop(), limit="h3"
    )
    outcome = fleet.apply(limit="h3")
    assert codes(outcome) == "h3:OK"
    assert fleet.containers() == {"h3": ["web"]}
    assert shown(fleet, limit="h3")[0] == "shop on h3 (simulated): no changes"


def test_dependants_may_be_on_the_first_hosts_only(fleet: Fleet) -> None:
    """T21: no host waits for another's turn."""
    text = shop(more="serial: 1").replace(
        "depends_on: [migrate]}", "depends_on: [migrate], when: inventory_hostname == 'h1'}"
    )
    assert fleet.apply(text).exit_code is ExitCode.OK
    assert fleet.containers() == {"h1": ["migrate", "web"]}


def test_when_must_not_leave_it_out_where_it_would_run(fleet: Fleet) -> None:
    with pytest.raises(InputError) as caught:
        fleet.plan(shop(when="inventory_hostname != 'h1'").replace(", depends_on: [migrate]", ""))
    (found,) = caught.value.diagnostics
    assert str(found.origin) == "site.yml:7:5"
    assert found.summary == "has run_once, but 'when' excludes h1, the first host, where it would run"
    assert fleet.apply(shop(when="false").replace(", depends_on: [migrate]", "")).exit_code is ExitCode.OK
    assert holders(fleet) == {}


def test_on_every_host_where_it_is_not_said_to_run_once(fleet: Fleet) -> None:
    fleet.apply(shop().replace("run_once: true", "run_once: false"))
    assert holders(fleet) == {name: ["migrate"] for name in NAMES}


def test_one_that_was_run_everywhere_before_is_pruned_elsewhere(fleet: Fleet) -> None:
    fleet.apply(shop().replace("run_once: true", "run_once: false"))
    fleet.apply(shop(), prune=True)
    assert holders(fleet) == {"h1": ["migrate"]}


def test_destroying_says_nothing_of_it(fleet: Fleet) -> None:
    from deployer.usecases.plan import destroy
    from tests.fleets import request

    fleet.apply(shop())
    with destroy(request("", {"limit": "h1"}), fleet.system) as planned:
        (play,) = planned.plan.plays
    assert [change.address.label for change in play.hosts[0].changes] == ["container.web", "job.migrate"]
    assert (play.once, play.hosts[0].notes) == (None, ())
