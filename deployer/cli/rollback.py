"""`deployer rollback`: restore replaced containers."""

from __future__ import annotations

from typing import Final

import click

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion

EXAMPLES = """\
deployer rollback -i inventory playbooks/shop.yml            # the containers the last run replaced
deployer rollback -i inventory playbooks/shop.yml web api    # these containers
deployer rollback playbooks/shop.yml --limit web1 --check
deployer rollback playbooks/shop.yml web --limit web1 --to 12   # as it was after run 12 of that host
"""


def _run(call: Call) -> int:
    from deployer.cli.deploy import deploy
    from deployer.usecases import rollback

    given = Call(call.console, {**call.params, "playbooks": (call.params["playbook"],)}, call.name)
    return deploy(
        given,
        lambda request, system: rollback.plan(request, system, call.params["names"], call.params["to"] or 0),
        "Roll these back?",
    )


_NAMES: Final = "name the containers instead"
_ONLY: Final = "it only restores containers"
_REFUSED: Final = {"tags": _NAMES, "skip_tags": _NAMES} | dict.fromkeys(
    ("prune", "prune_host", "remove_volume", "adopt", "allow_data_loss", "yes_remove"), _ONLY
)


def _params() -> list[click.Parameter]:
    _, *rest = options.refused(options.deploying(), _REFUSED)
    return [
        click.Argument(["playbook"], metavar="PLAYBOOK"),
        click.Argument(["names"], nargs=-1, metavar="[CONTAINER]..."),
        options.Option(
            ["--to"],
            section="Hosts and variables",
            type=click.IntRange(min=1),
            metavar="RUN",
            help="Recreate the containers as they were after this run, by its number in deployer history.",
        ),
        *rest,
    ]


COMMAND = Command(
    "rollback",
    run=_run,
    examples=EXAMPLES,
    help="Restore replaced containers. The current containers are kept in their place.",
    params=_params(),
    suggestion=Suggestion("restores replaced containers", ("undo",)),
)
