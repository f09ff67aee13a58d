"""One fault anywhere in any change: what ran and should run still runs, no data is gone, and the next run converges."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from deployer.errors import EngineError
from deployer.model.desired import Desired, OnFailure
from deployer.model.outcome import Status
from deployer.model.plan import Phase
from deployer.model.settings import ContainerSettings
from tests.engine.faulty import Faults, connection_lost, with_faults
from tests.planning.hosts import Host
from tests.planning.test_properties import POPULATED, foreign, plays, read

REFUSED, LOST = EngineError("injected failure", status=500), connection_lost()


@st.composite
def faults(draw: st.DrawFn) -> Faults:
    """Refused; done although it is reported as refused; or the connection is gone from there on."""
    lost = draw(st.booleans())
    return Faults(draw(st.integers(1, 30)), LOST if lost else REFUSED, draw(st.booleans()), for_ever=lost)


def running(host: Host) -> set[str]:
    return {name for name, state in host.containers.items() if state == "running"}


def volumes(host: Host) -> set[str]:
    return {str(found["Name"]) for found in host.engine.list_volumes()}


def wanted(desired: Desired) -> set[str]:
    return {found.name for found in desired.of(ContainerSettings) if found.settings.state == "started"}


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(plays(), plays(), faults(), st.sampled_from(list(OnFailure)), st.sampled_from(["20.10", "26.1", "28.5"]))
def test_one_fault_anywhere_stops_nothing_and_loses_nothing(
    first: dict[str, Any], second: dict[str, Any], fault: Faults, on_failure: OnFailure, version: str
) -> None:
    before, after = read(first), replace(read(second), on_failure=on_failure)
    host = Host(POPULATED[version].copy())
    assume(not host.plan(before).refusals)
    host.converge(before)
    ran, had, untouched = running(host), volumes(host), foreign(host.engine)
    found = host.plan(after)
    note(f"{fault}\n{found}")
    assume(not found.refusals)
    done = host.execute_on(with_faults(host.engine, fault), found)
    note("\n".join(f"{result.status} {result.step} {result.error}" for result in done.results))
    assert had <= volumes(host)
    assert foreign(host.engine) == untouched
    if done.unreachable is None and not stuck(done.results):
        kept = ran if on_failure is not OnFailure.STOP and failed_change(done.results) else ran & wanted(after)
        assert kept <= running(host)
    host.converge(after)
    assert had <= volumes(host)


def failed_change(results: Any) -> bool:
    """What fails when every change has been made is not a reason to take them back."""
    return any(found.status is Status.FAILED and found.step.phase is Phase.CHANGE for found in results)


def stuck(results: Any) -> bool:
    """The fault came on the way back: the run says so, and the next one mends it."""
    return any(found.stuck for found in results)


REMOVES_ITSELF = """
containers:
  web: {image: one:1, auto_remove: true}
  api: {image: one:1}
"""


@pytest.mark.parametrize("version", ["20.10", "26.1", "28.5"])
@pytest.mark.parametrize("at", range(1, 9))
def test_one_that_removes_itself_goes_when_nothing_can_fail_any_more(version: str, at: int) -> None:
    host = Host(POPULATED[version].copy())
    host.converge(REMOVES_ITSELF)
    wish = "containers: {web: {image: one:1, state: absent}, api: {image: one:1, command: new}}"
    found = host.plan(wish)
    done = host.execute_on(with_faults(host.engine, Faults(at, REFUSED, done=True, for_ever=False)), found)
    assert "web" in running(host) or not failed_change(done.results)
    host.converge(wish)
    assert [name for name in host.containers if name.startswith("web")] == []
