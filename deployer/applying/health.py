"""Waits until a container is healthy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Struct

from deployer.engine import answers
from deployer.engine.answers import ContainerState, Probe, RunningContainer
from deployer.errors import ResourceError
from deployer.fields.container.health import HEALTHCHECK, time_to_verdict
from deployer.interfaces import Clock, Engine
from deployer.model.operations import AwaitHealthy

_FIRST_PAUSE, _LONGEST_PAUSE, _SHORTEST_PAUSE = 0.1, 1.0, 0.01
"""Seconds between polls; grows from the first to the longest value."""


_ENDED = ("exited", "restarting", "removing", "dead")
"""States in which a container has an exit code; one with auto_remove is `removing` and `dead` until it is gone."""

_PROBE_TIME = 2.0
"""Seconds until the result of the last probe is visible."""


class WaitInterruptedError(ResourceError):
    """The operator stopped the run during a wait or a transfer."""


class _Look(Struct, frozen=True):
    """`least`: seconds that its healthcheck needs. `passed`: when its last check began, if that succeeded."""

    state: str
    health: str
    restarts: int
    exit_code: int
    probe: str
    least: float
    passed: datetime | None


def await_healthy(
    engine: Engine,
    clock: Clock,
    ref: str,
    wanted: AwaitHealthy,
    stopped: Callable[[], bool],
    restarts: int | None = None,
    asked: Callable[[], str] = lambda: "",
) -> None:
    """Wait until it is healthy. Raises `ResourceError` with the last observed state. `restarts`: how often it had been
    restarted before; `asked`: what is wrong with the answer to its probe, "" for nothing."""
    began, pause = clock.now(), _FIRST_PAUSE
    seen = _look(engine, ref)
    since = _time_of(engine) if wanted.again and seen.health else None
    before, calm = seen.restarts if restarts is None else restarts, 0.0
    while True:
        waited = clock.now() - began
        failing = seen.state == "restarting" or seen.health == "unhealthy" or seen.restarts > before
        if failing and waited < wanted.grace:
            before, calm, until = seen.restarts, waited, wanted.grace
        else:
            _raise_if_down(seen, before)
            is_proven = since is None or (seen.passed is not None and seen.passed >= since)
            until = calm + _longest(seen, wanted, is_proven=is_proven)
            works = seen.health in ("healthy", "") and is_proven
            said = asked() if waited >= until and works else ""
            if waited >= until and works and not said:
                return
            until = max(until, wanted.timeout) if said else until
            if waited >= until and said:
                raise ResourceError(f"its probe {wanted.probe} has not succeeded within {until:g}s: {said}")
            if waited >= until:
                raise ResourceError(f"{_not_yet(seen)} after {until:g}s{_said(seen)}")
        if stopped():
            raise WaitInterruptedError("interrupted while waiting for it")
        clock.sleep(min(pause, max(until - waited, _SHORTEST_PAUSE)))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
        seen = _look(engine, ref)


def drain(clock: Clock, seconds: float, stopped: Callable[[], bool]) -> None:
    """Wait; a stop ends it early."""
    until = clock.now() + seconds
    while (left := until - clock.now()) > 0 and not stopped():
        clock.sleep(min(left, _FIRST_PAUSE))


def await_completed(engine: Engine, clock: Clock, ref: str, timeout: float | None, stopped: Callable[[], bool]) -> int:
    """Wait until it exits, at most `timeout` seconds; returns the exit code. Polls instead of using one long call, so
    that a stop takes effect. Raises `EngineError` if the container no longer exists."""
    began, pause = clock.now(), _FIRST_PAUSE
    while (code := engine.exit_code(ref)) is None:
        left = pause if timeout is None else timeout - (clock.now() - began)
        if left <= 0:
            raise ResourceError(f"still running after {timeout:g}s")
        if stopped():
            raise WaitInterruptedError("interrupted while waiting for its end")
        clock.sleep(min(pause, left))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return code


def _longest(seen: _Look, wanted: AwaitHealthy, *, is_proven: bool) -> float:
    """Seconds after which the current state is accepted, or is a failure."""
    if not seen.health:
        return wanted.monitor if wanted.probe is None or wanted.again else wanted.watch
    return wanted.watch if seen.health == "healthy" and is_proven else max(wanted.timeout, seen.least)


def _not_yet(seen: _Look) -> str:
    return "no check has succeeded" if seen.health == "healthy" else "is not healthy"


def restarts_of(engine: Engine, ref: str) -> int:
    """How often the engine has restarted it."""
    return _look(engine, ref).restarts


def _time_of(engine: Engine) -> datetime:
    """The engine's own clock."""
    return _moment(str(engine.info().get("SystemTime") or "")) or datetime.max.replace(tzinfo=UTC)


def _moment(text: str) -> datetime | None:
    """A time of the engine's, to the microsecond; None for any other text."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _raise_if_down(seen: _Look, restarts_before: int) -> None:
    if seen.state != "running":
        after = " with" if seen.state == "exited" else ", it exited with"
        code = f"{after} code {seen.exit_code}" if seen.state in _ENDED else ""
        raise ResourceError(f"is {seen.state}{code}")
    restarts = seen.restarts - restarts_before
    if restarts > 0:
        often = "once" if restarts == 1 else f"{restarts} times"
        # Engines reset the exit code when they restart a container.
        code = f", last exit code {seen.exit_code}" if seen.exit_code else ""
        raise ResourceError(f"was restarted {often}{code}")
    if seen.health == "unhealthy":
        raise ResourceError(f"is unhealthy{_said(seen)}")


def _said(seen: _Look) -> str:
    return f"; its healthcheck {seen.probe}" if seen.probe else ""


def _look(engine: Engine, ref: str) -> _Look:
    answer = engine.inspect_container(ref)
    if answer is None:
        code = engine.removed_exit_code(ref)
        raise ResourceError("is gone" if code is None else f"is gone, it exited with code {code}")
    found = answers.read(answer, RunningContainer, "/containers/{id}/json")
    state = found.state or ContainerState()
    log = (state.health.log if state.health is not None else None) or ()
    needed = time_to_verdict(HEALTHCHECK.access.read(answer))
    return _Look(
        state=state.status,
        health=state.judged,
        restarts=found.restart_count,
        exit_code=state.exit_code or 0,
        probe=f"said{_output(log[-1])} (exit code {log[-1].exit_code})" if log else "",
        least=needed + _PROBE_TIME if needed else 0.0,
        passed=_moment(log[-1].start) if log and not log[-1].exit_code else None,
    )


def _output(probe: Probe) -> str:
    text = probe.output.strip()
    return f": {text}" if text else " nothing"
