"""`deployer logs`: the output of containers, of all hosts in one sequence."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.cli.types import Moment
from deployer.errors import ExitCode

if TYPE_CHECKING:
    from deployer.reporting.logs import Prefixes
    from deployer.usecases.containers import Chosen
    from deployer.usecases.logs import Lines, Problem

EXAMPLES = """\
deployer logs -i inventory all                             # every container of every host
deployer logs -i inventory web nginx 'api-*' -f --tail 20
deployer logs -i inventory all --playbook shop.yml --since 10m --grep 'ERROR|WARN'
deployer logs -i inventory db1 migrate                     # also of a job that has ended
"""


def _run(call: Call) -> int:
    from deployer.reporting.human import unreachable_lines
    from deployer.usecases.containers import choose, hosts_of
    from deployer.usecases.logs import Reading

    console, query, failed = call.console, _query(call), []

    def tell(problem: Problem) -> None:
        failed.append(problem)
        console.tell(_problem_lines(problem))

    system = call.system
    with hosts_of(options.request(call.params), system, call.params["names"]) as (fleet, choice):
        chosen = choose(fleet, choice)
        console.tell(line for host in chosen.unreachable for line in unreachable_lines(host))
        write = _writer(call, chosen)
        with closing(Reading(fleet, query, system.clock, tell)) as reading:
            follows = query.follow and len(chosen.unreachable) < len(fleet.hosts)
            for lines in reading.follow(chosen, choice) if follows else reading.read(chosen.rows):
                write(lines)
    if chosen.unreachable:
        return ExitCode.UNREACHABLE
    return ExitCode.FAILED if failed else ExitCode.OK


def _query(call: Call) -> Any:
    from deployer.interfaces import LogQuery

    params = call.params
    if params["follow"] and params["until"]:
        raise click.UsageError("--until has no effect with --follow, which ends with Ctrl-C")
    return LogQuery(params["since"], params["until"], params["tail"], params["follow"])


def _writer(call: Call, chosen: Chosen) -> Callable[[Lines], None]:
    """Writes the lines that match."""
    from deployer.reporting.logs import Prefixes, log_documents

    console, pattern, times = call.console, call.params["grep"], call.params["timestamps"]
    terminal = console.out_terminal
    prefixes = Prefixes(
        ((row.host, row.name) for row in chosen.rows), colour=terminal.colour, terminal=console.out_is_terminal
    )

    def write(lines: Lines) -> None:
        matching = [entry for entry in lines if pattern is None or pattern.search(entry[1].text)]
        if not matching:
            return
        if console.json:
            found = log_documents(((row.host, row.name), line) for row, line in matching)
            console.json_lines(found)
        else:
            console.text("".join(_texts(prefixes, matching, times=times)))

    return write


def _texts(prefixes: Prefixes, lines: Lines, *, times: bool) -> Iterator[str]:
    for row, line in lines:
        yield prefixes.line((row.host, row.name), line.text, time=line.time if times else "")


def _problem_lines(problem: Problem) -> Any:
    from deployer.reporting.human import error_lines

    return error_lines(f"{problem.where}: {problem.message}", problem.hint)


def _pattern(_ctx: click.Context, _param: click.Parameter, given: str) -> re.Pattern[str] | None:
    try:
        return re.compile(given) if given else None
    except re.error as error:
        raise click.BadParameter(f"'{given}' is not a regular expression: {error}") from error


def _tail(_ctx: click.Context, _param: click.Parameter, given: str) -> int | None:
    if given == "all":
        return None
    if not given.isdecimal():
        raise click.BadParameter(f"'{given}' is neither a number nor all")
    return int(given)


def _params() -> list[click.Parameter]:
    def option(names: list[str], help: str, **given: Any) -> click.Parameter:
        return options.Option(names, section="Lines", help=help, **given)

    return [
        *options.containers(taken=("-f",)),
        option(["-f", "--follow"], "Also what is written from now on, until Ctrl-C.", is_flag=True),
        option(["--since"], "Only from this time on: 10m ago, or 2026-01-02T15:04:05Z.", default="", type=Moment()),
        option(["--until"], "Only up to this time.", default="", type=Moment()),
        option(
            ["--tail"], "The last N lines of each container. [default: all]", default="all", metavar="N", callback=_tail
        ),
        option(
            ["--grep"],
            "Only lines in which this regular expression is found.",
            default="",
            metavar="REGEX",
            callback=_pattern,
        ),
        option(["--timestamps"], "Show the time of each line.", is_flag=True),
        options.json_option("Print one JSON document per line."),
        *options.global_options(),
    ]


COMMAND = Command(
    "logs",
    run=_run,
    examples=EXAMPLES,
    help="Show the output of containers, of all hosts in one sequence.",
    params=_params(),
    suggestion=Suggestion("shows the output of containers", ("log", "tail")),
)
