"""Drift as text and as a document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec.structs import replace

from deployer.model.drift import Drift, DriftReport, HostDrift
from deployer.reporting.columns import Row, align
from deployer.reporting.fields import field_rows
from deployer.reporting.human import SIMULATED, limits, unreachable_lines
from deployer.reporting.json_plan import FORMAT_VERSION, field_document, unreachable_document
from deployer.reporting.lines import ANY, Line, Sheet, Span, Style, line
from deployer.reporting.words import by_number, host_list


def drift_text(report: DriftReport, sheet: Sheet = ANY) -> list[Line]:
    """One block per set of hosts with the same findings, with every verdict and its resource."""
    alike: dict[HostDrift, set[str]] = {}
    for host in report.hosts:
        found = tuple(replace(each, address=replace(each.address, host="")) for each in host.found)
        alike.setdefault(replace(host, host="", found=found), set()).add(host.host)
    lines = [found for sample, hosts in alike.items() for found in _block(sample, hosts, sheet)]
    lines += [found for host in report.unreachable for found in unreachable_lines(host)]
    count = sum(len(host.found) for host in report.hosts)
    hosts = len({host.host for host in report.hosts})
    on = f"on {hosts} host{'' if hosts == 1 else 's'}"
    words = "nothing differs" if not count else f"{count} finding{'' if count == 1 else 's'}"
    simulated = SIMULATED if any(host.simulated for host in report.hosts) else ""
    return [*lines, line(Span(f"Drift: {words} {on}{simulated}.", Style.TITLE))]


def _block(sample: HostDrift, hosts: Iterable[str], sheet: Sheet) -> Iterator[Line]:
    names = host_list(sorted(hosts, key=by_number))
    title = Span(f"{sample.project} on {names}{SIMULATED if sample.simulated else ''}", Style.TITLE)
    yield line(title, ": as declared") if not sample.found else line(title)
    yield from align([row for found in sample.found for row in _rows(found, sheet)], limits(sheet))


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
