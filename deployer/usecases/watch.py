"""Keeps hosts as declared: plans and applies again and again, less often while that fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec import Struct

from deployer.errors import DeployerError, ExitCode
from deployer.interfaces import Clock

_LONGEST: Final = 3600.0
"""Seconds between rounds that fail, unless the interval is longer."""
_STEP: Final = 0.2


class Round(Struct, frozen=True):
    """How a round ended. `changed`: resources; `hosts`: those that were asked, `unreachable` of them did not answer."""

    code: ExitCode = ExitCode.OK
    changed: int = 0
    hosts: int = 0
    unreachable: int = 0


class Tally(Struct, frozen=True):
    """All rounds so far. `failing`: how many of the newest rounds failed, one after the other. Times in seconds since
    the epoch, 0 for never; `seconds`: how long the last round took."""

    rounds: int = 0
    changes: int = 0
    failures: int = 0
    failing: int = 0
    last: Round = Round()
    last_at: float = 0.0
    converged_at: float = 0.0
    seconds: float = 0.0


def after(tally: Tally, ended: Round, now: float, seconds: float) -> Tally:
    failed = ended.code is not ExitCode.OK
    return Tally(
        rounds=tally.rounds + 1,
        changes=tally.changes + ended.changed,
        failures=tally.failures + failed,
        failing=tally.failing + 1 if failed else 0,
        last=ended,
        last_at=now,
        converged_at=tally.converged_at if failed else now,
        seconds=seconds,
    )


def pause(tally: Tally, interval: float) -> float:
    """Seconds until the next round: twice as long after each failure in a row, up to an hour."""
    doubled = float(interval * 2 ** min(tally.failing, 16))
    return max(interval, min(doubled, _LONGEST))


def watch(
    once: Callable[[], Round],
    keep: Callable[[Tally], object],
    clock: Clock,
    epoch: Callable[[], float],
    is_stopped: Callable[[], bool],
    *,
    interval: float,
    rounds: int = 0,
) -> Tally:
    """Runs until it is stopped, or for a number of rounds. `keep` receives the tally after each."""
    tally = Tally()
    while not is_stopped():
        started = clock.now()
        tally = after(tally, once(), epoch(), clock.now() - started)
        keep(tally)
        if tally.rounds == rounds:
            break
        _wait(pause(tally, interval), clock, is_stopped)
    return tally


def _wait(seconds: float, clock: Clock, is_stopped: Callable[[], bool]) -> None:
    until = clock.now() + seconds
    while clock.now() < until and not is_stopped():
        clock.sleep(min(_STEP, max(0.0, until - clock.now())))


def health(tally: Tally) -> str:
    """A JSON document: whether the last round succeeded, and when."""
    ok = tally.last.code is ExitCode.OK
    found = {"ok": ok, "exit_code": int(tally.last.code), "failing": tally.failing, "last_round": tally.last_at}
    return json.dumps({**found, "last_success": tally.converged_at}) + "\n"


_METRICS: Final[tuple[tuple[str, str, str, Callable[[Tally], float]], ...]] = (
    ("rounds_total", "counter", "Rounds so far.", lambda tally: tally.rounds),
    ("changes_total", "counter", "Resources changed so far.", lambda tally: tally.changes),
    ("failures_total", "counter", "Rounds that failed.", lambda tally: tally.failures),
    ("failing_rounds", "gauge", "Rounds that failed since the last success.", lambda tally: tally.failing),
    ("exit_code", "gauge", "How the last round ended; 0 is success.", lambda tally: int(tally.last.code)),
    ("hosts", "gauge", "Hosts of the last round.", lambda tally: tally.last.hosts),
    (
        "unreachable_hosts",
        "gauge",
        "Hosts that did not answer in the last round.",
        lambda tally: tally.last.unreachable,
    ),
    ("round_seconds", "gauge", "How long the last round took.", lambda tally: tally.seconds),
    ("last_round_timestamp_seconds", "gauge", "When the last round ended.", lambda tally: tally.last_at),
    ("last_success_timestamp_seconds", "gauge", "When hosts were last as declared.", lambda tally: tally.converged_at),
)
"""Name, type, help and value."""


def metrics(tally: Tally) -> str:
    """The tally in the text format of Prometheus."""
    lines = []
    for name, kind, text, value in _METRICS:
        full = f"deployer_watch_{name}"
        lines += [f"# HELP {full} {text}", f"# TYPE {full} {kind}", f"{full} {value(tally):.15g}"]
    return "\n".join(lines) + "\n"


def update_checkout(source: str) -> None:
    """Brings the checkout in the current directory up to date; a URL `source` is cloned there first. Raises
    `DeployerError`."""
    if source and not Path(".git").exists():
        _git("clone", "--quiet", "--", source, ".")
    else:
        _git("pull", "--quiet", "--ff-only")


def _git(*words: str) -> None:
    """Raises `DeployerError` with what git said."""
    from deployer.usecases.system import run_script

    try:
        result = run_script(["env", "GIT_TERMINAL_PROMPT=0", "git", *words])
    except OSError as error:
        raise DeployerError(f"git cannot be run: {error.strerror}") from error
    if result.status:
        said = " ".join(result.stderr.split()) or f"status {result.status}"
        raise DeployerError(f"the repository cannot be read: {said}", hint="this round changes nothing")
