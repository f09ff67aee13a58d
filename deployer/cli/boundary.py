"""Turns every error into one message and one exit code, without secrets and without a traceback."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence

import click

from deployer.cli.app import APP
from deployer.cli.completion import VARIABLE, complete
from deployer.cli.console import Console, real_console
from deployer.errors import DeployerError, ExitCode


def run(args: Sequence[str] | None = None) -> int:
    console = real_console(os.environ)
    try:
        if args is None and VARIABLE in os.environ:
            return complete(os.environ[VARIABLE])
        return _invoke(sys.argv[1:] if args is None else list(args), console)
    except BrokenPipeError:
        _silence()
        return ExitCode.ERROR
    except (KeyboardInterrupt, click.Abort):
        console.err.write("\ninterrupted\n" if console.err.isatty() else "interrupted\n")
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001  # the one place where anything may end
        return _internal(error, console)


def _invoke(args: list[str], console: Console) -> int:
    try:
        with APP.make_context("deployer", args, obj=console) as context:
            return int(APP.invoke(context) or ExitCode.OK)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show(console.err)
        return ExitCode.ERROR
    except DeployerError as error:
        if console.debug:
            _traceback(error, console)
        console.error(error)
        return error.exit_code


def _internal(error: Exception, console: Console) -> int:
    from deployer.reporting.human import error_lines

    if console.debug:
        _traceback(error, console)
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    hint = "" if console.debug else "this is a bug in deployer; --debug shows the traceback"
    console.tell(error_lines(f"internal error: {what}", hint))
    return ExitCode.ERROR


def _traceback(error: BaseException, console: Console) -> None:
    import traceback

    from deployer.reporting.lines import line

    text = "".join(traceback.format_exception(error))
    console.tell(line(part) for part in console.redactor.text(text).splitlines())


def _silence() -> None:
    """If the reader of stdout has ended, redirects later output to the null device."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
