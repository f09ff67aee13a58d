"""`deployer apply`: show the plan, ask, do it, check it."""

from __future__ import annotations

from dataclasses import replace

from deployer.cli import options
from deployer.cli.command import Call, Command

EXAMPLES = """\
deployer apply -i inventory playbooks/shop.yml
deployer apply playbooks/shop.yml --yes --json    # one event a line
deployer apply playbooks/shop.yml --check         # as Ansible's dry run
deployer apply shop.plan                          # what 'plan -o shop.plan' showed, and nothing else
"""


def _run(call: Call) -> int:
    from deployer.cli.deploy import deploy
    from deployer.usecases import plan as runner
    from deployer.usecases import saved_plan as saved

    named = call.params["playbooks"]
    if len(named) == 1 and saved.is_saved(named[0]):
        plan = saved.read(named[0])
        agreed = replace(call, params={**call.params, "yes": True})
        return deploy(agreed, lambda request, world: saved.plan(plan, request, world), "")
    return deploy(call, runner.plan, "Apply these changes?")


COMMAND = Command(
    "apply",
    run=_run,
    examples=EXAMPLES,
    help="Make the hosts as declared: shows the plan, asks, changes, and reads the hosts again.",
    params=options.deploying(),
)
