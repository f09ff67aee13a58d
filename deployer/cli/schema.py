"""`deployer schema`: JSON Schemas that let editors complete and check playbooks and inventories."""

from __future__ import annotations

import click

from deployer.cli import options
from deployer.cli.command import Call, Command

EXAMPLES = """\
deployer schema > .schema/playbook.json
deployer schema inventory > .schema/inventory.json
"""


def _run(call: Call) -> int:
    from deployer.config.json_schema import inventory_schema, playbook_schema

    make = inventory_schema if call.params["kind"] == "inventory" else playbook_schema
    call.console.document(make())
    return 0


COMMAND = Command(
    "schema",
    run=_run,
    examples=EXAMPLES,
    help="Print the JSON Schema of playbooks or inventories, for editors. No host is contacted.",
    params=[
        click.Argument(["kind"], type=click.Choice(["playbook", "inventory"]), default="playbook"),
        *options.global_options(),
    ],
)
