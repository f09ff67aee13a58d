"""What to write instead of a command or option that does not exist. What removes or permits is suggested only with what
it does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import click

from deployer.cli.options import Option
from deployer.diagnostics import closest

_APPLY: Final = "'apply' applies a playbook"
_DESTROY: Final = "'destroy' removes the project's containers and networks"
_PLAN: Final = "'plan' shows what apply would change"
_PS: Final = "'ps' lists the containers of all hosts"

_COMMANDS: Final = (
    dict.fromkeys(("deploy", "up", "run", "start", "restart", "create", "update", "play", "converge", "sync"), _APPLY)
    | dict.fromkeys(("down", "rm", "remove", "delete", "stop", "kill", "teardown", "destory"), _DESTROY)
    | dict.fromkeys(("diff", "preview", "dry-run", "dryrun"), _PLAN)
    | dict.fromkeys(("ls", "list", "status", "state", "containers"), _PS)
    | {
        "check": "'validate' checks the input, 'plan' shows what apply would change",
        "lint": "'validate' checks playbooks and the inventory",
        "config": "'validate' checks playbooks and the inventory",
        "undo": "'rollback' restores replaced containers",
        "log": "'history' shows past runs",
        "unlock": "'lock release' releases the locks of other runs on hosts",
        "export": "'import host' writes a playbook from a host",
        "version": "'deployer --version' shows the version",
        "help": "'deployer --help' lists the commands",
    }
)
"""What other tools call it."""
_CHANGING: Final = frozenset({"destroy", "release"})

_DRY_RUN: Final = frozenset({"--dry-run", "--dryrun", "--check", "--noop", "--simulate", "--check-mode"})


def command_hint(word: str, known: Iterable[str]) -> str:
    """To follow the message, with a space before it; "" when nothing is alike. `known`: the commands there are."""
    names = list(known)
    if word.lower() in _COMMANDS and "apply" in names:
        return f" {_COMMANDS[word.lower()]}."
    close = closest(word, names)
    if close in _CHANGING:
        return f" {_DESTROY}." if close == "destroy" else " 'release' releases the locks of other runs."
    return f" Did you mean '{close}'?" if close else ""


def option_hint(word: str, params: Iterable[click.Parameter]) -> str:
    """The same for an option of a command. Options that allow more than usual are not suggested."""
    declared = [param for param in params if isinstance(param, click.Option) and not param.hidden]
    known = {name: param for param in declared for name in param.opts if name.startswith("--")}
    if word.lower() in _DRY_RUN:
        return " '--check' only shows the plan." if "--check" in known else " 'deployer plan' changes nothing."
    close = closest(word, known)
    return f" Did you mean '{close}'?" if close and not _permits(known[close]) else ""


def _permits(param: click.Option) -> bool:
    return isinstance(param, Option) and (param.section == "Safety" or not param.allow_from_autoenv)
