"""`deployer ps`: the containers of all hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.errors import ExitCode

if TYPE_CHECKING:
    from deployer.usecases.inspect_hosts import Row

EXAMPLES = """\
deployer ps -i inventory
deployer ps -i inventory --limit web --project shop
"""


def _run(call: Call) -> int:
    from deployer.reporting.columns import table
    from deployer.reporting.human import unreachable_lines
    from deployer.reporting.json_plan import FORMAT_VERSION, unreachable_document
    from deployer.usecases.inspect_hosts import ps
    from deployer.usecases.system import this_system

    console = call.console
    system = this_system(call.console.learn, call.console.warn, call.console.awaiting)
    survey = ps(options.request(call.params), system, project=call.params["project"])
    if console.json:
        lost = [unreachable_document(host) for host in survey.unreachable]
        rows = [_document(row) for row in survey.rows]
        console.document({"format_version": FORMAT_VERSION, "type": "ps", "containers": rows, "unreachable": lost})
    else:
        header = ("HOST", "NAME", "IMAGE", "STATUS", "PORTS", "PROJECT")
        console.result(
            table(header, [_cells(row) for row in survey.rows], sheet=console.sheet, cut=("IMAGE", "STATUS", "PORTS"))
        )
        console.tell(line for host in survey.unreachable for line in unreachable_lines(host))
    return ExitCode.UNREACHABLE if survey.unreachable else ExitCode.OK


def _cells(row: Row) -> tuple[str, ...]:
    from deployer.reporting.human import SIMULATED

    host = f"{row.host}{SIMULATED if row.simulated else ''}"
    status = (row.status or row.state) + (" (job)" if row.resource.startswith("job.") else "")
    return host, row.name, row.image, status, ", ".join(row.ports), row.project


def _document(row: Row) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(row)
    return document


COMMAND = Command(
    "ps",
    run=_run,
    examples=EXAMPLES,
    help="List the containers of all hosts.",
    params=options.reads_hosts("Only containers of this project."),
    suggestion=Suggestion("lists the containers of all hosts", ("ls", "list", "status", "state", "containers")),
)
