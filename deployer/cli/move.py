"""`deployer move`: containers with their volumes to another host."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.cli.volume import data_options

if TYPE_CHECKING:
    from deployer.usecases.load import Request
    from deployer.usecases.plan import Session
    from deployer.usecases.system import System

EXAMPLES: Final = """\
deployer move -i inventory db1 db2 shop.yml      # after hosts: db1 was changed to hosts: db2
"""


def _run(call: Call) -> int:
    from deployer.cli.deploy import deploy
    from deployer.usecases.moves import plan_move
    from deployer.usecases.volume_sides import How

    params = call.params
    how = How(exact=params["exact"] or bool(params["image"]), image=params["image"])

    def planner(request: Request, system: System) -> Session:
        return plan_move(request, system, params["source"], params["target"], how)

    return deploy(call, planner, "Move these containers?", retries=False)


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
