"""`deployer history`: past runs, with time, user, commit and result."""

from __future__ import annotations

import click

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.errors import DeployerError, ExitCode

EXAMPLES = """\
deployer history -i inventory
deployer history -i inventory --limit web1 --project shop
deployer history -i inventory show 12          # every change of run 12, from what to what
deployer history -i inventory --json | jq '.records[0]'
"""


def _run(call: Call) -> int:
    from deployer.reporting.history import history_lines, record_document
    from deployer.reporting.human import unreachable_lines
    from deployer.reporting.json_plan import FORMAT_VERSION, unreachable_document
    from deployer.usecases.locks_and_history import records as read_records

    console, wanted = call.console, _number(call.params["words"])
    found = read_records(options.request(call.params), call.system, project=call.params["project"])
    records = [(applied.host, applied.record) for applied in found.found if wanted in (0, *applied.numbers)]
    if wanted and not records and not found.unreachable:
        hint = "deployer history lists the recorded runs, the last 20 of each project on each host"
        raise DeployerError(f"no host has a record of run {wanted}", hint=hint)
    if console.json:
        lost = [unreachable_document(host) for host in found.unreachable]
        made = [record_document(host, record) for host, record in records]
        console.document({"format_version": FORMAT_VERSION, "type": "history", "records": made, "unreachable": lost})
    else:
        console.result(history_lines(records, whole=bool(wanted or console.verbose), sheet=console.sheet))
        console.tell(line for host in found.unreachable for line in unreachable_lines(host))
    return ExitCode.UNREACHABLE if found.unreachable else ExitCode.OK


def _number(words: tuple[str, ...]) -> int:
    """The number of the run to show, 0 for all."""
    match words:
        case ():
            return 0
        case ("show", number) if number.isascii() and number.isdecimal() and int(number):
            return int(number)
        case _:
            raise click.UsageError("write 'deployer history' or 'deployer history show NUMBER'")


COMMAND = Command(
    "history",
    run=_run,
    examples=EXAMPLES,
    help="Show past runs: what was applied, by whom and with what result. The newest run comes first.",
    params=[
        click.Argument(["words"], nargs=-1, metavar="[show NUMBER]"),
        *options.reads_hosts("Only runs of this project."),
    ],
    suggestion=Suggestion("shows past runs", ("log",)),
)
