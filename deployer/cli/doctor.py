"""`deployer doctor`: check every host and say how to fix what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from deployer.cli import options
from deployer.cli.command import Call, Command
from deployer.errors import ExitCode

if TYPE_CHECKING:
    from deployer.reporting.lines import Span
    from deployer.usecases.inspect_hosts import Check

EXAMPLES = """\
deployer doctor -i inventory
deployer doctor -i inventory --limit web1 -u admin
"""
HEADER: Final = ("HOST", "ADDRESS", "USER", "STATE", "ENGINE", "API", "CONTAINERS", "STORAGE", "CLOCK", "DISK FREE")

SKEW: Final = 5.0
"""Seconds a clock may differ without a warning. Certificates and tokens fail after minutes."""

LITTLE: Final = 2_000_000_000
"""Free bytes below which a pull is likely to fail."""


def _run(call: Call) -> int:
    from deployer.reporting.columns import table
    from deployer.reporting.human import hint_lines, unreachable_lines
    from deployer.reporting.json_plan import FORMAT_VERSION
    from deployer.reporting.lines import Span, Style, line
    from deployer.usecases.inspect_hosts import doctor

    console = call.console
    checks = doctor(options.request(call.params), call.system, lambda: datetime.now(UTC))
    if console.json:
        hosts = [_document(check) for check in checks]
        console.document({"format_version": FORMAT_VERSION, "type": "doctor", "hosts": hosts})
    else:
        console.result(
            table(HEADER, [_cells(check) for check in checks], sheet=console.sheet, cut=("ADDRESS", "ENGINE"))
        )
        for check in checks:
            if check.problem is not None:
                console.result(unreachable_lines(check.problem))
            for what, hint in _concerns(check):
                console.result([line(Span(f"{check.host}: {what}", Style.WARNING)), *hint_lines(hint, "  ")])
    return ExitCode.UNREACHABLE if any(check.problem for check in checks) else ExitCode.OK


def _cells(check: Check) -> tuple[str | Span, ...]:
    from deployer.reporting.lines import Span, Style
    from deployer.reporting.words import size

    engine = check.engine
    if engine is None:
        return (check.host, check.address, check.user, Span("unreachable", Style.BAD))
    state = Span("simulated", Style.WARNING) if engine.simulated else Span("ok", Style.GOOD)
    clock = "" if check.clock_offset is None else f"{round(check.clock_offset, 1) or 0.0:+.1f}s"
    free = "" if check.free is None else size(check.free)
    where = "" if engine.simulated else check.address
    name = f"{engine.kind} {engine.version}"
    return (check.host, where, check.user, state, name, engine.api, str(check.containers), check.storage, clock, free)


def _concerns(check: Check) -> list[tuple[str, str]]:
    """Warnings: what works now but may fail soon, and how to fix it."""
    from deployer.reporting.words import seconds, size

    found = []
    if check.clock_offset is not None and abs(check.clock_offset) > SKEW:
        direction = "ahead of" if check.clock_offset > 0 else "behind"
        what = f"its clock is {seconds(abs(check.clock_offset))} {direction} this machine's"
        found.append((what, "synchronise both clocks: timedatectl set-ntp true"))
    if check.free is not None and check.free < LITTLE:
        what = f"only {size(check.free)} are free in the engine's data directory"
        found.append((what, "docker system df on the host shows what uses the space; docker image prune frees some"))
    return found


def _document(check: Check) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(check)
    return document | {"ok": check.problem is None}


COMMAND = Command(
    "doctor",
    run=_run,
    examples=EXAMPLES,
    help="Check every host and say how to fix what is wrong.",
    params=options.reads_hosts(),
)
