"""Events as JSON lines, described in docs/json.md.

Every line has `format_version`, `type`, `@timestamp` (UTC) and, where it concerns one, `host`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from deployer.diagnostics import Diagnostic
from deployer.errors import DeployerError, InputError
from deployer.model.outcome import (
    BuildProgress,
    HostEnded,
    HostOutcome,
    HostStarted,
    Notice,
    Outcome,
    PullProgress,
    StepEnded,
    StepResult,
    StepStarted,
    Waiting,
)
from deployer.model.plan import Plan
from deployer.reporting.json_plan import (
    FORMAT_VERSION,
    Document,
    change_document,
    diagnostic_document,
    plan_document,
    step_document,
    unreachable_document,
)
from deployer.reporting.locks import blocked_document, claim_document
from deployer.reporting.pulls import Milestones
from deployer.reporting.tally import tally


def utc_now() -> datetime:
    return datetime.now(UTC)


class JsonEvents:
    """Writes each event at once, with one call of `write`; safe to call from several threads. `clean` removes secrets
    from a document."""

    def __init__(
        self,
        write: Callable[[str], object],
        clock: Callable[[], datetime] = utc_now,
        clean: Callable[[Document], Document] = dict,
    ) -> None:
        self._write = write
        self._clock = clock
        self._clean = clean
        self._pulls = Milestones()
        self._lock = threading.Lock()

    def emit(self, event: object) -> None:
        document = self._document(event)
        if document is not None:
            self._line(document)

    def plan(self, plan: Plan, warnings: Iterable[Diagnostic] = ()) -> None:
        """The first event: the plan."""
        self._line(plan_document(plan, warnings))

    def summary(self, outcome: Outcome) -> None:
        """The last event."""
        self._line(outcome_document(outcome))

    def error(self, error: DeployerError) -> None:
        """An error that ended the run."""
        self._line(error_document(error))

    def _line(self, document: Document) -> None:
        with self._lock:
            stamp = self._clock().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            head = {"format_version": FORMAT_VERSION, "type": document["type"], "@timestamp": stamp}
            self._write(json.dumps(self._clean(head | document), ensure_ascii=False) + "\n")

    def _document(self, event: object) -> Document | None:
        match event:
            case HostStarted():
                return {"type": "host_begun", "host": event.host, "steps": event.steps}
            case StepStarted(host, step):
                return {"type": "step_begun", "host": host, "step": step_document(step)}
            case StepEnded(host, result):
                return {"type": "step_ended", "host": host} | result_document(result)
            case PullProgress(host, reference, current, total, reading) if self._pulls.passed(event):
                of = {"host": host, "reference": reference, "current": current, "total": total}
                return {"type": "pull", **of} | ({"reading": reading} if reading else {})
            case BuildProgress(host, reference, doing, 0):
                return {"type": "build", "host": host, "reference": reference, "instruction": doing}
            case Waiting(host, holder):
                return {"type": "waiting", "host": host, "holder": claim_document(holder)}
            case Notice(host, text):
                return {"type": "notice", "host": host, "message": text}
            case HostEnded(outcome):
                return {"type": "host_ended"} | host_document(outcome)
            case _:
                return None


def outcome_document(outcome: Outcome) -> Document:
    return {
        "type": "summary",
        "exit_code": int(outcome.exit_code),
        "hosts": [host_document(found) for found in outcome.hosts],
        "unreachable": [unreachable_document(found) for found in outcome.plan.unreachable],
    }


def host_document(outcome: HostOutcome) -> Document:
    """The result of one play on one host. `remaining`: changes that did not converge."""
    lost = outcome.unreachable
    return {
        "host": outcome.host,
        "project": outcome.plan.project,
        "simulated": outcome.plan.simulated,
        "exit_code": int(outcome.exit_code),
        "counts": tally(outcome).counts,
        "refused": outcome.refused,
        "interrupted": outcome.interrupted,
        "restored": outcome.restored,
        "unreachable": unreachable_document(lost) if lost is not None else None,
        "remaining": [change_document(change) for change in outcome.remaining],
        "blocked": blocked_document(outcome.blocked, outcome.plan.project),
    }


def result_document(result: StepResult) -> Document:
    return {
        "step": step_document(result.step),
        "status": result.status.value,
        "seconds": round(result.seconds, 3),
        "error": result.error,
        "hint": result.hint,
        "log": result.log.splitlines(),
        "warnings": list(result.warnings),
    }


def error_document(error: DeployerError) -> Document:
    found = error.diagnostics if isinstance(error, InputError) else ()
    document: dict[str, Any] = {"type": "error", "format_version": FORMAT_VERSION, "exit_code": int(error.exit_code)}
    return document | {
        "message": error.message,
        "hint": error.hint,
        "diagnostics": [diagnostic_document(diagnostic) for diagnostic in found],
    }
