"""`deployer lock status|release`: list locks, and release those of dead runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from deployer.cli import options
from deployer.cli.command import CONTEXT, Call, Command, Group, Suggestion
from deployer.errors import ExitCode

if TYPE_CHECKING:
    from deployer.cli.console import Console
    from deployer.reporting.lines import Line
    from deployer.usecases.locks_and_history import Lock, Notes

STATUS_EXAMPLES: Final = """\
deployer lock status -i inventory
deployer lock status -i inventory --project shop --json
"""
RELEASE_EXAMPLES: Final = """\
deployer lock release -i inventory --limit web1 --project shop
deployer lock release -i inventory --project shop --yes
"""


def _status(call: Call) -> int:
    notes = _read(call)
    _show(call, notes)
    return ExitCode.UNREACHABLE if notes.unreachable else ExitCode.OK


def _release(call: Call) -> int:
    """Raises `RefusedError` without confirmation."""
    from deployer.reporting.human import unreachable_lines
    from deployer.reporting.lines import line
    from deployer.reporting.words import plural
    from deployer.usecases import locks_and_history
    from deployer.usecases.system import this_system

    console, found = call.console, _read(call)
    if not call.params["yes"] and found.found:
        console.tell(_lines(console, found))
        question = "An active run stops before its next change. Release?"
        call.confirm(question, action="the release", done="released", hint="add --yes to release without confirmation")
    system, lost = this_system(call.console.learn), found.unreachable
    if found.found:
        lost = locks_and_history.release(options.request(call.params), system, found.found)
    if console.json:
        _document(call, found)
    else:
        console.result([line(f"{plural(len(found.found), 'lock')} released.")])
        console.tell(text for host in lost for text in unreachable_lines(host))
    return ExitCode.UNREACHABLE if lost else ExitCode.OK


def _read(call: Call) -> Notes[Lock]:
    from deployer.usecases import locks_and_history

    return locks_and_history.lock_status(options.request(call.params), call.system, project=call.params["project"])


def _show(call: Call, notes: Notes[Lock]) -> None:
    from deployer.reporting.human import unreachable_lines

    if call.console.json:
        _document(call, notes)
        return
    call.console.result(_lines(call.console, notes))
    call.console.tell(line for host in notes.unreachable for line in unreachable_lines(host))


def _lines(console: Console, notes: Notes[Lock]) -> list[Line]:
    from deployer.reporting.columns import table
    from deployer.reporting.locks import LOCK_HEADER, lock_cells, no_locks

    rows = [lock_cells(lock.host, lock.claim, lock.quiet, free=lock.free) for lock in notes.found]
    return table(LOCK_HEADER, rows, sheet=console.sheet, cut=("WHO", "COMMAND")) if rows else no_locks()


def _document(call: Call, notes: Notes[Lock]) -> None:
    from deployer.reporting.json_plan import FORMAT_VERSION, unreachable_document
    from deployer.reporting.locks import claim_document

    found = [
        {"host": lock.host, **claim_document(lock.claim), "quiet": lock.quiet, "free": lock.free}
        for lock in notes.found
    ]
    lost = [unreachable_document(host) for host in notes.unreachable]
    call.console.document({"format_version": FORMAT_VERSION, "type": "locks", "locks": found, "unreachable": lost})


COMMAND: Final = Group(
    name="lock",
    help="Show and release the locks of runs on hosts.",
    examples=STATUS_EXAMPLES + RELEASE_EXAMPLES,
    context_settings=dict(CONTEXT),
    commands=[
        Command(
            "status",
            run=_status,
            examples=STATUS_EXAMPLES,
            help="List the locks of all hosts.",
            params=options.reads_hosts("Only locks of this project."),
        ),
        Command(
            "release",
            run=_release,
            examples=RELEASE_EXAMPLES,
            help="Release locks by hand. Locks of a dead run expire; an active run stops before its next change.",
            params=[*options.reads_hosts("Only locks of this project."), options.yes()],
            suggestion=Suggestion("releases the locks of other runs", ("unlock",), removes=True),
        ),
    ],
)
