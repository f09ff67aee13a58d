"""`deployer logout REGISTRY`: remove credentials of a registry from this machine."""

from __future__ import annotations

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.cli.login import registry

EXAMPLES = "deployer logout reg.example.com\n"


def _run(call: Call) -> int:
    from deployer.reporting.lines import line
    from deployer.usecases.registry_login import logout

    name = call.params["registry"]
    found = logout(name)
    call.console.result([line(f"Logged out of {name}." if found else f"There are no credentials for {name}.")])
    return 0


COMMAND = Command(
    "logout",
    run=_run,
    examples=EXAMPLES,
    help="Remove credentials of a registry from this machine.",
    params=[registry(), *options.global_options()],
    suggestion=Suggestion("removes credentials of a registry", removes=True),
)
