"""`deployer pull`: the images of containers."""

from __future__ import annotations

from typing import Final

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.cli.image_results import watched

EXAMPLES: Final = """\
deployer pull -i inventory web                        # of all containers there
deployer pull -i inventory all 'api-*' --playbook shop.yml
"""


def _run(call: Call) -> int:
    from deployer.usecases.pulling import pull_all

    request, names = options.request(call.params), call.params["names"]
    return watched(call, "pulled", "image_pull", lambda watch: pull_all(request, call.system, names, watch))


COMMAND: Final = Command(
    "pull",
    run=_run,
    examples=EXAMPLES,
    help="Pull the images of containers.",
    params=[*options.containers(), options.json_option("Print one JSON document."), *options.global_options()],
    suggestion=Suggestion("pulls the images of containers"),
)
