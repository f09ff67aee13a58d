"""`deployer start|stop|restart|kill|pause|unpause|rm`: containers as they are, without a change of their settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import click

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.cli.types import Duration
from deployer.errors import ExitCode, RefusedError
from deployer.planning.lifecycle import Asked, Verb

if TYPE_CHECKING:
    from deployer.usecases.lifecycle import Prepared, Result
    from deployer.usecases.system import System


def _run(call: Call) -> int:
    from deployer.reporting.human import unreachable_lines
    from deployer.reporting.lifecycle import counted, in_words, tasks_text
    from deployer.usecases.lifecycle import prepare

    console, params = call.console, call.params
    asked = Asked(Verb(call.name), params["names"], params["foreign"], params.get("stop", False))
    system = call.system
    with prepare(options.request(params), system, asked) as prepared:
        console.tell(line for host in prepared.chosen.unreachable for line in unreachable_lines(host))
        _refuse(prepared)
        if not any(found.levels for found in prepared.hosts.values()):
            return _nothing(call, prepared)
        if not console.json:
            console.result(tasks_text(prepared.hosts, prepared.simulated, sheet=console.sheet))
        if params["check"]:
            return ExitCode.UNREACHABLE if prepared.chosen.unreachable else ExitCode.OK
        words = in_words(asked.verb)
        call.confirm(
            f"{words.capitalize()} {counted(prepared.hosts)}?",
            action="the changes",
            done="changed",
            hint="add --yes to do it without confirmation",
        )
        with console.ignoring_closed_output():
            return _apply(call, prepared, system)


def _refuse(prepared: Prepared) -> None:
    """Nothing is changed where a part of it is refused."""
    found = [f"{host}: {text}" for host, done in prepared.hosts.items() for text in done.refusals]
    if found:
        raise RefusedError("\n".join(found), hint="nothing was changed")


def _nothing(call: Call, prepared: Prepared) -> ExitCode:
    from deployer.reporting.lines import line
    from deployer.usecases.lifecycle import Result

    if call.console.json:
        return _document(call, Result(unreachable=prepared.chosen.unreachable))
    call.console.result([line(f"Nothing to {call.name}.")])
    return ExitCode.UNREACHABLE if prepared.chosen.unreachable else ExitCode.OK


def _apply(call: Call, prepared: Prepared, system: System) -> ExitCode:
    from deployer.cli.deploy import notice
    from deployer.cli.interrupt import Interrupt
    from deployer.reporting.human import error_lines, unreachable_lines
    from deployer.reporting.lifecycle import changed_line
    from deployer.reporting.locks import blocked_hint, blocked_words
    from deployer.reporting.progress import PlainProgress, ResourceLines
    from deployer.usecases.lifecycle import How, apply

    console, params, verb = call.console, call.params, prepared.asked.verb
    width = max(map(len, prepared.hosts), default=0)
    events = PlainProgress(ResourceLines(prepared.hosts), lambda found: console.tell([found]))
    wait = params["wait_timeout"] if params.get("wait") else None
    how = How(params.get("timeout"), params.get("signal", ""), wait)
    with Interrupt(notice) as interrupt:
        result = apply(
            prepared,
            how,
            system,
            events,
            interrupt.stop,
            options.this_run(params, " ".join([call.name, params["pattern"], *params["names"]])),
            lambda changed: console.tell([changed_line(verb, changed, width)]),
        )
    seen = {lost.host for lost in prepared.chosen.unreachable}
    console.tell(line for lost in result.unreachable if lost.host not in seen for line in unreachable_lines(lost))
    for host, project, bar in result.blocked:
        console.tell(error_lines(f"{host}: {blocked_words(bar, project)}", blocked_hint(bar)))
    code = ExitCode.INTERRUPTED if interrupt.stop.is_set() else result.exit_code
    return _document(call, result, code) if console.json else code


def _document(call: Call, result: Result, code: ExitCode | None = None) -> ExitCode:
    from deployer.reporting.lifecycle import lifecycle_document

    code = result.exit_code if code is None else code
    call.console.document(lifecycle_document(Verb(call.name), result, result.unreachable, code))
    return code


def _signal(_ctx: click.Context, _param: click.Parameter, given: str) -> str:
    from deployer.values import signals

    try:
        return signals.parse(given)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _option(names: list[str], help: str, **given: Any) -> click.Parameter:
    return options.Option(names, section="Safety", help=help, **given)


def _timeout() -> click.Parameter:
    help = "Seconds until a container that does not stop is killed. [default: its own]"
    return _option(["--timeout"], help, type=click.IntRange(min=0), metavar="SECONDS")


def _command(
    verb: Verb, help: str, more: tuple[click.Parameter, ...] = (), other_names: tuple[str, ...] = ()
) -> Command:
    name = verb.value
    examples = f"deployer {name} -i inventory web api\ndeployer {name} -i inventory all --playbook shop.yml --yes\n"
    params = [
        *options.containers(),
        *more,
        _option(["--foreign"], "Also containers that belong to no project.", is_flag=True, allow_from_autoenv=False),
        _option(["-C", "--check"], "Only show what would be done.", is_flag=True),
        options.yes(),
        *(param for param in options.locking() if param.name != "retry_file"),
        options.json_option("Print one JSON document."),
        *options.global_options(),
    ]
    suggestion = Suggestion(f"{name}s containers", other_names, removes=verb is Verb.REMOVE)
    return Command(name, run=_run, examples=examples, help=help, params=params, suggestion=suggestion)


_SIGNAL: Final = _option(
    ["-s", "--signal"], "The signal to send.", default="SIGKILL", show_default=True, callback=_signal
)
_WAIT: Final = (
    _option(["--wait"], "Wait until each is healthy, or runs; until a job has ended.", is_flag=True),
    _option(
        ["--wait-timeout"],
        "How long to wait for each container; more if its health check needs it. [default: 60s]",
        type=Duration(),
        default=60.0,
        metavar="DURATION",
    ),
)
_STOP: Final = _option(["--stop"], "Stop containers that run first.", is_flag=True, allow_from_autoenv=False)

COMMANDS: Final[Mapping[str, Command]] = {
    found.name or "": found
    for found in (
        _command(Verb.START, "Start containers, dependencies first.", _WAIT),
        _command(Verb.STOP, "Stop containers, dependants first.", (_timeout(),)),
        _command(
            Verb.RESTART,
            "Restart containers, dependencies first, and containers that share their namespaces.",
            (_timeout(), *_WAIT),
        ),
        _command(Verb.KILL, "Send a signal to containers.", (_SIGNAL,)),
        _command(Verb.PAUSE, "Pause containers.", other_names=("freeze",)),
        _command(Verb.UNPAUSE, "Unpause containers.", other_names=("resume",)),
        _command(
            Verb.REMOVE,
            "Remove stopped containers; volumes stay, also anonymous ones.",
            (_STOP, _timeout()),
            ("remove", "delete"),
        ),
    )
}
