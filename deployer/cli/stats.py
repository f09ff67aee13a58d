"""`deployer stats` and `deployer top`: what containers use, and what runs in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Final

import click

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.cli.lists import Table, check, chosen_rows, document, list_options, show, write_formatted
from deployer.errors import ExitCode
from deployer.model.credentials import credentials_in
from deployer.reporting.columns import table
from deployer.reporting.human import unreachable_lines
from deployer.reporting.lines import Line, Span, Style, fold, line, render
from deployer.reporting.words import size

if TYPE_CHECKING:
    from deployer.model.plan import Unreachable
    from deployer.usecases.stats import ProcessRow, StatsRow

_HEADER: Final = ("HOST", "CONTAINER", "CPU", "MEMORY", "LIMIT", "NET IN", "NET OUT", "READ", "WRITTEN", "PIDS")
_STATS: Final = Table({"type": "stats"}, "containers", _HEADER, cut=("CONTAINER",), last=("HOST",))


def _stats(call: Call) -> int:
    from deployer.usecases.containers import choose, hosts_of
    from deployer.usecases.stats import StatsRow, Watch

    console, params = call.console, call.params
    check(call, StatsRow)
    with hosts_of(options.request(params), call.system, params["names"]) as (fleet, choice):
        choose(fleet, choice)
        board = _Board(call)
        with closing(Watch(fleet, choice, params["interval"])) as watch:
            for rows, lost in watch.rounds():
                if params["no_stream"]:
                    return show(call, _STATS, rows, lost, _cells)
                if console.json:
                    console.json_lines([document(_STATS, chosen_rows(call, rows), lost)])
                else:
                    board.draw(chosen_rows(call, rows), lost)
    return ExitCode.OK


class _Board:
    """The table, again and again: on a terminal in the same place, with the rows that fit."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._height = 0

    def draw(self, rows: Sequence[StatsRow], lost: Sequence[Unreachable]) -> None:
        console, template = self._call.console, self._call.params["format"]
        if template:
            write_formatted(console, rows, template)
            return
        animate = console.out_terminal.animate
        lines = self._lines(rows, lost, animate=animate)
        above = f"\x1b[{self._height}A\x1b[J" if animate and self._height else ""
        self._height = len(lines)
        console.text(above + render(lines, colour=console.out_terminal.colour))

    def _lines(self, rows: Sequence[StatsRow], lost: Sequence[Unreachable], *, animate: bool) -> list[Line]:
        from deployer.reporting.rows import marked

        sheet = self._call.console.sheet
        below = [found for host in lost for found in unreachable_lines(host)]
        most = max(1, get_terminal_size().lines - len(below) - 4) if animate else len(rows)
        header, cells = marked(_HEADER, rows, [_cells(row) for row in rows])
        found = table(header, cells[:most], sheet=sheet, cut=_STATS.cut, last=_STATS.last)
        if len(rows) > most:
            found.append(line(Span(f"… and {len(rows) - most} more containers", Style.MUTED)))
        return [piece for each in (*found, *below) for piece in fold(each, sheet)]


def _cells(row: StatsRow) -> tuple[str, ...]:
    amounts = (row.memory, row.memory_limit, row.received, row.sent, row.read, row.written)
    return row.host, row.name, f"{row.cpu:.1f}%", *(size(amount) for amount in amounts), str(row.processes)


def _top(call: Call) -> int:
    from deployer.usecases.containers import hosts_of
    from deployer.usecases.stats import ProcessRow, processes

    check(call, ProcessRow)
    with hosts_of(options.request(call.params), call.system, call.params["names"]) as (fleet, choice):
        rows, lost = processes(fleet, choice)

    call.console.learn(secret for row in rows for secret in credentials_in([row.command, row.command.split()]))

    def cells(row: ProcessRow) -> tuple[str, ...]:
        return row.host, row.container, row.pid, row.user, row.time, row.command

    header = ("HOST", "CONTAINER", "PID", "USER", "TIME", "COMMAND")
    return show(call, Table({"type": "top"}, "processes", header, cut=("COMMAND",), last=header[:2]), rows, lost, cells)


_STREAM: Final = [
    options.Option(["--no-stream"], section="Rows", is_flag=True, help="Show the numbers once."),
    options.Option(
        ["--interval"],
        section="Rows",
        type=click.FloatRange(min=0.1),
        default=1.0,
        show_default=True,
        metavar="SECONDS",
        help="Time between two readings; CPU is what was used between them.",
    ),
]


def _command(
    name: str, run: Callable[[Call], int], help: str, more: Sequence[click.Parameter], suggestion: Suggestion
) -> Command:
    examples = f"deployer {name} -i inventory all\ndeployer {name} -i inventory web 'api-*' --project shop\n"
    params = [*options.containers(), *list_options(), *more, options.json_option(_JSON), *options.global_options()]
    return Command(name, run=run, examples=examples, help=help, params=params, suggestion=suggestion)


_JSON: Final = "Print JSON: one document, of stats without --no-stream one per round."
COMMANDS: Final = {
    "stats": _command(
        "stats",
        _stats,
        "Show what containers use: CPU, memory, network and disks, again and again until Ctrl-C.",
        _STREAM,
        Suggestion("shows what containers use", ("usage", "resources")),
    ),
    "top": _command(
        "top", _top, "Show the processes of containers.", (), Suggestion("shows processes", ("processes",))
    ),
}
