"""The root command. Subcommands are imported when they are called."""

from __future__ import annotations

from typing import Final

import click

from deployer import __version__
from deployer.cli.command import CONTEXT, LazyGroup, adopt_globals
from deployer.cli.options import global_options

COMMANDS: Final = {
    "validate": "Check playbooks and inventory without contacting a host.",
    "plan": "Show what apply would change.",
    "apply": "Make the hosts as declared.",
    "show": "Print a saved plan again.",
    "drift": "Compare the hosts with what was last applied and with the playbook.",
    "destroy": "Remove a playbook's containers and networks; volumes stay.",
    "rollback": "Put the containers that were replaced last back in their place.",
    "history": "Show what was applied to the hosts, by whom and with what result.",
    "lock": "Show and release the locks that runs take on hosts.",
    "ps": "List the containers of all hosts.",
    "import": "Write a playbook of what is on a host already.",
    "inventory": "Show hosts, groups and variables as deployer reads them.",
    "doctor": "Check whether every host can be worked on.",
    "schema": "Print the JSON Schema of playbooks or inventories, for editors.",
}

EXAMPLES: Final = """\
deployer plan -i inventory/hosts.yml playbooks/shop.yml
deployer apply -i inventory/hosts.yml playbooks/shop.yml --limit web1
deployer ps -i inventory/hosts.yml
"""


def _version(context: click.Context, _param: click.Parameter, given: bool) -> None:
    if given and not context.resilient_parsing:
        click.echo(f"deployer {__version__}")
        context.exit()


APP: Final = LazyGroup(
    name="deployer",
    package="deployer.cli",
    table=COMMANDS,
    help="Declare what Docker hosts should run, see the plan, apply it over SSH.",
    examples=EXAMPLES,
    params=[
        *global_options(),
        click.Option(
            ["-V", "--version"],
            is_flag=True,
            is_eager=True,
            expose_value=False,
            callback=_version,
            help="Show the version and exit.",
        ),
    ],
    callback=adopt_globals,
    context_settings=CONTEXT,
    epilog="Every option can also be set in the environment: --skip-tags as DEPLOYER_SKIP_TAGS.",
)
