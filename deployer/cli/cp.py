"""`deployer cp`: files between this machine and containers, and between containers."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.errors import ExitCode, ResourceError

if TYPE_CHECKING:
    from deployer.interfaces import Engine
    from deployer.model.plan import Unreachable
    from deployer.usecases.containers import Chosen
    from deployer.usecases.copying import Copied, Place
    from deployer.usecases.fleet import Fleet
    from deployer.usecases.inspect_hosts import Row

EXAMPLES: Final = """\
deployer cp -i inventory web1/api:/etc/app.conf .            # one file, here
deployer cp -i inventory web/api:/var/log/app logs           # of many: logs/HOST/api/app
deployer cp -i inventory ./app.conf 'web/api-*:/etc/'        # into many
deployer cp -i inventory web1/api:/srv/www 'web2/api:/srv'    # from one container to another
deployer cp -i inventory db1/db:/data - | tar -t             # as a tar archive
"""
_STREAM: Final = "-"
_CHUNK: Final = 256 * 1024


def _run(call: Call) -> int:
    from deployer.usecases.containers import choose, hosts_of
    from deployer.usecases.copying import each, place_of

    console, params = call.console, call.params
    source, target = place_of(params["source"]), place_of(params["target"])
    place = source or target
    if place is None:
        raise click.UsageError("one of the two must be in containers: HOSTS/CONTAINER:PATH")
    if console.json and params["target"] == _STREAM:
        raise click.UsageError("--json and the archive cannot both go to standard output")
    system = call.system

    def found(place: Place) -> Any:
        return hosts_of(options.request({**params, "pattern": place.pattern}), system, (place.name,))

    with found(place) as (fleet, choice):
        chosen = choose(fleet, choice)
        if source and target:
            with found(target) as (others, its_choice):
                return _between(call, fleet, _one(chosen), source, others, choose(others, its_choice), target)
        work = _sent(call, chosen, place) if target else _received(call, chosen, place)
        done = each(fleet, chosen.rows, work)
    return _report(call, done, chosen.unreachable)


def _between(call: Call, fleet: Fleet, row: Row, source: Place, others: Fleet, chosen: Chosen, target: Place) -> int:
    """From one container into others."""
    from deployer.usecases.copying import each, transfer

    origin, keep = fleet.host(row.host).engine(), call.params["archive"]

    def work(engine: Engine, to: Row) -> Copied:
        return transfer(origin, row, source.path, engine, to, target.path, keep_owners=keep)

    return _report(call, each(others, chosen.rows, work), chosen.unreachable)


def _sent(call: Call, chosen: Chosen, place: Place) -> Callable[[Engine, Row], Copied]:
    from deployer.usecases.copying import send, send_archive

    source, keep = call.params["source"], call.params["archive"]
    if source != _STREAM:
        return lambda engine, row: send(engine, row, source, place.path, keep_owners=keep)
    _one(chosen)
    pieces = iter(lambda: sys.stdin.buffer.read(_CHUNK), b"")
    return lambda engine, row: send_archive(engine, row, pieces, place.path)


def _received(call: Call, chosen: Chosen, place: Place) -> Callable[[Engine, Row], Copied]:
    """Of one container that is named, to the target; of others, into a folder for each host and container."""
    from deployer.usecases.copying import receive, receive_archive

    target, keep = call.params["target"], call.params["archive"]
    if target == _STREAM:
        _one(chosen)
        return lambda engine, row: receive_archive(engine, row, place.path, _write)
    named = [(row.host, row.name) for row in chosen.rows] == [(place.pattern, place.name)]

    def work(engine: Engine, row: Row) -> Copied:
        folder = Path(target)
        if not named:
            folder = folder / row.host / row.name
        return receive(engine, row, place.path, folder, keep_owners=keep, make=not named)

    return work


def _write(data: bytes) -> None:
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        raise ResourceError("standard output was closed") from error


def _one(chosen: Chosen) -> Row:
    from deployer.usecases.port_forward import only_one

    return only_one(chosen)


def _report(call: Call, done: list[Copied], lost: tuple[Unreachable, ...]) -> int:
    from deployer.reporting.human import error_lines, unreachable_lines
    from deployer.reporting.json_plan import FORMAT_VERSION, unreachable_document
    from deployer.reporting.lines import line
    from deployer.reporting.words import plural, size

    console = call.console
    if console.json:
        head = {"format_version": FORMAT_VERSION, "type": "copied", "containers": [_document(found) for found in done]}
        console.document({**head, "unreachable": [unreachable_document(host) for host in lost]})
    for found in done if not console.json else ():
        where = f"{found.row.host}/{found.row.name}"
        if found.error:
            console.tell(error_lines(f"{where}: {found.error}", found.hint))
            continue
        more = f"; left out: {plural(found.left_out, 'device or link')}" if found.left_out else ""
        console.tell([line(f"{where}: copied {size(found.size)}{more}")])
    if not console.json:
        console.tell(text for host in lost for text in unreachable_lines(host))
    if lost or any(found.lost for found in done):
        return ExitCode.UNREACHABLE
    return ExitCode.FAILED if any(found.error for found in done) else ExitCode.OK


def _document(found: Copied) -> dict[str, Any]:
    place = {"host": found.row.host, "container": found.row.name}
    return {**place, "size": found.size, "left_out": found.left_out, "error": found.error, "hint": found.hint}


COMMAND: Final = Command(
    "cp",
    run=_run,
    examples=EXAMPLES,
    help="Copy files between this machine and containers, or between containers.",
    params=[
        click.Argument(["source"], metavar="SOURCE"),
        click.Argument(["target"], metavar="TARGET"),
        *(param for param in options.containers() if isinstance(param, click.Option)),
        options.Option(["-a", "--archive"], section="Files", is_flag=True, help="Keep the owners of files."),
        options.json_option("Print one JSON document."),
        *options.global_options(),
    ],
    suggestion=Suggestion("copies files between this machine and containers", ("copy", "scp", "rsync")),
)
