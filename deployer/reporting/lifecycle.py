"""What `start`, `stop`, `restart`, … are about to do and have done, as text and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from deployer.errors import ExitCode
from deployer.model.plan import Unreachable
from deployer.planning.lifecycle import RULES, Tasks, Verb
from deployer.reporting.columns import table
from deployer.reporting.human import SIMULATED
from deployer.reporting.json_plan import FORMAT_VERSION, unreachable_document
from deployer.reporting.lines import ANY, Line, Sheet, Span, Style, line
from deployer.reporting.locks import blocked_document
from deployer.reporting.words import plural, seconds

IN_WORDS = {Verb.REMOVE: "remove"}


def in_words(verb: Verb) -> str:
    return IN_WORDS.get(verb, verb.value)


def tasks_text(hosts: Mapping[str, Tasks], simulated: Iterable[str], *, sheet: Sheet = ANY) -> list[Line]:
    """In the order in which they are changed on each host."""
    known = set(simulated)
    rows = [
        (
            f"{host}{SIMULATED if host in known else ''}",
            task.member.name,
            task.member.state,
            task.member.project,
            task.reason,
        )
        for host, found in hosts.items()
        for task in found
    ]
    header = ("HOST", "CONTAINER", "STATE", "PROJECT", "REASON")
    used = len(header) if any(row[-1] for row in rows) else len(header) - 1
    return table(header[:used], [row[:used] for row in rows], sheet=sheet, cut=("REASON",))


def counted(hosts: Mapping[str, Tasks]) -> str:
    """`3 containers on 2 hosts`."""
    numbers = [sum(1 for _ in found) for found in hosts.values()]
    return f"{plural(sum(numbers), 'container')} on {plural(sum(map(bool, numbers)), 'host')}"


def changed_line(verb: Verb, changed: Any, width: int) -> Line:
    """One container, as it ended."""
    name = f"{changed.host:<{width}}  container {changed.name}: "
    if changed.error:
        said = f"{RULES[verb].done}, but" if changed.done else f"not {RULES[verb].done}:"
        return line(name, Span(f"{said} {changed.error}", Style.BAD))
    if changed.skipped:
        return line(name, Span("skipped", Style.MUTED))
    return line(name, Span(f"{RULES[verb].done} ({seconds(changed.seconds)})", Style.CHANGED))


def lifecycle_document(verb: Verb, result: Any, unreachable: Iterable[Unreachable], code: ExitCode) -> dict[str, Any]:
    return {
        "format_version": FORMAT_VERSION,
        "type": "lifecycle",
        "action": verb.value,
        "exit_code": int(code),
        "containers": list(_documents(verb, result)),
        "blocked": [
            {"host": host, "project": project, **(blocked_document(bar, project) or {})}
            for host, project, bar in result.blocked
        ],
        "unreachable": [unreachable_document(host) for host in unreachable],
    }


def _documents(verb: Verb, result: Any) -> Iterator[dict[str, Any]]:
    for found in result.changed:
        status = "failed" if found.error else "skipped" if found.skipped else RULES[verb].done
        yield {
            "host": found.host,
            "name": found.name,
            "project": found.project,
            "status": status,
            "error": found.error,
            "hint": found.hint,
        }
