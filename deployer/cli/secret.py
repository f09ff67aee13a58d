"""`deployer secret list`: which containers use which secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from deployer.cli import options
from deployer.cli.command import CONTEXT, Call, Command, Group, Suggestion

if TYPE_CHECKING:
    from deployer.planning.container.secret_uses import SecretUse

EXAMPLES: Final = "deployer secret list -i inventory playbooks/shop.yml\n"
_HEADINGS: Final = ("HOST", "CONTAINER", "SECRET", "STATE", "SINCE", "DIGEST", "DECLARED AT")


def _list(call: Call) -> int:
    from deployer.errors import ExitCode
    from deployer.reporting.columns import table
    from deployer.reporting.human import unreachable_lines
    from deployer.reporting.json_plan import FORMAT_VERSION, unreachable_document
    from deployer.usecases.plan import secret_uses
    from deployer.usecases.system import this_system

    console = call.console
    system = this_system(console.learn, awaiting=console.awaiting)
    found, lost, loaded = secret_uses(options.request(call.params), system)
    if console.json:
        hosts = [unreachable_document(host) for host in lost]
        uses = [_document(use) for use in found]
        console.document({"format_version": FORMAT_VERSION, "type": "secrets", "secrets": uses, "unreachable": hosts})
    else:
        console.warn(loaded.warnings)
        rows = [
            (use.address.host, use.address.name, use.field, use.state, _minute(use.since), use.digest, use.origin.short)
            for use in found
        ]
        console.result(table(_HEADINGS, rows, sheet=console.sheet, cut=("DECLARED AT", "SECRET")))
        console.tell(line for host in lost for line in unreachable_lines(host))
    return ExitCode.UNREACHABLE if lost else ExitCode.OK


def _minute(time: str) -> str:
    return time[:16].replace("T", " ")


def _document(use: SecretUse) -> dict[str, Any]:
    return {
        "host": use.address.host,
        "container": use.address.name,
        "secret": use.field,
        "state": use.state,
        "since": use.since,
        "declared_at": str(use.origin),
        "digest": use.digest,
    }


COMMAND: Final = Group(
    name="secret",
    help="Show which containers use which secrets.",
    examples=EXAMPLES,
    context_settings=dict(CONTEXT),
    commands=[
        Command(
            "list",
            run=_list,
            examples=EXAMPLES,
            help="List the secrets of containers and jobs, since when they have them, and whether they are the ones "
            "declared. Values are never shown.",
            params=options.reads_playbooks(),
            suggestion=Suggestion("shows which containers use which secrets", ("secrets",)),
        ),
    ],
)
