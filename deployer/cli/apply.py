"""`deployer apply`: show the plan, ask, apply it, verify it."""

from __future__ import annotations

from msgspec.structs import replace

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion

EXAMPLES = """\
deployer apply -i inventory playbooks/shop.yml
deployer apply playbooks/shop.yml --yes --json    # one event per line
deployer apply playbooks/shop.yml --check         # a dry run
deployer apply shop.plan                          # a plan saved with 'plan -o shop.plan'
"""


def _run(call: Call) -> int:
    from deployer.cli.deploy import deploy
    from deployer.usecases import saved_plan
    from deployer.usecases.plan import plan

    named = call.params["playbooks"]
    if len(named) == 1 and saved_plan.is_saved(named[0]):
        saved = saved_plan.read(named[0])
        given = options.request(call.params)
        kept = options.given(saved_plan.located(saved).request)
        extra = saved_plan.variables(saved, given)
        agreed = replace(call, params={**call.params, **kept, "extra_vars": extra, "saved_plan": named[0]})
        question = "Apply this saved plan?"
        return deploy(agreed, lambda _request, system: saved_plan.plan_again(saved, given, system), question)
    return deploy(call, plan, "Apply these changes?")


COMMAND = Command(
    "apply",
    run=_run,
    examples=EXAMPLES,
    help="Apply playbooks or a saved plan: show the plan, ask for confirmation, change the hosts and verify them.",
    params=options.deploying(),
    suggestion=Suggestion(
        "applies a playbook",
        ("deploy", "up", "create", "update", "play", "converge", "sync"),
    ),
)
