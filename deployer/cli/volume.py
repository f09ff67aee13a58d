"""`deployer volume`: the data of volumes backed up, restored and copied to other hosts."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from deployer.cli import options
from deployer.cli.backup_files import STDIO, file_into, opened_backup
from deployer.cli.command import CONTEXT, Call, Command, Group, Suggestion
from deployer.errors import ExitCode

if TYPE_CHECKING:
    from deployer.model.outcome import Blocked
    from deployer.usecases.backup_file import Backup
    from deployer.usecases.volume_copying import Tools
    from deployer.usecases.volume_sides import How, Place, Said
    from deployer.usecases.volumes import Prepared

BACKUP_EXAMPLES: Final = """\
deployer volume backup -i inventory db1/db-data
deployer volume backup -i inventory db1/db-data --pause -o s3://backups/db1/db-data.tar.zst
deployer volume backup -i inventory db1/db-data --pause -o - | ssh store 'cat > db-data.tar.zst'
"""
RESTORE_EXAMPLES: Final = "deployer volume restore -i inventory db-data.tar.zst db2/db-data\n"
MIGRATE_EXAMPLES: Final = "deployer volume migrate -i inventory db1/db-data db2\n"


class PlaceType(click.types.StringParamType):
    """`HOST/NAME`. `named`: whether the name may be left out."""

    name = "place"

    def __init__(self, *, named: bool = True) -> None:
        self._named = named

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        host, slash, volume = str(value).partition("/")
        if not host or (not volume and (self._named or slash)):
            self.fail(f"'{value}' does not have the form {'HOST/NAME' if self._named else 'HOST[/NAME]'}", param, ctx)
        return host, volume


def _backup(call: Call) -> int:
    from deployer.usecases.backups import file_name
    from deployer.usecases.volumes import backup, need_source, prepare

    source, how, system = _place(call.params["source"]), how_of(call), call.system
    request = options.request(call.params)
    out = call.params["out"] or file_name(source, datetime.now(UTC))
    with (
        file_into(call, out, source.host, request, system) as into,
        prepare(request, system, how, source) as prepared,
    ):
        need_source(prepared.sides[0], how)
        return _do(call, prepared, str(source), out, lambda tools: backup(prepared, tools, into), loses=not how.exact)


def _restore(call: Call) -> int:
    from deployer.usecases.volumes import check_target, need_image, prepare, restore

    target, how, file = _place(call.params["target"]), how_of(call), call.params["file"]
    request, system = options.request(call.params), call.system
    with (
        opened_backup(file, target.host, request, system) as source,
        prepare(request, system, how, target=target) as prepared,
    ):
        (side,) = prepared.sides
        need_image(side, how)
        check_target(side, source.header.driver, source.header.options)
        call.console.tell(_about(source, side))
        loses = source.header.exact and not how.exact
        return _do(call, prepared, file, str(target), lambda tools: restore(prepared, tools, source), loses=loses)


def _about(source: Backup, side: Any) -> Any:
    from deployer.reporting.lines import line
    from deployer.reporting.words import size

    header = source.header
    mode = ", exact" if header.exact else ""
    yield line(f"backup of {header.host}/{header.volume} at {header.made}, {size(source.total.size)}{mode}")
    if side.found is not None and not side.is_new:
        yield line(f"volume {side.place} exists: what it contains is replaced")


def _migrate(call: Call) -> int:
    from deployer.usecases.volume_sides import Place
    from deployer.usecases.volumes import check_target, migrate, need_image, need_source, prepare

    source, how = _place(call.params["source"]), how_of(call)
    host, volume = call.params["target"]
    target = Place(host, volume or source.volume)
    if target == source:
        raise click.UsageError("source and target are the same volume")
    with prepare(options.request(call.params), call.system, how, source, target) as prepared:
        there = prepared.sides[1]
        need_source(prepared.sides[0], how)
        need_image(there, how)
        check_target(there, prepared.sides[0].driver, prepared.sides[0].options)
        return _do(call, prepared, str(source), str(target), partial(migrate, prepared), loses=not how.exact)


_WORDS: Final = {"backup": ("Back up", "backup"), "restore": ("Restore", "restore"), "migrate": ("Copy", "copy")}


def _do(call: Call, prepared: Prepared, source: str, target: str, work: Any, *, loses: bool) -> int:
    """Shows what will be done, asks, does it, and says how it ended. `loses`: something of the source is not kept."""
    from deployer.cli.deploy import notice
    from deployer.cli.interrupt import Interrupt
    from deployer.reporting import volumes

    console, said = call.console, list[Any]()
    if not console.json:
        shown = volumes.plan_lines(source, target, prepared.sides, loses=loses)
        (console.tell if target == STDIO else console.result)(shown)
    if call.params["check"]:
        if console.json:
            console.document(volumes.volume_document(call.name, source, target, None, said))
        return ExitCode.OK
    count = volumes.affected(prepared.sides)
    if count or call.name != "backup":
        question, word = _WORDS[call.name]
        hint = "add --yes to do it without confirmation" + ("; --pause and --live stop nothing" if count else "")
        call.confirm(f"{question} {source}?", action=f"the {word}", done="changed", hint=hint)
    with console.ignoring_closed_output(), Interrupt(notice) as interrupt:
        total = work(copying_tools(call, interrupt.stop, said, f"volume {call.name} {source}"))
    if console.json:
        console.document(volumes.volume_document(call.name, source, target, total, said))
    else:
        is_file = call.name == "backup" and target != STDIO and Path(target).exists()
        stored = Path(target).stat().st_size if is_file else None
        (console.tell if target == STDIO else console.result)(volumes.done_lines(source, target, total, stored))
    return ExitCode.FAILED if any(each.failed for each in said) else ExitCode.OK


def copying_tools(call: Call, stop: Any, said: list[Any], command: str) -> Tools:
    """`said` gets what is done."""
    from deployer.reporting import volumes
    from deployer.reporting.locks import blocked_hint, blocked_words
    from deployer.reporting.progress import PlainProgress, ResourceLines
    from deployer.usecases.system import SystemClock
    from deployer.usecases.volume_copying import Tools

    console = call.console

    def tell(found: Said) -> None:
        said.append(found)
        if not console.json or found.failed:
            console.tell(volumes.said_lines(found))

    def blocked(bar: Blocked, project: str) -> tuple[str, str]:
        return blocked_words(bar, project), blocked_hint(bar)

    return Tools(
        run=options.this_run(call.params, command),
        events=PlainProgress(ResourceLines([]), lambda found: console.tell([found])),
        clock=SystemClock(),
        stop=stop,
        tell=tell,
        progress=lambda place, done: console.tell([volumes.progress_line(place, done)]),
        consent=lambda place: _consents(call, place),
        blocked=blocked,
    )


def _consents(call: Call, place: Place) -> bool:
    """To replace content: by an option that names the volume, or by typing its name."""
    if f"{place.host}/volume.{place.volume}" in call.params.get("allow_data_loss", ()):
        return True
    if not sys.stdin.isatty():
        return False
    call.console.err.write(f"{place} has content, which is replaced. Type {place.volume} to confirm: ")
    call.console.err.flush()
    return sys.stdin.readline().strip() == place.volume


def _place(given: tuple[str, str]) -> Place:
    from deployer.usecases.volume_sides import Place

    return Place(*given)


def how_of(call: Call) -> How:
    from deployer.fields.options import Quiet
    from deployer.usecases.volume_sides import How

    params = call.params
    image = params["image"]
    return How(Quiet(params.get("quiet") or "stop"), params["exact"] or bool(image), image)


def quiet_options() -> list[click.Parameter]:
    texts = {
        "stop": "Stop running containers that use the volume while it is copied. This is the default.",
        "pause": "Pause them instead: the copy is as after a power failure.",
        "live": "Let them run: files that are written meanwhile may be inconsistent.",
    }
    return [
        options.Option([f"--{name}", "quiet"], section="Data", flag_value=name, type=str, help=text)
        for name, text in texts.items()
    ]


def data_options() -> list[click.Parameter]:
    return [
        options.Option(
            ["--exact"],
            section="Data",
            is_flag=True,
            help="Use GNU tar, in the image of a container that uses the volume, to keep everything.",
        ),
        options.Option(
            ["--image"], section="Data", default="", metavar="IMAGE", help="As --exact, in this image of the host."
        ),
    ]


def _shared(*more: click.Parameter) -> list[click.Parameter]:
    return [
        *data_options(),
        *more,
        options.Option(["-C", "--check"], section="Safety", is_flag=True, help="Only show what would be done."),
        options.yes(),
        *(param for param in options.locking() if param.name != "retry_file"),
        *(param for param in options.reads_hosts() if param.name not in ("limit", "forks")),
    ]


def _playbook() -> click.Parameter:
    return options.Option(
        ["--playbook"],
        section="Data",
        multiple=True,
        metavar="FILE",
        help="Reach a bucket as the backups of this playbook do. Repeatable.",
    )


def loss() -> options.Option:
    """The consent of `apply`, which means content here."""
    found = next(param for param in options.policy() if param.name == "allow_data_loss")
    assert isinstance(found, options.Option)
    found.help = "Replace what this volume contains. Repeatable."
    return found


COMMAND: Final = Group(
    name="volume",
    help="Back up, restore and copy the data of volumes.",
    examples=BACKUP_EXAMPLES + RESTORE_EXAMPLES + MIGRATE_EXAMPLES,
    context_settings=dict(CONTEXT),
    commands=[
        Command(
            "backup",
            run=_backup,
            examples=BACKUP_EXAMPLES,
            help="Write the data of a volume to a file.",
            params=[
                click.Argument(["source"], type=PlaceType(), metavar="HOST/NAME"),
                options.Option(
                    ["-o", "--out"],
                    section="Data",
                    default="",
                    metavar="FILE",
                    help="The file, HOST:/FILE, s3://BUCKET/KEY, or - for standard output; by default one with the "
                    "name of host, volume and time.",
                ),
                _playbook(),
                *quiet_options(),
                *_shared(
                    options.Option(
                        ["--force"],
                        section="Safety",
                        is_flag=True,
                        allow_from_autoenv=False,
                        help="Overwrite an existing file.",
                    )
                ),
            ],
            suggestion=Suggestion("backs up a volume", ("dump", "save", "export")),
        ),
        Command(
            "restore",
            run=_restore,
            examples=RESTORE_EXAMPLES,
            help="Fill a volume with the data of a backup.",
            params=[
                click.Argument(["file"], metavar="FILE"),
                click.Argument(["target"], type=PlaceType(), metavar="HOST/NAME"),
                _playbook(),
                *_shared(loss()),
            ],
            suggestion=Suggestion("restores a volume"),
        ),
        Command(
            "migrate",
            run=_migrate,
            examples=MIGRATE_EXAMPLES,
            help="Copy a volume to another host or name. The source stays as it is.",
            params=[
                click.Argument(["source"], type=PlaceType(), metavar="HOST/NAME"),
                click.Argument(["target"], type=PlaceType(named=False), metavar="HOST[/NAME]"),
                *quiet_options(),
                *_shared(loss()),
            ],
            suggestion=Suggestion("copies a volume to another host", ("move", "transfer")),
        ),
    ],
)
