"""`deployer apply`: show the plan, ask, do it, check it."""

from __future__ import annotations

from deployer.cli import options
from deployer.cli.command import Call, Command

EXAMPLES = """\
deployer apply -i inventory playbooks/shop.yml
deployer apply playbooks/shop.yml --yes --json    # one event a line
deployer apply playbooks/shop.yml --check         # as Ansible's dry run
"""


def _run(call: Call) -> int:
    from deployer import runner
    from deployer.cli.deploy import deploy

    return deploy(call, runner.plan, "Apply these changes?")


COMMAND = Command(
    "apply",
    run=_run,
    examples=EXAMPLES,
    help="Make the hosts as declared: shows the plan, asks, changes, and reads the hosts again.",
    params=options.deploying(),
)
