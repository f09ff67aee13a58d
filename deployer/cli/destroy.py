"""`deployer destroy`: remove what a playbook's projects created, except volumes and images."""

from __future__ import annotations

from deployer.cli import options
from deployer.cli.command import Call, Command

EXAMPLES = """\
deployer destroy -i inventory playbooks/shop.yml
deployer destroy playbooks/shop.yml --check
"""


def _run(call: Call) -> int:
    from deployer.cli.deploy import deploy
    from deployer.usecases import plan as runner

    return deploy(call, runner.destroy, "Remove these resources?")


COMMAND = Command(
    "destroy",
    run=_run,
    examples=EXAMPLES,
    help="Remove a playbook's containers and networks; volumes and images stay.",
    params=options.deploying(),
)
