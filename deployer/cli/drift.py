"""`deployer drift`: what changed since the last apply, by hand or in the file. Changes nothing."""

from __future__ import annotations

from deployer.cli import html, options
from deployer.cli.command import Call, Command

EXAMPLES = """\
deployer drift -i inventory playbooks/shop.yml
deployer drift playbooks/shop.yml --json | jq '.hosts[].found'
"""


def _run(call: Call) -> int:
    from deployer.errors import ExitCode
    from deployer.reporting.drift import drift_document, drift_text
    from deployer.usecases.plan import drift
    from deployer.usecases.system import this_system

    console = call.console
    options.check_force(call.params)
    html.check(call)
    report, loaded = drift(options.request(call.params), this_system(call.console.learn, awaiting=console.awaiting))
    if console.json:
        console.document(drift_document(report))
    else:
        console.warn(loaded.warnings)
        console.result(drift_text(report, console.sheet))
    if call.params["html"]:
        from deployer.reporting.page import drift_page

        html.write(call, drift_page(report, loaded.of_host, html.now()))
    if report.unreachable:
        return ExitCode.UNREACHABLE
    return ExitCode.CHANGES_PENDING if report.any else ExitCode.OK


COMMAND = Command(
    "drift",
    run=_run,
    examples=EXAMPLES,
    help="Compare the hosts with the last applied state and with the playbook. Exits with 2 if anything differs.",
    params=[*options.reads_playbooks(), html.option("what differs"), options.force("--html")],
)
