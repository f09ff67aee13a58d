"""`--html FILE`: the result of a command as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from deployer.cli import options
from deployer.cli.command import Call

if TYPE_CHECKING:
    from deployer.reporting.page import Page

_HINT: Final = "name another file with --html, or add --force"


def option(what: str) -> click.Parameter:
    return options.Option(
        ["--html"],
        default="",
        type=click.Path(dir_okay=False),
        metavar="FILE",
        allow_from_autoenv=False,
        help=f"Also write {what} as an HTML page.",
    )


def check(call: Call) -> None:
    """Raises `RefusedError` if the file exists and is no such page."""
    if call.params["html"] and not call.params["force"]:
        from deployer.reporting.page import SIGNATURE
        from deployer.usecases.system import refuse_overwriting

        refuse_overwriting(call.params["html"], lambda text: SIGNATURE in text, _HINT)


def write(call: Call, page: Page) -> None:
    """Without secrets. Raises `DeployerError` if the file cannot be written."""
    import msgspec

    from deployer.reporting.lines import line
    from deployer.reporting.page import render
    from deployer.usecases.system import write_private

    document = call.console.redactor.document(msgspec.to_builtins(page))
    write_private(call.params["html"], render(document))
    call.console.tell([line(f"written: {call.params['html']}", hang=None)])


def now() -> str:
    """For people."""
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
