"""`deployer show`: print a saved plan."""

from __future__ import annotations

import click

from deployer.cli import options
from deployer.cli.command import Call, Command

EXAMPLES = """\
deployer show shop.plan
"""


def _run(call: Call) -> int:
    from deployer.reporting.lines import line
    from deployer.usecases import saved_plan

    plan = saved_plan.read(call.params["file"])
    call.console.tell([line(f"created at {plan.made_at} by deployer {plan.version}")])
    call.console.result(line(text) for text in plan.shown.removesuffix("\n").split("\n"))
    return 0


COMMAND = Command(
    "show",
    run=_run,
    examples=EXAMPLES,
    help="Print a saved plan. No host is contacted.",
    params=[click.Argument(["file"], metavar="FILE"), *options.global_options()],
)
