"""`deployer snapshot`: all volumes of projects at one moment, with images, playbooks and records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from deployer.cli import options
from deployer.cli.backup_files import written
from deployer.cli.command import CONTEXT, Call, Command, Group, Suggestion
from deployer.cli.volume import copying_tools, data_options, how_of, loss, quiet_options
from deployer.errors import ExitCode

if TYPE_CHECKING:
    from deployer.usecases.volume_copying import Tools

CREATE_EXAMPLES: Final = "deployer snapshot create -i inventory shop.yml\n"
RESTORE_EXAMPLES: Final = """\
deployer snapshot restore -i inventory snapshots/shop-20260102T030405Z
deployer snapshot restore -i inventory snapshots/shop-20260102T030405Z --map db1=db2
"""
LIST_EXAMPLES: Final = "deployer snapshot list\n"


def _create(call: Call) -> int:
    from deployer.reporting import volumes
    from deployer.usecases.snapshots import create, prepare

    params = call.params
    name = f"{Path(params['playbooks'][0]).stem}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    folder = Path(params["to"]) / name
    with prepare(options.request(params), call.system, how_of(call)) as wanted:
        sides = wanted.prepared.sides
        pairs = [(str(side.place), str(folder)) for side in sides]

        def work(tools: Tools) -> Any:
            return create(wanted, tools, folder, written)

        return _do(
            call, pairs, sides, work, volumes.snapshot_document(str(folder)), loses=not wanted.prepared.how.exact
        )


def _restore(call: Call) -> int:
    from deployer.reporting import volumes
    from deployer.usecases.snapshots import prepare_restore, restore

    folder = Path(call.params["folder"])
    request, hosts = options.request(call.params), dict(call.params["map"])
    with prepare_restore(request, call.system, how_of(call), folder, hosts) as found:
        sides = found.prepared.sides
        pairs = [(backup.name, str(side.place)) for backup, side in zip(found.backups, sides, strict=True)]
        loses = any(backup.header.exact for backup in found.backups) and not found.prepared.how.exact
        document = volumes.snapshot_document(str(folder))
        return _do(call, pairs, sides, partial(restore, found), document, loses=loses)


def _do(
    call: Call,
    pairs: list[tuple[str, str]],
    sides: tuple[Any, ...],
    work: Callable[[Tools], Any],
    document: dict[str, Any],
    *,
    loses: bool,
) -> int:
    """Shows what will be done, asks, and does it."""
    from deployer.cli.deploy import notice
    from deployer.cli.interrupt import Interrupt
    from deployer.reporting import volumes

    console, said, restores = call.console, list[Any](), call.name == "restore"
    if not console.json:
        console.result(volumes.snapshot_lines(pairs, sides, loses=loses))
    if not call.params["check"]:
        question = "Restore these volumes?" if restores else "Take this snapshot?"
        hint = "add --yes to do it without confirmation"
        call.confirm(question, action="the restore" if restores else "the snapshot", done="changed", hint=hint)
        with console.ignoring_closed_output(), Interrupt(notice) as interrupt:
            made = work(copying_tools(call, interrupt.stop, said, f"snapshot {call.name}"))
        document = volumes.snapshot_document(document["folder"], made)
    if console.json:
        console.document(document)
    elif not call.params["check"]:
        console.result(volumes.snapshot_ended(document["folder"], len(pairs), restored=restores))
    return ExitCode.FAILED if any(each.failed for each in said) else ExitCode.OK


def _list(call: Call) -> int:
    from deployer.reporting import volumes
    from deployer.usecases.snapshots import stored

    found = stored(Path(call.params["folder"]))
    if call.console.json:
        call.console.document(volumes.snapshots_document([_row(*each) for each in found]))
    else:
        call.console.result(volumes.snapshots_table(found, sheet=call.console.sheet))
    return ExitCode.OK


def _row(folder: str, manifest: Any) -> dict[str, Any]:
    import msgspec

    return {"folder": folder, **msgspec.to_builtins(manifest)}


class Pair(click.types.StringParamType):
    """`OLD=NEW`."""

    name = "pair"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        old, equals, new = str(value).partition("=")
        if not (old and equals and new):
            self.fail(f"'{value}' does not have the form OLD=NEW", param, ctx)
        return old, new


def _changing() -> list[click.Parameter]:
    return [
        options.Option(["-C", "--check"], section="Safety", is_flag=True, help="Only show what would be done."),
        options.yes(),
        *(param for param in options.locking() if param.name != "retry_file"),
    ]


COMMAND: Final = Group(
    name="snapshot",
    help="Save and restore all volumes of projects at one moment.",
    examples=CREATE_EXAMPLES + RESTORE_EXAMPLES + LIST_EXAMPLES,
    context_settings=dict(CONTEXT),
    commands=[
        Command(
            "create",
            run=_create,
            examples=CREATE_EXAMPLES,
            help="Save all volumes that playbooks declare, with the images, playbooks and records.",
            params=[
                *options.reads_playbooks(),
                options.Option(
                    ["--to"],
                    section="Data",
                    default="snapshots",
                    show_default=True,
                    metavar="FOLDER",
                    help="The snapshot is a folder in this one.",
                ),
                *quiet_options(),
                *data_options(),
                *_changing(),
            ],
            suggestion=Suggestion("saves all volumes of a project", ("take", "save")),
        ),
        Command(
            "restore",
            run=_restore,
            examples=RESTORE_EXAMPLES,
            help="Fill the volumes with the data of a snapshot: all of them or none.",
            params=[
                click.Argument(["folder"], metavar="SNAPSHOT"),
                options.Option(
                    ["--map"],
                    section="Data",
                    type=Pair(),
                    multiple=True,
                    metavar="OLD=NEW",
                    help="Restore the volumes of host OLD on host NEW. Repeatable.",
                ),
                *data_options(),
                loss(),
                *_changing(),
                *(param for param in options.reads_hosts() if param.name not in ("limit", "forks")),
            ],
            suggestion=Suggestion("restores a snapshot"),
        ),
        Command(
            "list",
            run=_list,
            examples=LIST_EXAMPLES,
            help="List the snapshots in a folder. No host is contacted.",
            params=[
                click.Argument(["folder"], default="snapshots", metavar="[FOLDER]"),
                options.json_option("Print one JSON document."),
                *options.global_options(),
            ],
            suggestion=Suggestion("lists snapshots", ("ls",)),
        ),
    ],
)
