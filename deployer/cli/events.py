"""`deployer events`: what happens on all hosts, in one sequence."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import click

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.cli.types import Moment
from deployer.errors import ExitCode

if TYPE_CHECKING:
    from deployer.usecases.logs import Problem

EXAMPLES: Final = """\
deployer events -i inventory all                      # from now on, until Ctrl-C
deployer events -i inventory web 'api-*' --since 1h --until 0s
deployer events -i inventory all --filter event=die --filter event=oom --json
"""
_FILTERS: Final = ("container", "daemon", "event", "image", "label", "network", "scope", "type", "volume")


def _run(call: Call) -> int:
    from deployer.model.credentials import credentials_in
    from deployer.reporting.human import error_lines
    from deployer.reporting.logs import Prefixes, event_document, event_words
    from deployer.usecases.containers import hosts_of
    from deployer.usecases.events import Watch

    console, params = call.console, call.params
    failed: list[Problem] = []

    def tell(problem: Problem) -> None:
        failed.append(problem)
        console.tell(error_lines(f"{problem.where}: {problem.message}", problem.hint))

    system, query = call.system, _query(call)
    with (
        hosts_of(options.request(params), system, params["names"]) as (fleet, choice),
        closing(Watch(fleet, choice, query, system.clock, tell)) as watch,
    ):
        places = ((host, "") for host in fleet.hosts)
        prefixes = Prefixes(places, colour=console.out_terminal.colour, terminal=console.out_is_terminal)
        for event in watch.read():
            console.learn(credentials_in([event.action, event.attributes]))
            if console.json:
                console.json_lines([event_document(event)])
            else:
                console.text(prefixes.line((event.host, ""), event_words(event), time=event.time))
    return ExitCode.UNREACHABLE if failed else ExitCode.OK


def _query(call: Call) -> Any:
    from deployer.interfaces import EventQuery

    given: dict[str, list[str]] = {}
    for key, value in call.params["filter"]:
        given.setdefault(key, []).append(value)
    filters = {key: tuple(values) for key, values in given.items()}
    return EventQuery(call.params["since"], call.params["until"], filters)


def _filters(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = [text.partition("=") for text in given]
    for key, equals, _ in pairs:
        if not equals:
            raise click.BadParameter(f"'{key}' does not have the form KEY=VALUE")
        if key not in _FILTERS:
            raise click.BadParameter(f"engines have no filter '{key}' of events; filters: {', '.join(_FILTERS)}")
    return tuple((key, value) for key, _, value in pairs)


def _option(names: list[str], help: str, **given: Any) -> click.Parameter:
    return options.Option(names, section="Events", help=help, **given)


COMMAND = Command(
    "events",
    run=_run,
    examples=EXAMPLES,
    help="Show what happens on all hosts, in one sequence.",
    params=[
        *options.containers(),
        _option(["--since"], "Also from this time on: 10m ago, or 2026-01-02T15:04:05Z.", default="", type=Moment()),
        _option(["--until"], "Only up to this time, and end then.", default="", type=Moment()),
        _option(
            ["--filter"],
            "Only events with this property, such as event=die or type=network. Repeatable.",
            multiple=True,
            metavar="KEY=VALUE",
            callback=_filters,
        ),
        options.json_option("Print one JSON document per line."),
        *options.global_options(),
    ],
    suggestion=Suggestion("shows what happens on all hosts", ("event",)),
)
