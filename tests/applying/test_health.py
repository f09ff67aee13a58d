"""When a container counts as working, by a clock that only sleeping moves."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, cast

import pytest

from deployer.applying.health import WaitInterruptedError, await_completed, await_healthy, drain
from deployer.errors import EngineError, ResourceError
from deployer.interfaces import Engine
from deployer.model.operations import AwaitHealthy
from deployer.model.settings import Probe
from tests.applying.engines import Clock


class Codes:
    """An engine whose container ends with the last of these codes."""

    def __init__(self, *codes: int | None) -> None:
        self._codes = iter(codes)

    def exit_code(self, ref: str) -> int | None:
        assert ref == "job"
        return next(self._codes)


def end(codes: Codes, *, timeout: float | None = None, stopped_at: float = 1e9) -> tuple[int, float]:
    """The code, and how long that took."""
    clock = Clock()
    code = await_completed(cast("Engine", codes), clock, "job", timeout, lambda: clock.now() >= stopped_at)
    return code, clock.seconds


def test_a_job_is_asked_about_until_it_ends() -> None:
    assert end(Codes(0)) == (0, 0.0)
    code, seconds = end(Codes(None, None, None, 3))
    assert code == 3
    assert seconds == pytest.approx(0.1 + 0.15 + 0.225)


def test_a_job_that_takes_too_long() -> None:
    with pytest.raises(ResourceError, match=r"^still running after 2\.5s$"):
        end(Codes(*[None] * 99), timeout=2.5)
    code, seconds = end(Codes(None, None, 0), timeout=0.2)
    assert code == 0
    assert seconds == pytest.approx(0.2)


def test_waiting_for_a_job_ends_when_the_run_is_stopped() -> None:
    with pytest.raises(WaitInterruptedError, match=r"^interrupted while waiting for its end$"):
        end(Codes(*[None] * 99), stopped_at=1)


def look(
    health: str = "", *, state: str = "running", restarts: int = 0, code: int = 0, said: str = ""
) -> dict[str, Any]:
    probe = {"Status": health, "Log": [{"Output": f" {said}\n", "ExitCode": 1}] if said else None}
    inspected = {"Id": "web-1", "Name": "/web", "Image": "image web:1", "RestartCount": restarts}
    return inspected | {"State": {"Status": state, "ExitCode": code, "Health": probe if health else None}}


class Looks:
    """An engine that answers one look after the other, the last one for ever."""

    def __init__(self, *looks: dict[str, Any] | None) -> None:
        self.count = 0
        self.removed_with: int | None = None
        self._looks = looks

    def inspect_container(self, ref: str) -> dict[str, Any] | None:
        assert ref == "web"
        self.count += 1
        return self._looks[min(self.count, len(self._looks)) - 1]

    def removed_exit_code(self, ref: str) -> int | None:
        assert ref == "web"
        return self.removed_with


def wait(
    looks: Looks,
    *,
    timeout: float = 60,
    monitor: float = 5,
    watch: float = 0,
    grace: float = 0,
    stops: Iterator[bool] | None = None,
) -> Clock:
    clock = Clock()
    answers = stops or iter(())
    wanted = AwaitHealthy("web", timeout, monitor, watch, grace)
    await_healthy(cast("Engine", looks), clock, "web", wanted, lambda: next(answers, False))
    return clock


STARTING, HEALTHY = look("starting"), look("healthy")


def test_healthy_at_once_takes_no_time() -> None:
    looks = Looks(HEALTHY)
    assert wait(looks).seconds == 0
    assert looks.count == 1


def test_healthy_after_a_while() -> None:
    looks = Looks(STARTING, STARTING, STARTING, HEALTHY)
    clock = wait(looks)
    assert looks.count == 4
    assert clock.seconds == pytest.approx(0.1 + 0.15 + 0.225)


def test_one_that_is_watched_has_to_stay_healthy() -> None:
    assert wait(Looks(HEALTHY), watch=8).seconds == pytest.approx(8)
    with pytest.raises(ResourceError) as caught:
        wait(Looks(*[HEALTHY] * 5, look("unhealthy", said="gone")), watch=8)
    assert caught.value.message == "is unhealthy; its healthcheck said: gone (exit code 1)"


def test_one_that_is_healthy_late_was_watched_long_enough() -> None:
    assert wait(Looks(*[STARTING] * 20, HEALTHY), watch=2).seconds > 10


def again(*looks: dict[str, Any], restarts: int = 0, said: Iterator[str] | None = None, **wanted: Any) -> float:
    """Seconds until one that worked before is found to work."""

    class Told(Looks):
        def info(self) -> dict[str, Any]:
            return {"SystemTime": "2026-01-02T03:04:05.123456789+01:00"}

    clock, answers = Clock(), said or iter(())
    wait = AwaitHealthy("web", 10, 5, again=True, **wanted)
    engine = cast("Engine", Told(*looks))
    await_healthy(engine, clock, "web", wait, lambda: False, restarts, lambda: next(answers, ""))
    return clock.seconds


def checked(start: str, code: int = 0) -> dict[str, Any]:
    found = look("healthy", said="x")
    found["State"]["Health"]["Log"] = [{"Start": start, "ExitCode": code, "Output": "no"}]
    return found


def test_one_that_worked_before_must_pass_a_check_that_begins_now() -> None:
    old, new = checked("2026-01-02T02:04:05.1Z"), "2026-01-02T02:04:06.987654321Z"
    assert again(old, old, checked(new)) == pytest.approx(0.25)
    for last in (old, checked(new, 1)):
        with pytest.raises(ResourceError, match=r"^no check has succeeded after 10s; its healthcheck said"):
            again(last)


def test_one_that_was_restarted_since_it_was_told_does_not_work() -> None:
    assert again(look(restarts=2), restarts=2) == pytest.approx(5)
    with pytest.raises(ResourceError, match=r"^was restarted once$"):
        again(look(restarts=3), restarts=2)


def test_a_probe_is_asked_until_it_succeeds() -> None:
    probe = Probe(80)
    assert again(look(), said=iter(["no", "no"]), probe=probe) > 5
    with pytest.raises(ResourceError, match=r"^its probe tcp :80 has not succeeded within 10s: refused$"):
        again(look(), said=itertools.repeat("refused"), probe=probe)


def test_pauses_grow_to_a_second() -> None:
    clock = wait(Looks(*[STARTING] * 20, HEALTHY))
    assert clock.naps == sorted(clock.naps)
    assert (clock.naps[0], clock.naps[-1]) == (0.1, 1.0)


def test_unhealthy_ends_the_wait_with_the_output_of_the_probe() -> None:
    with pytest.raises(ResourceError) as caught:
        wait(Looks(STARTING, look("unhealthy", said="connection refused")))
    assert caught.value.message == "is unhealthy; its healthcheck said: connection refused (exit code 1)"


def test_never_healthy() -> None:
    looks = Looks(look("starting", said="not yet"))
    with pytest.raises(ResourceError) as caught:
        wait(looks, timeout=2.5)
    assert caught.value.message == "is not healthy after 2.5s; its healthcheck said: not yet (exit code 1)"


def test_the_timeout_is_kept_to_the_second() -> None:
    clock = Clock()
    with pytest.raises(ResourceError):
        await_healthy(cast("Engine", Looks(STARTING)), clock, "web", AwaitHealthy("web", 3.3, 5), lambda: False)
    assert clock.seconds == pytest.approx(3.3)


@pytest.mark.parametrize(
    ("last", "message"),
    [
        (look(state="exited", code=3), "is exited with code 3"),
        (look("starting", state="exited", code=0), "is exited with code 0"),
        (look(state="restarting", code=1, restarts=1), "is restarting, it exited with code 1"),
        (look(state="dead", code=3), "is dead, it exited with code 3"),
        (look(state="removing"), "is removing, it exited with code 0"),
        (look(state="created"), "is created"),
        (look(state="paused"), "is paused"),
        (look(restarts=2, code=7), "was restarted 2 times, last exit code 7"),
        (look(restarts=1, code=7), "was restarted once, last exit code 7"),
        (look(restarts=1), "was restarted once"),
        (None, "is gone"),
    ],
)
def test_states_that_are_failures(last: dict[str, Any] | None, message: str) -> None:
    with pytest.raises(ResourceError) as caught:
        wait(Looks(look(), last))
    assert caught.value.message == message


def test_one_that_the_engine_removed_ended_with_a_code() -> None:
    looks = Looks(look(), None)
    looks.removed_with = 3
    with pytest.raises(ResourceError, match=r"^is gone, it exited with code 3$"):
        wait(looks)


def test_restarts_of_before_do_not_count() -> None:
    assert wait(Looks(look(restarts=4))).seconds >= 5


def test_without_a_healthcheck_it_is_watched_for_a_while() -> None:
    clock = wait(Looks(look()), monitor=5)
    assert clock.seconds == pytest.approx(5)


def test_a_disabled_healthcheck_is_not_awaited() -> None:
    assert wait(Looks(look("none")), monitor=2).seconds == pytest.approx(2)


def test_no_time_to_watch_is_one_look() -> None:
    looks = Looks(look())
    assert wait(looks, monitor=0).seconds == 0
    assert looks.count == 1


def test_one_that_crashes_within_the_time_it_is_watched() -> None:
    with pytest.raises(ResourceError, match="is exited with code 1"):
        wait(Looks(*[look()] * 6, look(state="exited", code=1)))


def test_interrupted() -> None:
    looks = Looks(STARTING)
    with pytest.raises(WaitInterruptedError):
        wait(looks, stops=iter([False, False, True]))
    assert looks.count == 3


def test_an_error_of_the_engine_is_passed_on() -> None:
    class Broken:
        def inspect_container(self, ref: str) -> None:
            raise EngineError("broken", status=500)

    with pytest.raises(EngineError):
        await_healthy(cast("Engine", Broken()), Clock(), "web", AwaitHealthy("web", 60, 5), lambda: False)


UNHEALTHY = look("unhealthy", said="no database")
LOOPING = [look(state="restarting", restarts=7, code=1)] * 3


def test_one_that_fails_already_is_given_time_to_recover() -> None:
    assert wait(Looks(*[UNHEALTHY] * 6, HEALTHY), grace=10).seconds < 4
    with pytest.raises(ResourceError) as caught:
        wait(Looks(UNHEALTHY), grace=10)
    assert caught.value.message == "is unhealthy; its healthcheck said: no database (exit code 1)"


def test_one_that_keeps_restarting_is_watched_from_the_last_restart_on() -> None:
    looks = Looks(*LOOPING, look(restarts=8), look(restarts=8), look(restarts=9), look(restarts=9))
    last_restart = sum((0.1, 0.15, 0.225, 0.3375, 0.50625))
    assert wait(looks, grace=20).seconds == pytest.approx(last_restart + 5)
    with pytest.raises(ResourceError) as caught:
        wait(Looks(*LOOPING), grace=20)
    assert caught.value.message == "is restarting, it exited with code 1"
    with pytest.raises(ResourceError) as caught:
        wait(Looks(*LOOPING, look(state="exited", code=3)), grace=20)
    assert caught.value.message == "is exited with code 3"


def test_the_healthcheck_itself_may_need_longer_than_the_timeout() -> None:
    slow = STARTING | {"Config": {"Healthcheck": {"Test": ["CMD", "x"], "StartPeriod": 10**11, "Interval": 10**10}}}
    with pytest.raises(ResourceError) as caught:
        wait(Looks(slow))
    assert caught.value.message == "is not healthy after 112s"


def test_draining_takes_its_time_unless_the_run_is_stopped() -> None:
    clock = Clock()
    drain(clock, 2.05, lambda: False)
    assert clock.seconds == pytest.approx(2.05)
    drain(clock, 9, lambda: clock.seconds > 4)
    assert clock.seconds == pytest.approx(4.05)
