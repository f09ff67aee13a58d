"""Events as JSON lines."""

import json
from datetime import UTC, datetime, timedelta, timezone

from deployer.diagnostics import Diagnostic, Origin
from deployer.errors import InputError, RefusedError
from deployer.model.outcome import HostEnded, HostStarted, PullProgress, StepEnded, StepStarted
from deployer.reporting.events import JsonEvents
from tests.reporting import samples
from tests.reporting.golden import Golden

NOON = datetime(2026, 1, 2, 13, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=1)))


def test_a_run_from_plan_to_summary(golden: Golden) -> None:
    lines: list[str] = []
    events = JsonEvents(lines.append, lambda: NOON)
    outcome = samples.outcome(samples.rolled_back())
    events.plan(outcome.plan)
    failed = outcome.hosts[0].results[7]
    for event in (
        HostStarted(samples.host_plan("web1")),
        StepStarted("web1", failed.step),
        PullProgress("web1", "redis:7", 5, 10),
        PullProgress("web1", "redis:7", 5, 10),
        StepEnded("web1", failed),
        HostEnded(outcome.hosts[0]),
        object(),
    ):
        events.emit(event)
    events.summary(outcome)
    golden.check("events.jsonl", "".join(lines))


def test_every_line_is_one_versioned_event_with_a_utc_time() -> None:
    lines: list[str] = []
    events = JsonEvents(lines.append, lambda: NOON.astimezone(UTC))
    events.emit(HostStarted(samples.host_plan("web1")))
    assert lines == [
        '{"format_version": "1.1", "type": "host_begun", "@timestamp": "2026-01-02T12:00:00.250Z", '
        '"host": "web1", "steps": 9}\n'
    ]


def test_errors_are_events_too() -> None:
    lines: list[str] = []
    events = JsonEvents(lines.append, lambda: NOON)
    events.error(RefusedError("not confirmed", hint="add --yes"))
    events.error(InputError([Diagnostic(Origin("a.yml", 1, 2), "wrong", "x", "right")]))
    first, second = (json.loads(found) for found in lines)
    assert (first["type"], first["exit_code"], first["message"], first["hint"]) == (
        "error",
        5,
        "not confirmed",
        "add --yes",
    )
    assert second["diagnostics"] == [
        {
            "severity": "error",
            "address": "x",
            "summary": "wrong",
            "hint": "right",
            "origin": {"file": "a.yml", "line": 1, "column": 2},
        }
    ]
