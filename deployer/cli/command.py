"""Click commands and groups: help starts with examples, and subcommands are loaded on demand."""

from __future__ import annotations

import importlib
import keyword
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec import Struct

from deployer.cli.console import Console
from deployer.errors import RefusedError

if TYPE_CHECKING:
    from deployer.usecases.system import System

CONTEXT: Final = {"help_option_names": ["-h", "--help"], "auto_envvar_prefix": "DEPLOYER", "max_content_width": 100}


class Call(Struct, frozen=True):
    """A parsed command line."""

    console: Console
    params: Mapping[str, Any]
    name: str = ""

    @property
    def system(self) -> System:
        """A new one, which tells this console its secrets, its warnings and what it waits for."""
        from deployer.usecases.system import this_system

        return this_system(self.console.learn, self.console.warn, self.console.awaiting)

    def confirm(self, question: str, *, action: str, done: str, hint: str) -> None:
        """Asks on the terminal, unless --yes was given. Raises `RefusedError` without confirmation of `action`: nothing
        was `done`."""
        if self.params["yes"]:
            return
        if not sys.stdin.isatty():
            raise RefusedError(f"cannot ask for confirmation of {action}: there is no terminal", hint=hint)
        self.console.err.write(f"{question} [y/N] ")
        self.console.err.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise RefusedError(f"not confirmed; nothing was {done}")


class Suggestion(Struct, frozen=True):
    """How this command is suggested for an unknown one. `does` follows its name: `applies a playbook`. `other_names`:
    its names in other tools. `removes`: after a typing error, say what it does instead of suggesting it."""

    does: str = ""
    other_names: tuple[str, ...] = ()
    removes: bool = False


class Command(click.Command):
    """A command whose `run` takes the call and returns the exit code. Lists show the first line of `help`."""

    def __init__(
        self,
        name: str,
        *,
        run: Callable[[Call], int],
        examples: str,
        help: str,
        params: list[click.Parameter],
        suggestion: Suggestion | None = None,
        takes_command: bool = False,
        requires_command: bool = True,
    ):
        """`takes_command`: what follows `--` is the parameter `command`, which may be empty unless it is required."""
        super().__init__(name, params=params, help=help, context_settings=dict(CONTEXT))
        self.suggestion = suggestion or Suggestion()
        self._run = run
        self._takes_command = takes_command
        self._requires_command = takes_command and requires_command
        self._examples = examples

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        args, command = _divided(args) if self._takes_command else (args, [])
        try:
            rest = super().parse_args(ctx, args)
            if self._takes_command:
                if self._requires_command and not command and not ctx.resilient_parsing:
                    raise click.UsageError("write the command after '--'", ctx)
                ctx.params["command"] = tuple(command)
            return rest
        except click.NoSuchOption as error:
            from deployer.cli.suggestions import option_hint

            hint = option_hint(error.option_name, self.get_params(ctx))
            raise click.UsageError(f"No such option '{error.option_name}'.{hint}", ctx) from error

    def invoke(self, ctx: click.Context) -> int:
        console = ctx.find_object(Console)
        assert console is not None
        _take_globals(console, ctx.params)
        return self._run(Call(console, ctx.params, self.name or ""))

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_help(self.help or "", self._examples, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_options(self, ctx, formatter)


def _divided(args: list[str]) -> tuple[list[str], list[str]]:
    """What precedes `--`, and what follows it."""
    place = args.index("--") if "--" in args else len(args)
    return args[:place], args[place + 1 :]


class Group(click.Group):
    """Subcommands with examples. `table` maps their names to one-line descriptions."""

    def __init__(self, *, examples: str, **given: Any) -> None:
        super().__init__(**given)
        self._examples = examples
        self.table: Mapping[str, str] = {name: found.help or "" for name, found in self.commands.items()}

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.table and not args[0].startswith("-") and not ctx.resilient_parsing:
            from deployer.cli.suggestions import command_hint

            ctx.fail(f"No such command '{args[0]}'.{command_hint(args[0], self, ctx)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self.table.items()))

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        _write_help(self.help or "", self._examples, formatter)


class LazyGroup(Group):
    """Subcommands from a table. Each is `COMMAND` of the module with its name, imported on demand. If the name is a
    Python keyword, the module's name ends with an underscore. `modules`: those that are one of the `COMMANDS` of a
    module."""

    def __init__(
        self, *, package: str, table: Mapping[str, str], modules: Mapping[str, str] | None = None, **given: Any
    ) -> None:
        super().__init__(**given)
        self._modules = modules or {}
        self._package = package
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return None
        name = self._modules.get(
            cmd_name, f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name.replace("-", "_")
        )
        module = importlib.import_module(f"{self._package}.{name}")
        found = module.COMMANDS[cmd_name] if cmd_name in self._modules else module.COMMAND
        assert isinstance(found, click.Command)
        return found


def adopt_globals(**_params: object) -> None:
    """The callback of the root command: options before the subcommand apply to it."""
    context = click.get_current_context()
    console = context.find_object(Console)
    assert console is not None
    _take_globals(console, context.params)


def _take_globals(console: Console, params: Mapping[str, Any]) -> None:
    """Global options may precede or follow the subcommand; the last one wins."""
    console.colour = params.get("color") or console.colour
    console.verbose = max(console.verbose, params.get("verbose") or 0)
    console.debug = console.debug or bool(params.get("debug"))
    console.json = console.json or bool(params.get("json"))


def _write_help(text: str, examples: str, formatter: click.HelpFormatter) -> None:
    with formatter.section("Examples"):
        for example in examples.splitlines():
            formatter.write(f"{'':>{formatter.current_indent}}{example}\n")
    formatter.write_paragraph()
    formatter.write_text(text)


def _write_options(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Under the headings of `options.Option.section`."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        if record is not None and isinstance(param, click.Option):
            sections.setdefault(getattr(param, "section", "Output"), []).append(record)
    for heading, records in sections.items():
        with formatter.section(heading):
            formatter.write_dl(records)
