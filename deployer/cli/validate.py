"""`deployer validate`: report every error without contacting a host."""

from __future__ import annotations

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion

EXAMPLES = """\
deployer validate -i inventory playbooks/shop.yml
deployer validate playbooks/*.yml
"""


def _run(call: Call) -> int:
    from deployer.reporting.json_plan import FORMAT_VERSION, diagnostic_document
    from deployer.reporting.lines import line
    from deployer.reporting.words import plural
    from deployer.usecases.plan import validate
    from deployer.usecases.system import this_system

    console = call.console
    found = validate(options.request(call.params), this_system(call.console.learn))
    if console.json:
        document = {"format_version": FORMAT_VERSION, "type": "validation", "valid": True}
        counts = {"plays": found.plays, "hosts": found.hosts, "resources": found.resources}
        console.document(document | counts | {"warnings": [diagnostic_document(warning) for warning in found.warnings]})
    else:
        console.warn(found.warnings)
        counted = (plural(found.plays, "play"), plural(found.hosts, "host"), plural(found.resources, "resource"))
        console.result([line(f"Valid: {', '.join(counted)}.")])
    return 0


COMMAND = Command(
    "validate",
    run=_run,
    examples=EXAMPLES,
    help="Check playbooks and the inventory without contacting a host.",
    params=options.reads_playbooks(),
    suggestion=Suggestion("checks playbooks and the inventory", ("check", "lint", "config")),
)
