"""`deployer port-forward`: a port of a container as a port of this machine."""

from __future__ import annotations

from contextlib import closing
from typing import Final

import click

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.errors import DeployerError, ExitCode

EXAMPLES = """\
deployer port-forward -i inventory db1 postgres 5432
deployer port-forward -i inventory web1 api 8080:80     # port 8080 here
"""
_PORTS: Final = range(1, 65536)


def _pair(_ctx: click.Context, _param: click.Parameter, given: str) -> tuple[int, int]:
    """`[LOCAL:]PORT`; LOCAL 0 takes any that is free."""
    here, colon, there = given.rpartition(":")
    local = here if colon else there
    if not (local.isdecimal() and there.isdecimal() and int(there) in _PORTS and int(local) <= max(_PORTS)):
        raise click.BadParameter(f"'{given}' does not have the form [LOCAL:]PORT")
    return int(local), int(there)


def _run(call: Call) -> int:
    from deployer.reporting.human import error_lines
    from deployer.reporting.lines import line
    from deployer.transport.forwarding import Listener
    from deployer.usecases.containers import choose, hosts_of
    from deployer.usecases.port_forward import address_of, only_one

    console, (here, there) = call.console, call.params["port"]
    with hosts_of(options.request(call.params), call.system, (call.params["name"],)) as (fleet, choice):
        row = only_one(choose(fleet, choice))
        address, host = address_of(fleet, row), fleet.host(row.host)
        with closing(host.connect(address, there)):
            """A port that does not answer is an error at once."""
        try:
            listener = Listener(call.params["address"], here)
        except OSError as error:
            raise DeployerError(f"port {here} of this machine cannot be used: {error.strerror}") from error
        with closing(listener):
            where = f"{call.params['address']}:{listener.port}"
            console.tell([line(f"{where} leads to {row.host}/{row.name} port {there}, until Ctrl-C")])
            listener.serve(
                lambda: host.connect(address_of(fleet, row), there),
                lambda error: console.tell(error_lines(error.message, error.hint)),
            )
    return ExitCode.OK


COMMAND = Command(
    "port-forward",
    run=_run,
    examples=EXAMPLES,
    help="Make a port of a container a port of this machine, published or not, until Ctrl-C.",
    params=[
        click.Argument(["pattern"], metavar="PATTERN"),
        click.Argument(["name"], metavar="CONTAINER"),
        click.Argument(["port"], metavar="[LOCAL:]PORT", callback=_pair),
        *(param for param in options.containers() if isinstance(param, click.Option)),
        options.Option(
            ["--address"], section="Port", default="127.0.0.1", show_default=True, metavar="IP", help="Listen here."
        ),
        *options.global_options(),
    ],
    suggestion=Suggestion("makes a port of a container one of this machine", ("forward", "tunnel")),
)
