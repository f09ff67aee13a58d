"""The plan as one JSON document, described in docs/json.md.

`FORMAT_VERSION` counts as in semantic versioning: a new key raises the second number, a changed or dropped one the
first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from deployer.diagnostics import Diagnostic, Origin
from deployer.model.plan import (
    Action,
    FieldDiff,
    HostPlan,
    Moved,
    Plan,
    PlayPlan,
    Refusal,
    ResourceChange,
    Step,
    Unreachable,
    count,
)

FORMAT_VERSION: Final = "1.1"

Document: TypeAlias = dict[str, Any]

ACTION_WORDS: Final = {
    Action.CREATE: "create",
    Action.UPDATE: "update",
    Action.REPLACE_STOP_FIRST: "replace",
    Action.REPLACE_START_FIRST: "replace",
    Action.REMOVE: "remove",
    Action.START: "start",
    Action.STOP: "stop",
    Action.RUN: "run",
}
_ORDERS = {Action.REPLACE_STOP_FIRST: "stop-first", Action.REPLACE_START_FIRST: "start-first"}


def plan_document(plan: Plan, warnings: Iterable[Diagnostic] = ()) -> Document:
    """`counts` are the changes that will be made: none on a host with a refusal."""
    doable = [change for host in plan.hosts if not host.refusals for change in host.changes]
    return {
        "format_version": FORMAT_VERSION,
        "type": "plan",
        "changes_pending": not plan.empty,
        "counts": counts_document(doable, plan.refusals),
        "plays": [_play(play) for play in plan.plays],
        "unreachable": [unreachable_document(host) for host in plan.unreachable],
        "warnings": [diagnostic_document(found) for found in warnings],
    }


def counts_document(changes: Iterable[ResourceChange], refusals: Iterable[Refusal]) -> Document:
    """Starting and stopping count as updates."""
    counts = count(changes)
    return {
        "create": counts.create,
        "update": counts.update,
        "replace": counts.replace,
        "remove": counts.remove,
        "run": counts.run,
        "refused": sum(1 for _ in refusals),
    }


def change_document(change: ResourceChange) -> Document:
    return {
        "address": str(change.address),
        "kind": str(change.address.kind),
        "name": change.address.name,
        "action": ACTION_WORDS[change.action],
        "order": _ORDERS.get(change.action),
        "symbol": str(change.action),
        "reason": change.reason,
        "origin": origin_document(change.origin),
        "fields": [field_document(found) for found in (*change.declared, *change.diffs)],
    }


def field_document(found: FieldDiff) -> Document:
    """`old` and `new` are the texts of the human plan; null where the value is absent."""
    return {
        "path": list(found.path),
        "old": found.old or None,
        "new": found.new or None,
        "effect": found.effect.name.lower(),
        "origin": origin_document(found.origin),
        "source": found.source,
        "sensitive": found.sensitive,
    }


def step_document(step: Step) -> Document:
    return {
        "number": step.number,
        "address": str(step.address),
        "operation": str(step.operation),
        "cause": step.cause,
        "needs": list(step.needs),
        "group": str(step.group or ""),
        "phase": step.phase.value,
    }


def unreachable_document(host: Unreachable) -> Document:
    return {"host": host.host, "message": host.message, "hint": host.hint}


def origin_document(origin: Origin | None) -> Document | None:
    """Line and column are null for sources without lines: the command line, the environment."""
    if origin is None:
        return None
    return {"file": origin.file, "line": origin.line or None, "column": origin.column or None}


def diagnostic_document(found: Diagnostic) -> Document:
    return {
        "severity": found.severity.value,
        "address": found.address,
        "summary": found.summary,
        "hint": found.hint,
        "origin": origin_document(found.origin),
    }


def _play(play: PlayPlan) -> Document:
    return {
        "name": play.name,
        "project": play.project,
        "batches": [list(batch) for batch in play.batches],
        "once": {"host": play.once.host, "jobs": list(play.once.jobs)} if play.once is not None else None,
        "hosts": [_host(host) for host in play.hosts],
    }


def _host(host: HostPlan) -> Document:
    return {
        "host": host.host,
        "project": host.project,
        "simulated": host.simulated,
        "applicable": not host.refusals,
        "counts": counts_document(host.changes, host.refusals),
        "changes": [change_document(change) for change in host.changes],
        "refusals": [_refusal(refusal) for refusal in host.refusals],
        "notes": list(host.notes),
        "moved": _moved(host.moved) if host.moved is not None else None,
        "on_failure": host.on_failure.value,
        "steps": [step_document(step) for step in host.steps],
    }


def _moved(moved: Moved) -> Document:
    return {
        "source": moved.source,
        "containers": list(moved.names),
        "volumes": [{"name": volume.name, "size": volume.size} for volume in moved.volumes],
        "exact": moved.exact,
        "not_copied": list(moved.uncopied),
    }


def _refusal(refusal: Refusal) -> Document:
    return {
        "address": str(refusal.address),
        "summary": refusal.summary,
        "hint": refusal.hint,
        "origin": origin_document(refusal.origin),
        "fields": [field_document(found) for found in refusal.diffs],
    }
