"""`deployer watch`: keep hosts as declared until Ctrl-C."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.cli.types import Duration
from deployer.errors import DeployerError

if TYPE_CHECKING:
    from deployer.model.plan import Plan
    from deployer.reporting.lines import Line
    from deployer.usecases.plan import Session
    from deployer.usecases.system import System
    from deployer.usecases.watch import Round, Tally

EXAMPLES = """\
deployer watch -i inventory playbooks/shop.yml
deployer watch -i inventory site.yml --git https://git.example.com/ops/site.git --interval 2m
deployer watch -i inventory site.yml --metrics /var/lib/node_exporter/deployer.prom
"""
_INTERVAL: Final = 300.0


def _run(call: Call) -> int:
    from deployer.cli.deploy import notice
    from deployer.cli.interrupt import Interrupt
    from deployer.usecases.system import this_system
    from deployer.usecases.watch import watch

    params = call.params
    url = _enter(params["git"])
    system = this_system(call.console.learn)
    watched = _Watched(call, system, url)
    with Interrupt(notice) as interrupt, call.console.ignoring_closed_output():
        tally = watch(
            lambda: watched.round(interrupt.stop),
            watched.keep,
            system.clock,
            lambda: _now().timestamp(),
            interrupt.stop.is_set,
            interval=params["interval"],
            rounds=params["rounds"] or 0,
        )
    return tally.last.code


def _enter(source: str) -> str:
    """Makes the checkout the current directory: the one named, or the one of a URL in the state directory. Returns the
    URL, "" for a directory."""
    from deployer.config.files import state_folder

    if not source or Path(source).is_dir():
        os.chdir(source or ".")
        return ""
    state = state_folder()
    if state is None:
        raise DeployerError("there is no state directory for the clone", hint="set HOME or XDG_STATE_HOME")
    folder = state / "watch" / _digest(source)
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    return source


class _Watched:
    """Rounds over the same playbooks. Problems that last are told once."""

    def __init__(self, call: Call, system: System, url: str) -> None:
        """`url`: what is cloned into the current directory; "" if that is a checkout, or no repository is watched."""
        self._call = call
        self._system = system
        self._url = url
        self._told: set[str] = set()

    def round(self, stop: threading.Event) -> Round:
        from deployer.usecases.plan import plan
        from deployer.usecases.watch import Round, update_checkout

        try:
            if self._call.params["git"]:
                update_checkout(self._url)
            with plan(options.request(self._call.params), self._system) as session:
                return self._apply(session, stop)
        except DeployerError as error:
            self._tell_once(error.message.splitlines())
            return Round(error.exit_code)

    def _apply(self, session: Session, stop: threading.Event) -> Round:
        from deployer.cli.deploy import plan_exit_code, this_run
        from deployer.reporting.progress import PlainProgress, ResourceLines
        from deployer.usecases.apply import apply
        from deployer.usecases.watch import Round

        planned = session.planned
        found = list(planned.plan.hosts)
        hosts, lost = len({host.host for host in found}), len(planned.plan.unreachable)
        self._tell_once(_problems(planned.plan))
        if not any(host.steps and not host.refusals for host in found):
            return Round(plan_exit_code(planned.plan, detailed=False), 0, hosts + lost, lost)
        events = PlainProgress(ResourceLines([host.host for host in found]), self._tell)
        outcome = apply(session, self._system, events, stop, this_run(self._call, planned))
        changed = sum(len(host.done) for host in outcome.hosts)
        return Round(outcome.exit_code, changed, hosts + lost, lost)

    def keep(self, tally: Tally) -> None:
        """Writes the files for monitoring."""
        from deployer.usecases.watch import health, metrics

        for name, text in (("health_file", health(tally)), ("metrics", metrics(tally))):
            if self._call.params[name]:
                _write(self._call.params[name], text)

    def _tell_once(self, problems: list[str]) -> None:
        from deployer.reporting.lines import line

        for problem in problems:
            if problem not in self._told:
                self._tell(line(problem))
        self._told = set(problems)

    def _tell(self, found: Line) -> None:
        from deployer.reporting.lines import Span, Style, line

        self._call.console.tell([line(Span(f"{_now():%Y-%m-%dT%H:%M:%SZ}  ", Style.MUTED), *found.spans)])


def _problems(plan: Plan) -> list[str]:
    return [*_refused(plan), *(f"{host.host}  unreachable: {host.message}" for host in plan.unreachable)]


def _refused(plan: Plan) -> Iterator[str]:
    for refusal in plan.refusals:
        yield f"{refusal.address.host}  {refusal.address.label}: refused: {refusal.summary}"


def _write(path: str, text: str) -> None:
    """As a whole, readable for all: other programs read it."""
    from deployer.transport.local_files import LocalFiles

    LocalFiles().write(str(Path(path).absolute()), [text.encode()], mode=0o644)


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def _digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _params() -> list[click.Parameter]:
    section = "Watching"
    return [
        options.playbooks(),
        options.Option(
            ["--interval"],
            section=section,
            type=Duration(shortest=0.1),
            default=_INTERVAL,
            metavar="DURATION",
            help="Time between rounds, such as 90s; default 5m. It doubles after each failure in a row, up to an hour.",
        ),
        options.Option(
            ["--git"],
            section=section,
            default="",
            metavar="URL|DIR",
            help="Pull this repository before each round; the names of files are relative to it.",
        ),
        options.Option(
            ["--health-file"],
            section=section,
            type=click.Path(dir_okay=False),
            default="",
            metavar="FILE",
            help="Write the result of each round here, as JSON.",
        ),
        options.Option(
            ["--metrics"],
            section=section,
            type=click.Path(dir_okay=False),
            default="",
            metavar="FILE",
            help="Write metrics in the text format of Prometheus here.",
        ),
        options.Option(
            ["--rounds"], section=section, type=click.IntRange(min=1), metavar="N", help="End after so many rounds."
        ),
        *options.hosts(),
        *options.selection(),
        *options.connection(),
        *options.secrets(),
        *options.policy(),
        *(param for param in options.locking() if param.name != "retry_file"),
        *options.global_options(),
    ]


COMMAND = Command(
    "watch",
    run=_run,
    examples=EXAMPLES,
    help="Keep hosts as playbooks declare: plan and apply again and again, without confirmation, until Ctrl-C.",
    params=_params(),
    suggestion=Suggestion("keeps hosts as declared", ("daemon", "serve", "loop", "agent")),
)
