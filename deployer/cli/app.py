"""The root command. Subcommands are imported on demand."""

from __future__ import annotations

from typing import Final

import click

from deployer import __version__
from deployer.cli.command import CONTEXT, LazyGroup, adopt_globals
from deployer.cli.options import global_options

COMMANDS: Final = {
    "init": "Create an inventory and a playbook to start from.",
    "validate": "Check playbooks and the inventory without contacting a host.",
    "plan": "Show what apply would change.",
    "apply": "Apply playbooks or a saved plan.",
    "watch": "Keep hosts as playbooks declare: plan and apply again and again, without confirmation, until Ctrl-C.",
    "show": "Print a saved plan.",
    "drift": "Compare the hosts with the last applied state and with the playbook.",
    "destroy": "Remove the project's containers, networks and files; volumes stay unless --volumes is given.",
    "rollback": "Restore replaced containers.",
    "history": "Show past runs: what was applied, by whom and with what result.",
    "lock": "Show and release the locks of runs on hosts.",
    "ps": "List the containers of all hosts.",
    "images": "List the images of all hosts.",
    "networks": "List the networks of all hosts.",
    "volumes": "List the volumes of all hosts.",
    "volume": "Back up, restore and copy the data of volumes.",
    "move": "Move containers with their volumes to another host.",
    "backup": "Make and list the backups that playbooks declare for volumes.",
    "snapshot": "Save and restore all volumes of projects at one moment.",
    "logs": "Show the output of containers, of all hosts in one sequence.",
    "exec": "Run a command in running containers. The exit code is the greatest one.",
    "run": "Run a container once, from what a playbook declares, and remove it.",
    "pull": "Pull the images of containers.",
    "cp": "Copy files between this machine and containers, or between containers.",
    "stats": "Show what containers use, again and again until Ctrl-C.",
    "top": "Show the processes of containers.",
    "inspect": "Show containers, images, networks and volumes as the engines describe them, in JSON.",
    "events": "Show what happens on all hosts, in one sequence.",
    "port-forward": "Make a port of a container a port of this machine, published or not, until Ctrl-C.",
    "start": "Start containers, dependencies first.",
    "stop": "Stop containers, dependants first.",
    "restart": "Restart containers, dependencies first, and containers that share their namespaces.",
    "kill": "Send a signal to containers.",
    "pause": "Pause containers.",
    "unpause": "Unpause containers.",
    "rm": "Remove stopped containers; volumes stay, also anonymous ones.",
    "import": "Write a playbook from the resources of a host, or from a Compose project.",
    "inventory": "Show the inventory as deployer reads it.",
    "doctor": "Check every host and say how to fix what is wrong.",
    "image": "Build, send, pull, push, tag, remove, list and pin images.",
    "secret": "Show which containers use which secrets.",
    "vault": "Encrypt, decrypt, view and edit files and values in Ansible's vault format.",
    "login": "Keep credentials of a registry on this machine, where the docker command keeps them.",
    "logout": "Remove credentials of a registry from this machine.",
    "completion": "Print the script that completes commands and options in a shell.",
    "schema": "Print the JSON Schema of playbooks or inventories, for editors.",
}

MODULES: Final = (
    dict.fromkeys(("start", "stop", "restart", "kill", "pause", "unpause", "rm"), "lifecycle")
    | dict.fromkeys(("ps", "images", "networks", "volumes"), "lists")
    | dict.fromkeys(("stats", "top"), "stats")
)
"""Modules with several commands."""

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
    modules=MODULES,
    help="Declare what Docker hosts run, review the plan, and apply it over SSH.",
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
    epilog="Every option can also be set in the environment: DEPLOYER_SKIP_TAGS sets --skip-tags.",
)
