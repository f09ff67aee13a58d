"""One failure at any write of any change: what ran runs again, no data is lost, and the next run converges."""

from __future__ import annotations

import threading
from enum import Enum
from functools import cache

import pytest

from deployer.applying.executor import Execution
from deployer.applying.performing import Tools
from deployer.engine.observe import needs_of, observe
from deployer.errors import EngineError
from deployer.interfaces import Engine
from deployer.model.desired import Desired, OnFailure
from deployer.model.outcome import Status
from deployer.model.plan import HostPlan, Phase
from deployer.model.settings import ContainerSettings
from deployer.planning.policy import Policy
from deployer.planning.reconcile import reconcile
from deployer.simulated import SimulatedEngine
from tests.applying.engines import Clock, Seen, app_engine, run, states
from tests.engine.faulty import Faults, connection_lost, with_faults
from tests.executing import execute
from tests.planning.build import HOST, play

BASE = """
networks: {front: {}, back: {}}
volumes: {data: {}}
containers:
  db: {image: db:1, networks: [back], volumes: ['data:/data', /cache]}
  web: {image: web:1, networks: [front, back], ports: ['8080:80'], depends_on: [db]}
  side: {image: side:1, network_mode: 'container:web'}
"""

CHANGES = {
    "stop-first": BASE.replace("web:1,", "web:2,"),
    "start-first": BASE.replace(", ports: ['8080:80']", ", tty: true"),
    "volumes move": BASE.replace("db:1,", "db:1, tty: true,"),
    "in place": BASE.replace("web:1,", "web:1, mem_limit: 64m, memswap_limit: 64m, restart: always,"),
    "reconnect": BASE.replace("[front, back]", "{front: {aliases: [x]}}"),
    "network recreated": BASE.replace("front: {},", "front: {internal: true},"),
    "one more": BASE + "  more: {image: web:1, networks: [front], depends_on: [web]}\n",
    "one less": BASE.replace("  side: {image: side:1, network_mode: 'container:web'}", "  side: {state: absent}"),
    "all of it": BASE.replace("front: {},", "front: {internal: true},")
    .replace("db:1,", "db:1, tty: true,")
    .replace("web:1,", "web:2, mem_limit: 64m,"),
}

REFUSED = EngineError("injected failure", status=500)
LOST = connection_lost()


def look(engine: Engine, wish: Desired) -> HostPlan:
    return reconcile(wish, observe(engine, HOST, needs_of([wish], lambda _ref: None), width=1), Policy())


def carry_out(engine: Engine, found: HostPlan) -> Execution:
    return execute(found, Tools(engine, Clock(), Seen(), lambda _ref: None, threading.Event()))


@cache
def before() -> SimulatedEngine:
    engine = app_engine()
    run(engine, "stranger", Binds=["theirs:/data"])
    assert all(result.status is Status.DONE for result in carry_out(engine, look(engine, play(BASE))).results)
    return engine


class How(Enum):
    """What becomes of a write: `UNSURE` is done and reported as failed; `LOST` ends the connection, before the write is
    done or after it by turns."""

    REFUSED = "refused"
    UNSURE = "unsure"
    LOST = "lost"

    def faults(self, at: int) -> Faults:
        lost, done = self is How.LOST, self is How.UNSURE or (self is How.LOST and at % 2 == 0)
        return Faults(at=at, error=LOST if lost else REFUSED, done=done, for_ever=lost)


@cache
def broken_runs(change: str, how: How) -> tuple[tuple[int, SimulatedEngine, Execution], ...]:
    """The host after a run of which one write failed, for every write."""
    wish, faults = play(change), Faults()
    engine = before().copy()
    carry_out(with_faults(engine, faults), look(engine, wish))
    assert faults.writes
    found = []
    for at in range(1, len(faults.writes) + 1):
        engine = before().copy()
        done = carry_out(with_faults(engine, how.faults(at)), look(engine, wish))
        found.append((at, engine, done))
    return tuple(found)


def check_running(engine: SimulatedEngine, names: set[str], at: int) -> None:
    found = states(engine)
    assert names <= {name for name, state in found.items() if state == "running"}, (at, found)


def check_nothing_lost(engine: SimulatedEngine, at: int) -> None:
    volumes = {found["Name"] for found in before().list_volumes()}
    assert volumes <= {found["Name"] for found in engine.list_volumes()}, at
    was, now = (each.inspect_container("stranger") for each in (before(), engine))
    assert was is not None
    assert now is not None
    assert (was["Id"], was["State"]["Status"]) == (now["Id"], now["State"]["Status"]), at


def check_next_run(left: SimulatedEngine, wish: Desired, at: int) -> None:
    engine = left.copy()
    found = look(engine, wish)
    assert not found.refusals, (at, found.refusals)
    done = carry_out(engine, found)
    assert all(result.status is Status.DONE for result in done.results), (at, done.results)
    again = look(engine, wish)
    assert not again.changes, (at, again.changes)
    assert not [name for name in states(engine) if "deployer" in name], at
    expected = {found.name for found in wish.of(ContainerSettings) if not found.absent} | {"stranger"}
    running = {name: state for name, state in states(engine).items() if not name.endswith(".previous")}
    assert running == dict.fromkeys(expected, "running"), at
    kept = {state for name, state in states(engine).items() if name not in running}
    assert kept <= {"exited"}, at


def check_all_as_it_was(engine: SimulatedEngine, done: Execution, wish: Desired, at: int) -> None:
    """When anything failed before the first step that cannot be rolled back; what is only new may stay."""
    failed = [result.step for result in done.results if result.status is Status.FAILED]
    goes_back = look(before().copy(), wish).on_failure is OnFailure.ROLLBACK_HOST
    if goes_back and any(step.phase is Phase.CHANGE for step in failed):
        was, now = ({found["Id"] for found in each.list_containers()} for each in (before(), engine))
        names = {found["Names"][0] for found in engine.list_containers() if found["Id"] not in was}
        assert was <= now, at
        assert all(name.endswith(".failed") for name in names), (at, names)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_write_that_the_engine_refuses_stops_no_service(change: str) -> None:
    wish = play(change)
    for at, engine, done in broken_runs(change, How.REFUSED):
        check_running(engine, {"web", "db", "stranger"}, at)
        check_nothing_lost(engine, at)
        check_all_as_it_was(engine, done, wish, at)
        check_next_run(engine, wish, at)


@pytest.mark.parametrize("change", [CHANGES[name] for name in CHANGES if name != "one less"])
def test_nor_one_that_shares_the_network_of_another(change: str) -> None:
    for at, engine, _ in broken_runs(change, How.REFUSED):
        check_running(engine, {"side"}, at)


@pytest.mark.parametrize("how", [How.LOST, How.UNSURE])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_after_a_failure_that_left_anything_behind_the_next_run_converges(change: str, how: How) -> None:
    wish = play(change)
    for at, engine, _ in broken_runs(change, how):
        check_nothing_lost(engine, at)
        check_next_run(engine, wish, at)
