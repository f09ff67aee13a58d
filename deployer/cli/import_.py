"""`deployer import host`: write the existing resources of a host as a playbook."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from deployer.cli import options
from deployer.cli.command import CONTEXT, Call, Command, Group, Suggestion
from deployer.errors import ExitCode

if TYPE_CHECKING:
    from deployer.exporting.playbook import HostPlaybook
    from deployer.reporting.lines import Line

HOST_EXAMPLES: Final = """\
deployer import host -i inventory web1 -o web1.yml
deployer import host -i inventory web1 shop-db-1 shop-web-1
"""


def _host(call: Call) -> int:
    from deployer.usecases.import_host import import_host, is_unedited, signed
    from deployer.usecases.system import refuse_overwriting, this_system, write_private

    params, console = call.params, call.console
    options.check_force(params)
    found = import_host(
        options.request(params),
        this_system(call.console.learn, call.console.warn),
        params["host"],
        params["containers"],
        with_secrets=params["with_secrets"],
    )
    if params["out"]:
        # For its owner only: a playbook may contain unrecognised secrets.
        if not params["force"]:
            refuse_overwriting(params["out"], is_unedited)
        write_private(params["out"], signed(found.text))
    else:
        console.text(found.text, with_secrets=params["with_secrets"])
    console.tell(_lines(found, params["host"], params["out"]))
    return ExitCode.OK


def _lines(found: HostPlaybook, host: str, file: str) -> Iterator[Line]:
    """What was imported, and what was not."""
    from deployer.reporting.human import hint_lines
    from deployer.reporting.lines import Span, Style, line
    from deployer.reporting.words import plural

    counts = ", ".join(plural(number, str(kind)) for kind, number in found.counts.items() if number)
    yield line(f"Imported from {host}: {counts}{f' (in {file})' if file else ''}.")
    for project, labels in found.projects.items():
        yield line(Span(f"Left out, created by project {project}: {', '.join(labels)}", Style.WARNING))
        yield from hint_lines(f"--project {project} imports it", "  ")
    for note in found.left_out:
        yield line(Span(f"Left out: {note}", Style.WARNING))
    if found.variables:
        yield line(Span(f"Left out: {plural(len(found.variables), 'secret')}", Style.WARNING))
        yield from hint_lines("the playbook uses variables instead, and lists them", "  ")


COMMAND: Final = Group(
    name="import",
    help="Write a playbook from the existing resources of a host.",
    examples=HOST_EXAMPLES,
    context_settings=dict(CONTEXT),
    commands=[
        Command(
            "host",
            run=_host,
            examples=HOST_EXAMPLES,
            help="Write a playbook from a host's containers, networks and volumes. Applying it there changes nothing.",
            params=[
                click.Argument(["host"], metavar="HOST"),
                click.Argument(["containers"], nargs=-1, metavar="[CONTAINER]..."),
                *(param for param in options.hosts() if param.name in ("inventory", "extra_vars")),
                options.project("Only resources of this project; by default resources of no project."),
                *options.connection(),
                *options.vault(),
                options.Option(
                    ["-o", "--out"],
                    default="",
                    metavar="FILE",
                    allow_from_autoenv=False,
                    help="Write the playbook to this file.",
                ),
                options.force(),
                options.Option(
                    ["--with-secrets"],
                    is_flag=True,
                    allow_from_autoenv=False,
                    help="Write passwords and tokens in plain text instead of variables.",
                ),
                *options.global_options(),
            ],
            suggestion=Suggestion("writes a playbook from a host", ("export",)),
        ),
    ],
)
