"""`deployer networks` and `deployer volumes`, and what `ps` shares with them: a table, columns to filter and format."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
import msgspec

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.errors import ExitCode

if TYPE_CHECKING:
    from deployer.model.plan import Unreachable
    from deployer.usecases.lists import NetworkRow, VolumeRow

Row = TypeVar("Row", bound=msgspec.Struct)


class Table(msgspec.Struct, frozen=True):
    """`head`: the type of the document; `key`: its list; `cut`: columns that may be cut, `last`: after those."""

    head: Mapping[str, str]
    key: str
    header: tuple[str, ...]
    cut: Collection[str] = ()
    last: Collection[str] = ()


def list_options() -> list[click.Parameter]:
    section = "Rows"
    return [
        options.Option(
            ["--filter"],
            section=section,
            multiple=True,
            metavar="COLUMN=GLOB",
            callback=_filters,
            help="Only rows with this value, such as state=exited. Repeatable.",
        ),
        options.Option(
            ["--format"],
            section=section,
            default="",
            metavar="TEMPLATE",
            help="Print each row in this form, such as '{{host}} {{name}}'.",
        ),
    ]


def check(call: Call, row: type[msgspec.Struct]) -> None:
    """Raises `UsageError` for columns that the rows do not have."""
    from deployer.reporting.rows import check_keys

    try:
        check_keys(row, call.params["filter"], call.params["format"])
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def show(
    call: Call,
    found: Table,
    rows: Sequence[Row],
    lost: Sequence[Unreachable],
    cells: Callable[[Row], tuple[str, ...]],
) -> ExitCode:
    """As a document, in the given format, or as a table."""
    from deployer.reporting.columns import table
    from deployer.reporting.human import unreachable_lines
    from deployer.reporting.json_plan import FORMAT_VERSION, unreachable_document
    from deployer.reporting.rows import filtered, formatted

    console, template = call.console, call.params["format"]
    chosen = filtered(rows, call.params["filter"])
    if console.json:
        documents = [msgspec.to_builtins(row) for row in chosen]
        hosts = [unreachable_document(host) for host in lost]
        head = {"format_version": FORMAT_VERSION, **found.head}
        console.document({**head, found.key: documents, "unreachable": hosts})
    elif template:
        console.text("".join(formatted(chosen, template)))
    else:
        made = [cells(row) for row in chosen]
        console.result(table(found.header, made, sheet=console.sheet, cut=found.cut, last=found.last))
    if not console.json:
        console.tell(line for host in lost for line in unreachable_lines(host))
    return ExitCode.UNREACHABLE if lost else ExitCode.OK


def _filters(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = [text.partition("=") for text in given]
    for key, equals, _ in pairs:
        if not equals:
            raise click.BadParameter(f"'{key}' does not have the form COLUMN=GLOB")
    return tuple((key, glob) for key, _, glob in pairs)


def _system(call: Call) -> Any:
    from deployer.usecases.system import this_system

    return this_system(call.console.learn, call.console.warn, call.console.awaiting)


def _networks(call: Call) -> int:
    from deployer.reporting.human import SIMULATED
    from deployer.usecases.lists import NetworkRow, networks

    check(call, NetworkRow)
    rows, lost = networks(options.request(call.params), _system(call), call.params["names"])
    header = ("HOST", "NAME", "DRIVER", "SUBNETS", "CONTAINERS", "PROJECT")

    def cells(row: NetworkRow) -> tuple[str, ...]:
        host = f"{row.host}{SIMULATED if row.simulated else ''}"
        return host, row.name, row.driver, ", ".join(row.subnets), ", ".join(row.containers), row.project

    return show(call, Table({"type": "networks"}, "networks", header, ("SUBNETS", "CONTAINERS")), rows, lost, cells)


def _volumes(call: Call) -> int:
    from deployer.reporting.human import SIMULATED
    from deployer.usecases.lists import VolumeRow, volumes

    check(call, VolumeRow)
    rows, lost = volumes(options.request(call.params), _system(call), call.params["names"])
    header = ("HOST", "NAME", "DRIVER", "CONTAINERS", "PROJECT")

    def cells(row: VolumeRow) -> tuple[str, ...]:
        host = f"{row.host}{SIMULATED if row.simulated else ''}"
        return host, row.name, row.driver, ", ".join(row.containers), row.project

    return show(call, Table({"type": "volumes"}, "volumes", header, ("CONTAINERS",)), rows, lost, cells)


def _command(name: str, run: Callable[[Call], int], other_names: tuple[str, ...]) -> Command:
    examples = (
        f"deployer {name} -i inventory\n"
        f"deployer {name} -i inventory web 'shop-*' --project shop\n"
        f"deployer {name} -i inventory --filter project= --format '{{{{host}}}} {{{{name}}}}'\n"
    )
    return Command(
        name,
        run=run,
        examples=examples,
        help=f"List the {name} of all hosts.",
        params=[
            click.Argument(["pattern"], default="all", metavar="[PATTERN]"),
            click.Argument(["names"], nargs=-1, metavar=f"[{name.removesuffix('s').upper()}]..."),
            *(param for param in options.reads_hosts(f"Only {name} of this project.") if param.name != "limit"),
            *list_options(),
        ],
        suggestion=Suggestion(f"lists the {name} of all hosts", other_names),
    )


COMMANDS: Final = {
    "networks": _command("networks", _networks, ("network",)),
    "volumes": _command("volumes", _volumes, ("volume",)),
}
