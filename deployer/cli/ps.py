"""`deployer ps`: the containers of all hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.cli.lists import Table, check, list_options, show

if TYPE_CHECKING:
    from deployer.usecases.inspect_hosts import Row

EXAMPLES = """\
deployer ps -i inventory
deployer ps -i inventory --limit web --project shop
"""


def _run(call: Call) -> int:
    from deployer.reporting.human import SIMULATED
    from deployer.usecases.inspect_hosts import Row, ps
    from deployer.usecases.system import this_system

    check(call, Row)
    system = this_system(call.console.learn, call.console.warn, call.console.awaiting)
    survey = ps(options.request(call.params), system, project=call.params["project"])
    everywhere = bool(survey.rows) and all(row.simulated for row in survey.rows)
    header = (f"HOST{SIMULATED if everywhere else ''}", "NAME", "IMAGE", "STATUS", "PORTS", "PROJECT")
    shown = Table({"type": "ps"}, "containers", header, cut=("PORTS", "PROJECT"), last=header[:4])
    return show(call, shown, survey.rows, survey.unreachable, lambda row: _cells(row, mark=not everywhere))


def _cells(row: Row, *, mark: bool) -> tuple[str, ...]:
    from deployer.reporting.human import SIMULATED

    host = f"{row.host}{SIMULATED if row.simulated and mark else ''}"
    status = (row.status or row.state) + (" (job)" if row.resource.startswith("job.") else "")
    return host, row.name, row.image, status, ", ".join(row.ports), row.project


COMMAND = Command(
    "ps",
    run=_run,
    examples=EXAMPLES,
    help="List the containers of all hosts.",
    params=[*options.reads_hosts("Only containers of this project."), *list_options()],
    suggestion=Suggestion("lists the containers of all hosts", ("ls", "list", "status", "state", "containers")),
)
