"""`deployer move`: containers with their volumes to another host."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec.structs import replace

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.cli.volume import copying_tools, data_options
from deployer.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from deployer.usecases.load import Request
    from deployer.usecases.moves import Move
    from deployer.usecases.plan import Session
    from deployer.usecases.system import System

EXAMPLES: Final = """\
deployer move -i inventory db1 db2 shop.yml      # after hosts: db1 was changed to hosts: db2
"""


def _run(call: Call) -> int:
    from deployer.cli.deploy import deploy

    given = replace(call, params={**call.params, "limit": call.params["target"]})
    found: list[tuple[Move, Session]] = []
    with ExitStack() as stack:

        def planner(request: Request, system: System) -> Session:
            from deployer.usecases.plan import plan

            moving = _read(given, request, system, stack)
            session = plan(request, system)
            found.append((moving, session))
            return session

        around = partial(_move, given, found)
        return deploy(given, planner, "Move these containers?", around=around, retries=False)


def _read(call: Call, request: Request, system: System, stack: ExitStack) -> Move:
    from deployer.reporting.volumes import move_lines
    from deployer.usecases.inspect_hosts import fleet_of
    from deployer.usecases.load import load
    from deployer.usecases.moves import read_move
    from deployer.usecases.volume_sides import How

    params = call.params
    how = How(exact=params["exact"] or bool(params["image"]), image=params["image"])
    everywhere = replace(request, limit="")
    loaded = load(everywhere, system.asking)
    fleet = stack.enter_context(fleet_of(everywhere, system, params["source"], params["target"]))
    found = read_move(fleet, loaded, how, params["source"], params["target"])
    if not call.console.json:
        call.console.result(move_lines(found))
    return found


def _move(call: Call, found: list[tuple[Move, Session]], apply: Callable[[], ExitCode]) -> ExitCode:
    from deployer.cli.deploy import notice
    from deployer.cli.interrupt import Interrupt
    from deployer.reporting.lines import line
    from deployer.usecases.moves import move, pull_images

    said: list[Any] = []
    ((moving, session),) = found
    with Interrupt(notice) as interrupt:
        tools = copying_tools(call, interrupt.stop, said, "move")
        pull_images(moving, session, tools)
        code = move(moving, tools, apply)
    if code is ExitCode.OK and not call.console.json:
        words = " ".join(call.params["playbooks"])
        text = f"deployer apply --prune-host {moving.source} {words} removes what is left there; its volumes stay"
        call.console.tell([line(text)])
    return ExitCode.FAILED if code is ExitCode.OK and any(each.failed for each in said) else code


_ONE: Final = "the containers that the playbooks declare for the target are moved"
_NOTHING: Final = "nothing is removed by a move"
_REFUSED: Final = {
    **dict.fromkeys(("limit", "tags", "skip_tags"), _ONE),
    **dict.fromkeys(("prune", "prune_host", "remove_volume", "adopt", "allow_data_loss"), _NOTHING),
    "retry_file": "a move is done as a whole or not at all",
}

COMMAND = Command(
    "move",
    run=_run,
    examples=EXAMPLES,
    help="Move containers with their volumes to another host. The playbooks declare them for TARGET now.",
    params=[
        click.Argument(["source"], metavar="SOURCE"),
        click.Argument(["target"], metavar="TARGET"),
        *data_options(),
        *options.refused(options.deploying(), _REFUSED),
    ],
    suggestion=Suggestion("moves containers to another host", ("relocate", "migrate")),
)
