"""Looking at hosts before the first write: which hosts are asked, and what one host's findings mean for others."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import EngineError, ExitCode
from tests.applying.engines import surrounded
from tests.fleets import NAMES, Fleet, codes, play

READS = ["inspect_container", "inspect_image", "list_containers", "list_networks", "list_volumes"]


def listening(fleet: Fleet, host: str, fail: str = "") -> list[str]:
    """What the host's engine is asked from now on; the call `fail` fails."""
    asked: list[str] = []

    def around(name: str, _args: tuple[Any, ...], call: Callable[[], Any]) -> Any:
        asked.append(name)
        if name == fail:
            raise EngineError("no", status=500)
        return call()

    fleet.wrap[host] = lambda engine: surrounded(engine, around)
    return asked


def test_a_plan_with_nothing_to_do_asks_nothing_more(fleet: Fleet) -> None:
    fleet.apply(play())
    asked = listening(fleet, "h1")
    with fleet.plan() as planned:
        assert planned.plan.empty
    assert sorted({*asked} - {"describe", "close"}) == READS


def test_only_hosts_that_something_is_made_on_are_asked(fleet: Fleet) -> None:
    fleet.apply(play(), limit="h1")
    idle, busy = listening(fleet, "h1"), listening(fleet, "h2")
    with fleet.plan() as planned:
        assert not planned.plan.empty
    assert ("info" in idle, "info" in busy) == (False, True)


def test_removing_and_stopping_needs_no_look(fleet: Fleet) -> None:
    fleet.apply(play())
    asked = listening(fleet, "h1")
    with fleet.plan(play("state: absent")) as planned:
        assert not planned.plan.empty
    assert "info" not in asked


@pytest.mark.parametrize("host", ["h2", "h5"])
def test_findings_on_one_host_do_not_stop_others(fleet: Fleet, host: str) -> None:
    fleet.engines[host].publish_image("docker.io/library/web:1", None)
    text = play()
    with fleet.plan(text) as planned:
        found = {plan.host: [refusal.summary for refusal in plan.refusals] for plan in planned.plan.hosts}
    missing = "the registry docker.io does not have it"
    assert found == {name: [missing] if name == host else [] for name in NAMES}
    outcome = fleet.apply(text)
    assert codes(outcome) == " ".join(f"{name}:{'REFUSED' if name == host else 'OK'}" for name in NAMES)
    assert outcome.exit_code is ExitCode.REFUSED
    assert sorted(fleet.containers()) == [name for name in NAMES if name != host]


def test_a_host_that_does_not_answer_the_look_is_planned_all_the_same(fleet: Fleet) -> None:
    asked = listening(fleet, "h1", fail="info")
    with fleet.plan(play()) as planned:
        assert [len(plan.changes) for plan in planned.plan.hosts] == [2] * len(NAMES)
        assert not list(planned.plan.refusals)
    assert "info" in asked


NEEDLESS = (
    "deployer.usecases.preflight",
    "deployer.engine.host_facts",
    "deployer.engine.pulled_images",
    "deployer.model.history",
    "deployer.planning.preflight",
)


def test_a_plan_with_nothing_to_do_loads_none_of_it(fleet: Fleet) -> None:
    """Of hosts without anything on them, and a play without anything in it."""
    assert fleet.engines
    Path("site.yml").write_text("- hosts: all\n")
    words = ["plan", "-i", "hosts.yml", "site.yml"]
    code = (
        f"import sys; from deployer.cli import main; code = main({words!r}); "
        f"print(code, [name for name in {NEEDLESS!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "0 []"
