"""`deployer backup`: the backups that playbooks declare for volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from deployer.cli import options
from deployer.cli.command import CONTEXT, Call, Command, Group, Suggestion
from deployer.cli.volume import copying_tools
from deployer.errors import ExitCode

if TYPE_CHECKING:
    from deployer.usecases.backups import Made

RUN_EXAMPLES: Final = "deployer backup run -i inventory shop.yml --yes\n"
LIST_EXAMPLES: Final = "deployer backup list -i inventory shop.yml\n"


def _run(call: Call) -> int:
    from deployer.cli.deploy import notice
    from deployer.cli.interrupt import Interrupt
    from deployer.reporting import volumes
    from deployer.reporting.words import plural
    from deployer.usecases.backups import declared, run, stores

    console, said = call.console, list[Any]()
    request, system = options.request(call.params), call.system
    loaded, wanted = declared(request, system)
    if not console.json:
        console.result(volumes.declared_lines(wanted, sheet=console.sheet))
    if not call.params["check"]:
        hint = "add --yes to do it without confirmation"
        call.confirm(f"Back up {plural(len(wanted), 'volume')}?", action="the backups", done="backed up", hint=hint)

    def tell(made: Made) -> None:
        if not console.json:
            (console.tell if made.problem else console.result)(volumes.made_lines(made))

    made: tuple[Made, ...] = ()
    if not call.params["check"]:
        with console.ignoring_closed_output(), Interrupt(notice) as interrupt, stores(request, system) as find:
            made = run(loaded, wanted, copying_tools(call, interrupt.stop, said, "backup run"), find, tell)
    if console.json:
        console.document(volumes.backups_document("backup_run", made))
    failed = ExitCode.FAILED if any(each.failed for each in said) else ExitCode.OK
    return max((each.code for each in made), default=failed) or failed


def _list(call: Call) -> int:
    from deployer.reporting import human, volumes
    from deployer.usecases.backups import declared, kept, stores

    console = call.console
    request, system = options.request(call.params), call.system
    _, wanted = declared(request, system)
    with stores(request, system) as find:
        found, unread = kept(wanted, find)
    for place, error in unread.items():
        message = error.message if place in error.message else f"{place}: {error.message}"
        console.tell(human.error_lines(message, error.hint))
    if console.json:
        console.document(volumes.backups_document("backups", found))
    else:
        console.result(volumes.stored_table(found, sheet=console.sheet))
    damaged = ExitCode.FAILED if any(each.problem for each in found) else ExitCode.OK
    return max((error.exit_code for error in unread.values()), default=damaged)


COMMAND: Final = Group(
    name="backup",
    help="Make and list the backups that playbooks declare for volumes.",
    examples=RUN_EXAMPLES + LIST_EXAMPLES,
    context_settings=dict(CONTEXT),
    commands=[
        Command(
            "run",
            run=_run,
            examples=RUN_EXAMPLES,
            help="Back up the volumes of playbooks that have the key 'backup'.",
            params=[
                *options.reads_playbooks(),
                options.Option(["-C", "--check"], section="Safety", is_flag=True, help="Only show what would be done."),
                options.yes(),
                *(param for param in options.locking() if param.name != "retry_file"),
            ],
            suggestion=Suggestion("backs up volumes"),
        ),
        Command(
            "list",
            run=_list,
            examples=LIST_EXAMPLES,
            help="List the backups in the places that playbooks name. Of the hosts, only those are contacted.",
            params=options.reads_playbooks(),
            suggestion=Suggestion("lists backups", ("ls",)),
        ),
    ],
)
