"""Locks and obstacles of a run, as text and as documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from deployer.model.locks import Claim
from deployer.model.outcome import Blocked, HostOutcome, Obstacle
from deployer.reporting.human import hint_lines
from deployer.reporting.lines import Line, Span, Style, line
from deployer.reporting.words import seconds

_WAIT = "--lock-wait 5m waits for it; the lock of a dead run expires; deployer lock status shows all locks"


def holder_words(holder: Claim) -> str:
    """`ann@laptop since 2026-01-02 12:00:00 UTC (apply shop.yml)`."""
    since = f" since {moment_words(holder.since)}" if holder.since else ""
    command = f" ({holder.command})" if holder.command else ""
    return f"{holder.who}{since}{command}"


def moment_words(stamp: str) -> str:
    """A UTC time stamp as text: `2026-01-02 12:00:00 UTC`."""
    return stamp.replace("T", " ").replace("Z", " UTC")


def waiting_words(holder: Claim) -> str:
    return f"waiting for {holder_words(holder)}, who holds the lock of {holder.project}"


UNCHANGED: Final = "nothing was changed"


def blocked_lines(outcome: HostOutcome, name: str, unchanged: str = UNCHANGED) -> Iterator[Line]:
    """Why a host was not changed, or not completely; `name` is shown for it, `unchanged` says that it was not."""
    blocked = outcome.blocked
    if blocked is None:
        return
    yield line(Span(f"{name}: {blocked_words(blocked, outcome.plan.project, unchanged)}", Style.BAD))
    yield from hint_lines(blocked_hint(blocked), "  ")


def blocked_words(blocked: Blocked, project: str, unchanged: str = UNCHANGED) -> str:
    match blocked.obstacle:
        case Obstacle.LOCKED if blocked.holder is not None:
            where = f" on {blocked.detail}" if blocked.detail else ""
            return f"{unchanged}: {project} is locked{where} by {holder_words(blocked.holder)}"
        case Obstacle.CHANGED:
            return f"{unchanged}: the host has changed since the plan was created: {blocked.detail}"
        case Obstacle.LOST:
            return f"stopped: {blocked.detail}"
        case _:
            return f"{unchanged}: the lock could not be acquired: {blocked.detail}"


def blocked_hint(blocked: Blocked) -> str:
    if blocked.hint:
        return blocked.hint
    return _WAIT if blocked.obstacle is Obstacle.LOCKED else "run plan again to see the differences"


def blocked_document(blocked: Blocked | None, project: str) -> dict[str, Any] | None:
    if blocked is None:
        return None
    return {
        "reason": blocked.obstacle.value.replace(" ", "_"),
        "message": blocked_words(blocked, project),
        "hint": blocked_hint(blocked),
        "holder": claim_document(blocked.holder) if blocked.holder is not None else None,
    }


LOCK_HEADER: Final = ("HOST", "PROJECT", "WHO", "SINCE", "LAST SEEN", "STATE", "COMMAND")


def lock_cells(host: str, claim: Claim, quiet: float | None, *, free: bool) -> tuple[str | Span, ...]:
    """One lock's row. `quiet`: seconds since its holder last renewed it."""
    state = Span("expired, free for the next run", Style.WARNING) if free else Span("held")
    sign = "" if quiet is None else f"{seconds(quiet)} ago"
    return (host, claim.project, claim.who, moment_words(claim.since), sign, state, claim.command)


def no_locks() -> list[Line]:
    return [line("No host is locked.")]


def claim_document(claim: Claim) -> dict[str, Any]:
    """Without the token, which is internal."""
    return {
        "project": claim.project,
        "who": claim.who,
        "since": claim.since,
        "command": claim.command,
        "lease": claim.lease,
    }
