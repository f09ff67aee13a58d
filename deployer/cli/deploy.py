"""What apply, destroy and rollback share: show the plan, ask, change the hosts, report the result."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

import click
from click.core import ParameterSource
from msgspec.structs import replace

from deployer.cli import options
from deployer.cli.command import Call
from deployer.cli.console import Console
from deployer.errors import ExitCode
from deployer.interfaces import Events
from deployer.model.plan import Plan
from deployer.model.removals import outnumbering
from deployer.reporting.human import plan_text
from deployer.reporting.lines import line
from deployer.usecases.load import Request
from deployer.usecases.plan import Planned, Session
from deployer.usecases.system import System, this_system

if TYPE_CHECKING:
    from deployer.applying.locking import Run
    from deployer.model.outcome import Outcome

_SCROLLED: Final = 60
"""Up to this number of changes, each has a line on a terminal; above it, only failures."""

Planner: TypeAlias = Callable[[Request, System], Session]


def deploy(
    call: Call,
    planner: Planner,
    question: str,
    confirm_further: Callable[[Call, Plan], None] = lambda _call, _plan: None,
    *,
    retries: bool = True,
) -> int:
    """Returns the exit code. `confirm_further` asks additional questions; `retries`: whether there is a list of
    unfinished hosts. Raises `RefusedError` without confirmation."""
    _check_options(call)
    system = this_system(call.console.learn, awaiting=call.console.awaiting)
    with planner(options.request(call.params), system) as session:
        planned = session.planned
        if not call.console.json:
            call.console.warn(planned.warnings)
        _show(call.console, planned)
        if call.params["check"]:
            if not call.console.json:
                from deployer.reporting.recap import check_recap

                call.console.result([line(), *check_recap(planned.plan, call.console.sheet)])
            return plan_exit_code(planned.plan, detailed=call.params["detailed_exitcode"])
        if not any(host.steps and not host.refusals for host in planned.plan.hosts):
            return _nothing_to_do(call, session, system)
        if any(host.changes and not host.refusals for host in planned.plan.hosts):
            _confirm(call, planned.plan, question)
            _confirm_removals(call, planned.plan)
            confirm_further(call, planned.plan)
        with call.console.ignoring_closed_output():
            return _apply(call, session, system, retries=retries)


def _check_options(call: Call) -> None:
    """Raises `UsageError` for options that would be ignored, and `RefusedError` for a retry list that would overwrite
    another file."""
    given = click.get_current_context().get_parameter_source

    def is_given(name: str) -> bool:
        return given(name) is ParameterSource.COMMANDLINE

    if is_given("detailed_exitcode") and not call.params["check"]:
        raise click.UsageError("--detailed-exitcode requires --check: the exit code of a run is its result")
    for name in ("lock_wait", "lock_lease"):
        if call.params["no_lock"] and is_given(name):
            raise click.UsageError(f"--{name.replace('_', '-')} has no effect with --no-lock")
    if call.params["retry_file"]:
        from deployer.cli import retry

        retry.refuse_overwriting(call.params["retry_file"], options.request(call.params))


def plan_exit_code(plan: Plan, *, detailed: bool) -> ExitCode:
    if plan.unreachable:
        return ExitCode.UNREACHABLE
    if any(plan.refusals):
        return ExitCode.REFUSED
    return ExitCode.CHANGES_PENDING if detailed and not plan.empty else ExitCode.OK


def _show(console: Console, planned: Planned) -> None:
    if console.json:
        console.events().plan(planned.plan, planned.warnings)
    else:
        console.result(plan_text(planned.plan, steps=console.verbose > 0, sheet=console.sheet))


def _confirm(call: Call, plan: Plan, question: str) -> None:
    if call.console.json and not call.params["yes"] and sys.stdin.isatty():
        call.console.tell(plan_text(plan))
    call.confirm(question, action="the changes", done="changed", hint="add --yes to apply without confirmation")


def _confirm_removals(call: Call, plan: Plan) -> None:
    """A question that --yes does not answer, if a playbook seems to be only a part of its project."""
    undeclared, removed = sum(found.undeclared for found in outnumbering(plan)), plan.counts.remove
    if undeclared >= options.MANY and removed > (call.params["yes_remove"] or 0):
        which = " that" if removed == undeclared else f", {undeclared} of which"
        what = f"{removed} resources{which} these playbooks do not declare"
        replace(call, params={**call.params, "yes": False}).confirm(
            f"Remove {what}?",
            action=f"the removal of {what}",
            done="changed",
            hint=f"to remove them all, add --yes-remove {removed}; to keep them, give all playbooks of the project",
        )


def _nothing_to_do(call: Call, session: Session, system: System) -> ExitCode:
    """Hosts that an earlier run left unfinished and that are as declared now: removes them from the retry list, and
    removes that run's locks."""
    from deployer.cli import retry

    planned = session.planned
    if planned.locked:
        from deployer.usecases.apply import clear_locks

        clear_locks(session, system, _events(call.console, planned.plan)[0], this_run(call, planned))
    code = plan_exit_code(planned.plan, detailed=False)
    path = retry.retry_file(call.params["retry_file"], planned.playbooks)
    if code is ExitCode.OK and path is not None:
        retry.drop(path, {host.host for host in planned.plan.hosts})
    return code


def _apply(call: Call, session: Session, system: System, *, retries: bool) -> ExitCode:
    from deployer.cli.interrupt import Interrupt
    from deployer.reporting.live import LiveProgress
    from deployer.reporting.recap import recap_text
    from deployer.usecases.apply import apply

    console, planned = call.console, session.planned
    events, tell = _events(console, planned.plan)
    with ExitStack() as stack:
        interrupt = stack.enter_context(Interrupt(tell))
        stack.enter_context(events if isinstance(events, LiveProgress) else nullcontext())
        outcome = apply(session, system, events, interrupt.stop, this_run(call, planned))
    if console.json:
        console.events().summary(outcome)
    else:
        console.result([line(), *recap_text(outcome, console.sheet)])
    if retries:
        _keep_retry_list(call, planned, outcome)
    return _exit_code(outcome, stopped=interrupt.stop.is_set())


def this_run(call: Call, planned: Planned) -> Run:
    """This run as described to other operators."""
    from deployer.cli import retry
    from deployer.usecases.system import commit_of

    saved = call.params.get("saved_plan")
    between = [call.params[name] for name in ("source", "target") if name in call.params]
    started = " ".join([_command(), *between, *planned.playbooks, *call.params.get("names", ())])
    command = retry.for_the_record(started, click.get_current_context().command.params, call.params)
    run = options.this_run(call.params, f"{command} (from {saved})" if saved else command)
    folder = str(Path(planned.playbooks[0]).parent) if planned.playbooks else ""
    return replace(run, commit=lambda: commit_of(folder) if planned.playbooks else "")


def _command() -> str:
    """This command as it was typed: `image build`."""
    return click.get_current_context().command_path.partition(" ")[2]


def _keep_retry_list(call: Call, planned: Planned, outcome: Outcome) -> None:
    from deployer.cli import retry

    path = retry.retry_file(call.params["retry_file"], planned.playbooks)
    if path is None:
        return
    try:
        hosts = retry.keep(path, outcome)
    except OSError as error:
        call.console.tell([line(f"warning: the list of unfinished hosts could not be written: {error}")])
        return
    if hosts and not call.console.json:
        declared = click.get_current_context().command.params
        if "saved_plan" in call.params:
            again = retry.with_a_new_plan(path)
        else:
            again = retry.how_to_go_on(_command(), declared, call.params, path)
        call.console.tell([line(f"to continue: {again}", hang=None)])


def _exit_code(outcome: Outcome, *, stopped: bool) -> ExitCode:
    """A stop between two batches interrupts the run, although no host was interrupted."""
    begun = len(outcome.hosts)
    if stopped and begun < sum(1 for _ in outcome.plan.hosts):
        return ExitCode.INTERRUPTED
    return outcome.exit_code


def _events(console: Console, plan: Plan) -> tuple[Events, Callable[[str], object]]:
    """The progress display, and a function that shows a notice."""
    from deployer.reporting.live import Board, LiveProgress
    from deployer.reporting.progress import PlainProgress, ResourceLines, StepLines

    if console.json:
        return console.events(), notice
    hosts = [host.host for host in plan.hosts]
    terminal = console.err_terminal
    many = sum(len(host.changes) for host in plan.hosts) > _SCROLLED
    lines = StepLines(hosts) if console.verbose else ResourceLines(hosts, quiet=many and terminal.animate)
    if not terminal.animate:
        return PlainProgress(lines, lambda ended: console.tell([ended])), notice
    live = LiveProgress(Board(hosts), console.err, lines, colour=terminal.colour, clean=console.redactor.text)
    return live, live.notice


def notice(text: str) -> None:
    """Writes without buffers or locks: a signal may arrive during a write."""
    with contextlib.suppress(OSError):
        os.write(2, f"{text}\n".encode())
