"""Suggestions for unknown commands and options. Commands that remove something, and options that permit something, are
never just proposed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import click

from deployer.cli.command import Command
from deployer.cli.options import Option
from deployer.diagnostics import closest

_OPTIONS: Final = {
    "version": "'deployer --version' shows the version",
    "help": "'deployer --help' lists the commands",
}
"""Commands of other tools that are options here."""
_BECOME: Final = "sudo is set in the inventory: ansible_become, ansible_become_user, ansible_become_method."
_OTHERS: Final = {
    **dict.fromkeys(("-b", "--become", "--become-user", "--become-method"), _BECOME),
    **dict.fromkeys(("-k", "--ask-pass"), "A password stands in the inventory, in a vault: ansible_password."),
    **dict.fromkeys(("-c", "--connection"), "The inventory says how a host is reached: ansible_connection."),
    **dict.fromkeys(
        ("--ssh-common-args", "--ssh-extra-args"), "It stands in the inventory, as ansible_ssh_common_args."
    ),
    "--list-hosts": "'deployer inventory graph' shows the hosts.",
    "--syntax-check": "'deployer validate' checks files and contacts no host.",
    "--build": "What is built is built again when it has changed.",
    "--detach": "Containers always run in the background.",
    "--wait": "apply always waits until containers work.",
    "--force-recreate": "Write 'recreate: always' for the container.",
    "--no-recreate": "Write 'recreate: never' for the container.",
    "--no-deps": "'--tags' selects resources.",
    "--pull": "Write 'pull: always' for the container.",
    "--scale": "A container is declared once for each copy, with 'loop'.",
    "--target": "'--tags' selects resources, '--limit' hosts.",
}
"""Options of other tools, and what there is instead."""
_DRY_RUN: Final = frozenset({"--dry-run", "--dryrun", "--check", "--noop", "--simulate", "--check-mode"})


def command_hint(word: str, group: click.Group, ctx: click.Context) -> str:
    """The sentence after the message, with a space before it; "" if nothing is similar."""
    commands = {name: command.suggestion for name, command in _commands(group, ctx)}
    same = [f"'{name}' {found.does}" for name, found in commands.items() if word.lower() in found.other_names]
    if not ctx.parent and word.lower() in _OPTIONS:
        same.append(_OPTIONS[word.lower()])
    if same:
        return f" {', '.join(same)}."
    close = closest(word, group.list_commands(ctx))
    if close in commands and commands[close].removes:
        return f" '{close}' {commands[close].does}."
    return f" Did you mean '{close}'?" if close else ""


def _commands(group: click.Group, ctx: click.Context) -> Iterator[tuple[str, Command]]:
    """Also commands of groups: `lock release`."""
    for name in group.list_commands(ctx):
        match group.get_command(ctx, name):
            case Command() as found:
                yield name, found
            case click.Group() as below:
                yield from ((f"{name} {inner}", found) for inner, found in _commands(below, ctx))


def option_hint(word: str, params: Iterable[click.Parameter]) -> str:
    """The same for an option. Options that permit more than usual are not suggested."""
    declared = [param for param in params if isinstance(param, click.Option) and not param.hidden]
    known = {name: param for param in declared for name in param.opts if name.startswith("--")}
    if word.lower() in _DRY_RUN:
        return " '--check' only shows the plan." if "--check" in known else " 'deployer plan' changes nothing."
    if word in _OTHERS:
        return f" {_OTHERS[word]}"
    close = closest(word, known)
    return f" Did you mean '{close}'?" if close and not _permits(known[close]) else ""


def _permits(param: click.Option) -> bool:
    return isinstance(param, Option) and (param.section == "Safety" or not param.allow_from_autoenv)
