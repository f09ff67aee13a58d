"""`deployer rollback`: restore replaced containers."""

from __future__ import annotations

import click

from deployer.cli import options
from deployer.cli.command import Call, Command

EXAMPLES = """\
deployer rollback -i inventory playbooks/shop.yml            # the containers the last run replaced
deployer rollback -i inventory playbooks/shop.yml web api    # these containers
deployer rollback playbooks/shop.yml --limit web1 --check
"""


def _run(call: Call) -> int:
    from deployer.cli.deploy import deploy
    from deployer.usecases import rollback

    given = Call(call.console, {**call.params, "playbooks": (call.params["playbook"],)}, call.name)
    return deploy(given, lambda request, world: rollback.plan(request, world, call.params["names"]), "Roll these back?")


def _params() -> list[click.Parameter]:
    _, *rest = options.deploying()
    useless = {param.name for param in options.policy()}
    return [
        click.Argument(["playbook"], metavar="PLAYBOOK"),
        click.Argument(["names"], nargs=-1, metavar="[CONTAINER]..."),
        *(param for param in rest if param.name not in useless),
    ]


COMMAND = Command(
    "rollback",
    run=_run,
    examples=EXAMPLES,
    help="Restore replaced containers. The current containers are kept in their place.",
    params=_params(),
)
