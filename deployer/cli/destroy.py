"""`deployer destroy`: remove what a playbook's projects created, volumes only on request."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.model.desired import Kind
from deployer.model.plan import Action, Plan

EXAMPLES = """\
deployer destroy -i inventory playbooks/shop.yml
deployer destroy playbooks/shop.yml --check
"""


def _run(call: Call) -> int:
    from deployer.cli.deploy import deploy
    from deployer.usecases.plan import destroy

    return deploy(call, destroy, "Remove these resources?", _confirm_data_loss)


def _confirm_data_loss(call: Call, plan: Plan) -> None:
    """A question that --yes does not answer. Volumes named by --allow-data-loss are not asked for."""
    removed = (
        str(change.address)
        for host in plan.hosts
        if not host.refusals
        for change in host.changes
        if change.action is Action.REMOVE and change.address.kind is Kind.VOLUME
    )
    asked = [address for address in removed if address not in call.params["allow_data_loss"]]
    if asked:
        replace(call, params={**call.params, "yes": False}).confirm(
            f"Delete these volumes and their data: {', '.join(asked)}?",
            action="the loss of data",
            done="removed",
            hint=f"name the volumes: {' '.join(f'--allow-data-loss {address}' for address in asked)}",
        )


_ALL: Final = "everything of the project on a host is removed"
_REFUSED: Final = {
    "tags": f"{_ALL}; --limit selects hosts",
    "skip_tags": f"{_ALL}; --limit selects hosts",
    "prune": f"{_ALL}, declared or not",
    "prune_host": "to remove the project from a host that left the plays, run 'deployer apply --prune-host HOST'",
    "remove_volume": "volumes are kept; --volumes removes all of the project, each after confirmation",
    "adopt": "resources of no project are never removed",
}


_VOLUMES: Final = options.Option(
    ["--volumes"],
    section="Safety",
    is_flag=True,
    allow_from_autoenv=False,
    help="Also remove the project's volumes and their data. Asks for confirmation again; --yes does not give it, "
    "--allow-data-loss does for the volumes it names.",
)

COMMAND = Command(
    "destroy",
    run=_run,
    examples=EXAMPLES,
    help="Remove the project's containers, networks and files; volumes stay unless --volumes is given, images always. "
    "Everything of the playbook's projects on its hosts is removed, including what other playbook files declare.",
    params=[*options.refused(options.deploying(), _REFUSED), _VOLUMES],
    suggestion=Suggestion(
        "removes the project's containers, networks and files",
        ("down", "remove", "delete", "teardown"),
        removes=True,
    ),
)
