"""`deployer exec`: a command in running containers."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
from msgspec.structs import replace

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.interfaces import Engine, ExecQuery, Stream

if TYPE_CHECKING:
    from deployer.usecases.exec import Ended, Write
    from deployer.usecases.inspect_hosts import Row
    from deployer.usecases.system import System

EXAMPLES = """\
deployer exec -i inventory db1 postgres -- psql -U app          # on this terminal
deployer exec -i inventory db1 postgres -- pg_dump app > app.sql
deployer exec -i inventory web 'api-*' -- nginx -s reload       # in all of them
"""


def _run(call: Call) -> int:
    from deployer.reporting.human import unreachable_lines
    from deployer.usecases.containers import choose, hosts_of, running
    from deployer.usecases.exec import on_all, worst

    console, params = call.console, call.params
    system = call.system
    query = ExecQuery(params["command"], user=params["as"], workdir=params["workdir"], environment=params["env"])
    with hosts_of(options.request(params), system, params["names"]) as (fleet, choice):
        chosen = choose(fleet, choice)
        rows = running(chosen, params["names"])
        console.tell(line for host in chosen.unreachable for line in unreachable_lines(host))
        if len(rows) == 1 and not console.json:
            ended = [_alone(call, fleet, rows[0], query, system)]
        else:
            ended = on_all(fleet, rows, query, system.clock, params["forks"], writer(call, rows))
        report(call, ended)
    return worst(ended, chosen.unreachable)


def _alone(call: Call, fleet: Any, row: Row, query: ExecQuery, system: System) -> Ended:
    """With the input of this process, and its terminal where there is one; the output is passed through."""
    from deployer.applying.commands import exit_code
    from deployer.cli.terminal_session import converse, has_terminal, pass_through, size
    from deployer.usecases.exec import guarded

    has_input = not call.params["no_stdin"]
    on_terminal = has_input and not call.params["no_tty"] and has_terminal()

    def work(engine: Engine, key: str, stream: Stream) -> int | None:
        if on_terminal:
            converse(stream, lambda found: engine.resize_exec(key, found), system.clock)
        else:
            pass_through(stream, stdin=has_input)
        return exit_code(engine, key, system.clock)

    return guarded(fleet, row, replace(query, stdin=has_input, size=size() if on_terminal else None), work)


def writer(call: Call, rows: Sequence[Row]) -> Write:
    """Writes each line after the name of its container."""
    from deployer.reporting.logs import Prefixes, output_document

    console, lock = call.console, threading.Lock()
    prefixes = Prefixes(
        ((row.host, row.name) for row in rows), colour=console.out_terminal.colour, terminal=console.out_is_terminal
    )

    def write(row: Row, stream: int, text: str) -> None:
        with lock:
            if console.json:
                console.json_lines([output_document((row.host, row.name), stream, text)])
            else:
                console.text(prefixes.line((row.host, row.name), text))

    return write


def report(call: Call, ended: list[Ended]) -> None:
    """What did not run, and exit codes of several."""
    from deployer.reporting.human import error_lines
    from deployer.reporting.lines import line
    from deployer.reporting.logs import ended_document

    console = call.console
    for found in ended:
        place = (found.row.host, found.row.name)
        if console.json:
            console.json_lines([ended_document(place, found.code, found.error, found.hint)])
        elif found.error:
            console.tell(error_lines(f"{'/'.join(place)}: {found.error}", found.hint))
        elif found.code and len(ended) > 1:
            console.tell([line(f"{'/'.join(place)}: exit code {found.code}")])


def option(names: list[str], help: str, **given: Any) -> click.Parameter:
    return options.Option(names, section="Command", help=help, **given)


def of_command() -> list[click.Parameter]:
    return [
        option(["-T", "--no-tty"], "Give the command no terminal.", is_flag=True),
        option(["--no-stdin"], "Give the command no input.", is_flag=True),
        option(["--as"], "User in the container: NAME or ID, and GROUP after a colon.", default="", metavar="USER"),
        option(["--workdir"], "Folder in the container.", default="", metavar="DIR"),
        option(["--env"], "Variable of the command. Repeatable.", multiple=True, metavar="NAME=VALUE"),
    ]


COMMAND = Command(
    "exec",
    run=_run,
    examples=EXAMPLES,
    help="Run a command in running containers. The exit code is the greatest one.",
    params=[
        *options.containers(names="CONTAINER... -- COMMAND [ARGUMENT]...", required=True),
        *of_command(),
        options.json_option("Print one JSON document per line."),
        *options.global_options(),
    ],
    suggestion=Suggestion("runs a command in containers", ("ssh", "shell", "sh", "bash", "attach")),
    takes_command=True,
)
