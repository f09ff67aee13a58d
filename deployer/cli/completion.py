"""`deployer completion`: completion of commands, options and files in a shell."""

from __future__ import annotations

from typing import Final

import click

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion

EXAMPLES = """\
deployer completion bash > ~/.local/share/bash-completion/completions/deployer
deployer completion zsh > ~/.zfunc/_deployer      # a folder of $fpath
deployer completion fish > ~/.config/fish/completions/deployer.fish
"""
VARIABLE: Final = "_DEPLOYER_COMPLETE"
"""Set by the script when the shell asks for completions."""


def complete(instruction: str) -> int:
    """Prints what the shell asks for; returns the exit code."""
    from click.shell_completion import shell_complete

    from deployer.cli.app import APP

    return shell_complete(APP, {}, "deployer", VARIABLE, instruction)


def _run(call: Call) -> int:
    return complete(f"{call.params['shell']}_source")


COMMAND = Command(
    "completion",
    run=_run,
    examples=EXAMPLES,
    help="Print the script that completes commands and options in a shell.",
    params=[click.Argument(["shell"], type=click.Choice(["bash", "zsh", "fish"])), *options.global_options()],
    suggestion=Suggestion("prints the script that completes commands in a shell", ("completions",)),
)
