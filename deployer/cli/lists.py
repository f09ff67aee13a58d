"""`deployer ps`, `images`, `networks` and `volumes`: a table of all hosts, with columns to filter and format."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
import msgspec

from deployer.cli import html, options
from deployer.cli.command import Call, Command, Suggestion
from deployer.errors import ExitCode

if TYPE_CHECKING:
    from deployer.cli.console import Console
    from deployer.model.plan import Unreachable
    from deployer.usecases.inspect_hosts import Row as ContainerRow
    from deployer.usecases.lists import ImageRow, NetworkRow, VolumeRow

Row = TypeVar("Row", bound=msgspec.Struct)
Joined = TypeVar("Joined", "NetworkRow", "VolumeRow")


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
            callback=filters,
            help="Only rows with this value, such as state=exited. Repeatable.",
        ),
        options.Option(
            ["--format"],
            section=section,
            default="",
            metavar="TEMPLATE",
            help="Print each row in this form, such as '{{host}} {{name}}', 'table {{host}}\\t{{name}}' or json.",
        ),
    ]


def check(call: Call, row: type[msgspec.Struct]) -> None:
    """Raises `UsageError` for columns that the rows do not have, and for two forms at once."""
    from deployer.reporting.rows import check_keys

    if call.console.json and call.params["format"]:
        raise click.UsageError("--format has no effect with --json; '--format json' prints a document per row")
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
    from deployer.reporting.rows import marked

    console, template = call.console, call.params["format"]
    chosen = chosen_rows(call, rows)
    if console.json:
        console.document(document(found, chosen, lost))
    elif template:
        write_formatted(console, chosen, template)
    else:
        header, made = marked(found.header, chosen, [cells(row) for row in chosen])
        console.result(table(header, made, sheet=console.sheet, cut=found.cut, last=found.last))
    if not console.json:
        console.tell(line for host in lost for line in unreachable_lines(host))
    return ExitCode.UNREACHABLE if lost else ExitCode.OK


def chosen_rows(call: Call, rows: Sequence[Row]) -> Sequence[Row]:
    from deployer.reporting.rows import filtered

    return filtered(rows, call.params["filter"])


def write_formatted(console: Console, rows: Sequence[msgspec.Struct], template: str) -> None:
    from deployer.reporting.rows import JSON, formatted

    if template in JSON:
        console.json_lines(msgspec.to_builtins(row) for row in rows)
    else:
        console.text("".join(formatted(rows, template)))


def document(found: Table, rows: Iterable[msgspec.Struct], lost: Iterable[Unreachable]) -> dict[str, Any]:
    from deployer.reporting.json_plan import FORMAT_VERSION, unreachable_document

    documents = [msgspec.to_builtins(row) for row in rows]
    hosts = [unreachable_document(host) for host in lost]
    return {"format_version": FORMAT_VERSION, **found.head, found.key: documents, "unreachable": hosts}


def filters(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = [text.partition("=") for text in given]
    for key, equals, _ in pairs:
        if not equals:
            raise click.BadParameter(f"'{key}' does not have the form COLUMN=GLOB")
    return tuple((key, glob) for key, _, glob in pairs)


def _listed(
    call: Call, row: type[Row], read: Callable[..., Any], found: Table, cells: Callable[[Row], tuple[str, ...]]
) -> int:
    """With a playbook, what each object is to it is the last column."""
    params = call.params
    check(call, row)
    if params["pattern"] and params["limit"]:
        raise click.UsageError("PATTERN and --limit both name the hosts; write one of them")
    rows, lost = read(options.request(params), call.system, params["names"])
    if not params["playbook"]:
        return show(call, found, rows, lost, cells)

    def with_mark(row: Any) -> tuple[str, ...]:
        return (*cells(row), row.mark.replace("_", " "))

    return show(call, msgspec.structs.replace(found, header=(*found.header, "PLAYBOOK")), rows, lost, with_mark)


def _ps(call: Call) -> int:
    from deployer.usecases.inspect_hosts import Row
    from deployer.usecases.lists import containers

    def cells(row: ContainerRow) -> tuple[str, ...]:
        status = (row.status or row.state) + (" (job)" if row.resource.startswith("job.") else "")
        return row.host, row.name, row.image, status, ", ".join(row.ports), row.project

    header = ("HOST", "NAME", "IMAGE", "STATUS", "PORTS", "PROJECT")
    found = Table({"type": "ps"}, "containers", header, cut=("PORTS", "PROJECT"), last=header[:4])
    options.check_force(call.params)
    html.check(call)
    code = _listed(call, Row, containers, found, cells)
    if call.params["html"]:
        _write_page(call)
    return code


def _write_page(call: Call) -> None:
    """The containers, and the networks and volumes that they use."""
    from deployer.reporting.page import list_page
    from deployer.usecases import lists
    from deployer.usecases.system import this_system

    request, names = options.request(call.params), call.params["names"]
    system = this_system(call.console.learn)
    rows, lost = lists.containers(request, system, names)
    used = {(row.host, row.name) for row in rows}

    def shown(found: Iterable[Joined]) -> list[Joined]:
        return [row for row in found if any((row.host, name) in used for name in row.containers)]

    networks, volumes = lists.networks(request, system, ())[0], lists.volumes(request, system, ())[0]
    html.write(call, list_page(chosen_rows(call, rows), shown(networks), shown(volumes), lost, html.now()))


def _images(call: Call) -> int:
    from deployer.reporting.words import size
    from deployer.usecases.lists import ImageRow, images

    def cells(row: ImageRow) -> tuple[str, ...]:
        return row.host, row.name, row.id, size(row.size), str(row.used or "")

    header = ("HOST", "IMAGE", "ID", "SIZE", "CONTAINERS")
    return _listed(call, ImageRow, images, Table({"type": "images"}, "images", header, ("IMAGE",)), cells)


def _networks(call: Call) -> int:
    from deployer.usecases.lists import NetworkRow, networks

    def cells(row: NetworkRow) -> tuple[str, ...]:
        return row.host, row.name, row.driver, ", ".join(row.subnets), ", ".join(row.containers), row.project

    header = ("HOST", "NAME", "DRIVER", "SUBNETS", "CONTAINERS", "PROJECT")
    found = Table({"type": "networks"}, "networks", header, ("SUBNETS", "CONTAINERS"))
    return _listed(call, NetworkRow, networks, found, cells)


def _volumes(call: Call) -> int:
    from deployer.usecases.lists import VolumeRow, volumes

    def cells(row: VolumeRow) -> tuple[str, ...]:
        return row.host, row.name, row.driver, ", ".join(row.containers), row.project

    header = ("HOST", "NAME", "DRIVER", "CONTAINERS", "PROJECT")
    return _listed(call, VolumeRow, volumes, Table({"type": "volumes"}, "volumes", header, ("CONTAINERS",)), cells)


def _command(
    name: str, run: Callable[[Call], int], what: str, other_names: tuple[str, ...] = (), title: str = ""
) -> Command:
    examples = (
        f"deployer {title or name} -i inventory\n"
        f"deployer {title or name} -i inventory web 'shop*' --playbook shop.yml\n"
        f"deployer {title or name} -i inventory --filter 'host=web?' --format '{{{{host}}}} {{{{name}}}}'\n"
    )
    owned = f"Only {what} of this project." if what != "images" else ""
    return Command(
        name,
        run=run,
        examples=examples,
        help=f"List the {what} of all hosts.",
        params=[
            click.Argument(["pattern"], default="", metavar="[PATTERN]"),
            click.Argument(["names"], nargs=-1, metavar=f"[{what.removesuffix('s').upper()}]..."),
            *options.reads_hosts(owned),
            options.Option(
                ["--playbook"],
                section="Hosts and variables",
                multiple=True,
                metavar="FILE",
                help="The hosts of this playbook, and what each row is to it. Repeatable.",
            ),
            *list_options(),
            *([html.option("what runs"), options.force("--html")] if name == "ps" else []),
        ],
        suggestion=Suggestion(f"lists the {what} of all hosts", other_names),
    )


COMMANDS: Final = {
    "ps": _command("ps", _ps, "containers", ("ls", "list", "status", "state", "containers")),
    "images": _command("images", _images, "images"),
    "networks": _command("networks", _networks, "networks", ("network",)),
    "volumes": _command("volumes", _volumes, "volumes"),
}
IMAGE_LIST: Final = _command("list", _images, "images", title="image list")
