"""`deployer run`: a container that runs once, from what a playbook declares."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import click
from msgspec.structs import replace

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.cli.exec import of_command, option, report, writer

if TYPE_CHECKING:
    from deployer.planning.container.one_shot import Wanted
    from deployer.usecases.run_container import Prepared, Running

EXAMPLES: Final = """\
deployer run -i inventory --playbook shop.yml web1 api -- ./manage.py shell
deployer run -i inventory --playbook shop.yml db1 postgres -- pg_dump -h db app > app.sql
deployer run -i inventory --playbook shop.yml web api -- ./manage.py check     # on all hosts of the group
"""
_OWN: Final = ("playbook", "project")
"""Options that this command has in another form."""


def _run(call: Call) -> int:
    from deployer.cli.terminal_session import has_terminal, size
    from deployer.planning.container.one_shot import Wanted
    from deployer.usecases.exec import worst
    from deployer.usecases.run_container import on_hosts, prepare

    console, params = call.console, call.params
    has_input = not params["no_stdin"]
    on_terminal = has_input and not params["no_tty"] and has_terminal()
    wanted = Wanted(params["command"], params["as"], params["workdir"], params["env"])
    with prepare(options.request(params), call.system, params["name"]) as prepared:
        if len(prepared.jobs) == 1 and not console.json:
            return _alone(call, prepared, replace(wanted, stdin=has_input, size=size() if on_terminal else None))
        write = writer(call, [job.row for job in prepared.jobs])
        ended = on_hosts(prepared, wanted, write, partial(_tell, call) if params["keep"] else None)
        report(call, ended)
    return worst(ended, ())


def _alone(call: Call, prepared: Prepared, wanted: Wanted) -> int:
    """With the input of this process, and its terminal where there is one; the output is passed through."""
    from deployer.cli.terminal_session import converse, pass_through
    from deployer.usecases.run_container import running

    with running(prepared, prepared.jobs[0], wanted, keep=call.params["keep"]) as found:
        if wanted.size is not None:
            converse(found.stream, lambda given: found.engine.resize_container(found.id, given), prepared.system.clock)
        else:
            pass_through(found.stream, stdin=wanted.stdin)
        code = found.engine.wait_container(found.id)
        if call.params["keep"]:
            _tell(call, found)
    return code


def _tell(call: Call, found: Running) -> None:
    from deployer.reporting.lines import line

    call.console.tell([line(f"{found.host}/{found.name} is kept; deployer rm --foreign removes it")])


COMMAND: Final = Command(
    "run",
    run=_run,
    examples=EXAMPLES,
    help="Run a container once, from what a playbook declares, and remove it. The exit code is the greatest one.",
    params=[
        click.Argument(["pattern"], metavar="PATTERN"),
        click.Argument(["name"], metavar="CONTAINER [-- COMMAND [ARGUMENT]...]"),
        *(param for param in options.containers() if isinstance(param, click.Option) and param.name not in _OWN),
        options.Option(
            ["--playbook"],
            section="Hosts and variables",
            multiple=True,
            required=True,
            metavar="FILE",
            help="The playbook that declares the container. Repeatable.",
        ),
        options.project("Use this project name."),
        *of_command(),
        option(["--keep"], "Do not remove the container at the end.", is_flag=True),
        options.json_option("Print one JSON document per line."),
        *options.global_options(),
    ],
    suggestion=Suggestion("runs a container once"),
    takes_command=True,
    requires_command=False,
)
