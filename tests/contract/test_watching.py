"""What containers use, run and have gone through."""

from __future__ import annotations

from decimal import Decimal

from deployer.engine import answers
from deployer.interfaces import Engine, EventQuery
from tests.contract.sandbox import SLEEP, Sandbox, status_of
from tests.lab.shell import wait_for


def test_stats_processes_and_events(sandbox: Sandbox) -> None:
    engine, key = sandbox.engine, sandbox.container("watched", Cmd=SLEEP)
    assert not answers.read(engine.container_stats(key), answers.Stats, "").is_there
    assert status_of(engine.container_processes, key) in (409, 500)
    engine.start_container(key)
    # What begins it runs in the container too, and has no words.
    wait_for(lambda: _commands(engine, key) == [" ".join(SLEEP)], 5, "the process")
    found = answers.read(engine.container_stats(key), answers.Stats, "")
    assert (found.is_there, found.memory.used > 0, found.processes.current) == (True, True, 1)
    for ask in (engine.container_stats, engine.container_processes):
        assert status_of(ask, "nobody") == 404
    engine.kill_container(key, "KILL")
    assert engine.wait_container(key) == 137
    until = f"{Decimal(_last(sandbox, key)[-1].nanoseconds) / 10**9 + 1:.9f}"
    assert [found.action for found in _last(sandbox, key, until)] == ["create", "start", "die"]


def _commands(engine: Engine, key: str) -> list[str]:
    listed = answers.read(engine.container_processes(key), answers.Processes, "")
    return [dict(zip(listed.titles or (), each, strict=True))["CMD"] for each in listed.processes or ()]


def _last(sandbox: Sandbox, key: str, until: str = "4000000000") -> list[answers.Event]:
    """The events of a container until it died."""
    query = EventQuery("1", until, {"container": (key,), "event": ("create", "start", "die")})
    found = []
    with sandbox.engine.read_events(query) as messages:
        for message in messages:
            found.append(answers.read(message, answers.Event, "/events"))
            if found[-1].action == "die":
                break
    return found
