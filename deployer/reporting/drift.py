"""Drift as text and as a document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deployer.model.drift import Drift, DriftReport, HostDrift
from deployer.reporting.columns import Row, align
from deployer.reporting.fields import field_rows
from deployer.reporting.human import SIMULATED, limits, unreachable_lines
from deployer.reporting.json_plan import FORMAT_VERSION, field_document, unreachable_document
from deployer.reporting.lines import ANY, Line, Sheet, Span, Style, line


def drift_text(report: DriftReport, sheet: Sheet = ANY) -> list[Line]:
    """One block per host, with every verdict and its resource."""
    lines = [found for host in report.hosts for found in _host(host, sheet)]
    lines += [found for host in report.unreachable for found in unreachable_lines(host)]
    count = sum(len(host.found) for host in report.hosts)
    hosts = len(report.hosts)
    on = f"on {hosts} host{'' if hosts == 1 else 's'}"
    words = "nothing differs" if not count else f"{count} finding{'' if count == 1 else 's'}"
    simulated = SIMULATED if any(host.simulated for host in report.hosts) else ""
    return [*lines, line(Span(f"Drift: {words} {on}{simulated}.", Style.TITLE))]


def _host(host: HostDrift, sheet: Sheet) -> Iterator[Line]:
    title = Span(f"{host.project} on {host.host}{SIMULATED if host.simulated else ''}", Style.TITLE)
    yield line(title, ": as declared") if not host.found else line(title)
    yield from align([row for found in host.found for row in _rows(found, sheet)], limits(sheet))


def _rows(found: Drift, sheet: Sheet) -> Iterator[Row]:
    words = f"{found.verdict}: {found.detail}" if found.detail else str(found.verdict)
    yield Row((Span(f"{found.address.kind} {found.address.name}"), Span(words)), (Span("  "),))
    yield from field_rows(found.diffs, sheet=sheet)


def drift_document(report: DriftReport) -> dict[str, Any]:
    """One versioned document."""
    return {
        "format_version": FORMAT_VERSION,
        "type": "drift",
        "hosts": [
            {
                "host": host.host,
                "project": host.project,
                "simulated": host.simulated,
                "found": [_found(found) for found in host.found],
            }
            for host in report.hosts
        ],
        "unreachable": [unreachable_document(host) for host in report.unreachable],
    }


def _found(found: Drift) -> dict[str, Any]:
    return {
        "address": str(found.address),
        "verdict": found.verdict.name.lower(),
        "detail": found.detail,
        "fields": [field_document(diff) for diff in found.diffs],
    }
