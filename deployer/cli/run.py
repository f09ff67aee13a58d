"""`deployer run`: a container that runs once, from what a playbook declares."""

from __future__ import annotations

from typing import Any, Final

import click

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion

EXAMPLES: Final = """\
deployer run -i inventory --playbook shop.yml web1 api -- ./manage.py shell
deployer run -i inventory --playbook shop.yml db1 postgres -- pg_dump -h db app > app.sql
"""
_OWN: Final = ("playbook", "forks", "project")
"""Options that this command has in another form, or not at all."""


def _run(call: Call) -> int:
    from deployer.cli.terminal_session import converse, has_terminal, pass_through, size
    from deployer.planning.container.one_shot import Wanted
    from deployer.reporting.lines import line
    from deployer.usecases.run_container import running
    from deployer.usecases.system import this_system

    console, params = call.console, call.params
    has_input = not params["no_stdin"]
    on_terminal = has_input and not params["no_tty"] and has_terminal()
    terminal = size() if on_terminal else None
    wanted = Wanted(params["command"], params["as"], params["workdir"], params["env"], has_input, terminal)
    system = this_system(console.learn, console.warn, console.awaiting)
    with running(options.request(params), system, params["name"], wanted, keep=params["keep"]) as found:
        if on_terminal:
            converse(found.stream, lambda given: found.engine.resize_container(found.id, given), system.clock)
        else:
            pass_through(found.stream, stdin=has_input)
        code = found.engine.wait_container(found.id)
        if params["keep"]:
            console.tell([line(f"{found.host}/{found.name} is kept; deployer rm --foreign removes it")])
    return code


def _option(names: list[str], help: str, **given: Any) -> click.Parameter:
    return options.Option(names, section="Command", help=help, **given)


COMMAND: Final = Command(
    "run",
    run=_run,
    examples=EXAMPLES,
    help="Run a container once, from what a playbook declares, and remove it.",
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
        _option(["-T", "--no-tty"], "Give the command no terminal.", is_flag=True),
        _option(["--no-stdin"], "Give the command no input.", is_flag=True),
        _option(["--as"], "User in the container: NAME or ID, and GROUP after a colon.", default="", metavar="USER"),
        _option(["--workdir"], "Folder in the container.", default="", metavar="DIR"),
        _option(["--env"], "Variable of the command. Repeatable.", multiple=True, metavar="NAME=VALUE"),
        _option(["--keep"], "Do not remove the container at the end.", is_flag=True),
        *options.global_options(),
    ],
    suggestion=Suggestion("runs a container once"),
    takes_command=True,
    requires_command=False,
)
