"""`deployer import`: write what exists on a host, or a Compose project, as a playbook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import click

from deployer.cli import options
from deployer.cli.command import CONTEXT, Call, Command, Group, Suggestion
from deployer.errors import ExitCode

if TYPE_CHECKING:
    from deployer.exporting.compose.playbook import ComposePlaybook
    from deployer.exporting.playbook import HostPlaybook
    from deployer.reporting.lines import Line

HOST_EXAMPLES: Final = """\
deployer import host -i inventory web1 -o web1.yml
deployer import host -i inventory web1 shop-db-1 shop-web-1
"""
COMPOSE_EXAMPLES: Final = """\
deployer import compose compose.yml -o shop.yml
deployer import compose compose.yml compose.prod.yml --profile debug --hosts web
deployer import compose deploy/compose.yml --project-directory .
docker compose config | deployer import compose - -o shop.yml
"""


def _host(call: Call) -> int:
    from deployer.usecases.import_host import import_host
    from deployer.usecases.system import this_system

    params, console = call.params, call.console
    options.check_force(params)
    found = import_host(
        options.request(params),
        this_system(call.console.learn, call.console.warn),
        params["host"],
        params["containers"],
        with_secrets=params["with_secrets"],
    )
    _write(call, {params["out"]: found.text})
    console.tell(_lines(found, params["host"], params["out"]))
    return ExitCode.OK


def _write(call: Call, texts: Mapping[str, str]) -> None:
    """Files for their owner only: a playbook may contain unrecognised secrets. Without a name, the text is printed."""
    from deployer.usecases.import_host import is_unedited, signed
    from deployer.usecases.system import refuse_overwriting, write_private

    for name in texts:
        if name and not call.params["force"]:
            refuse_overwriting(name, is_unedited)
    for name, text in texts.items():
        if name:
            write_private(name, signed(text))
        else:
            call.console.text(text, with_secrets=call.params["with_secrets"])


def _compose(call: Call) -> int:
    import os

    from deployer.config.compose.wanted import Wanted
    from deployer.exporting.compose.playbook import secrets_file
    from deployer.usecases.import_compose import import_compose
    from deployer.usecases.system import this_system

    params, console = call.params, call.console
    options.check_force(params)
    wanted = Wanted(
        files=params["files"],
        project_name=params["project_name"],
        project_directory=params["project_directory"],
        profiles=params["profile"],
        env_files=params["env_file"],
        environ=os.environ,
    )
    found = import_compose(
        wanted,
        this_system(console.learn, console.warn),
        hosts=params["hosts"],
        file=params["out"],
        with_secrets=params["with_secrets"],
    )
    beside = secrets_file(params["out"]) if found.secrets else ""
    _write(call, {params["out"]: found.text} | ({beside: found.secrets} if beside else {}))
    console.tell(_compose_lines(found, params["out"], beside))
    return ExitCode.OK


def _compose_lines(found: ComposePlaybook, file: str, secrets: str) -> Iterator[Line]:
    """What was imported, and where its secrets are."""
    from deployer.reporting.human import hint_lines
    from deployer.reporting.lines import line
    from deployer.reporting.words import plural

    counts = ", ".join(plural(number, str(kind)) for kind, number in found.counts.items() if number)
    left_out = f"; {plural(len(found.left_out), 'key')} left out" if found.left_out else ""
    yield line(f"Imported: {counts}{f' (in {file})' if file else ''}{left_out}.")
    if found.variables:
        where = f"in {secrets}" if secrets else "left out"
        yield line(f"{plural(len(found.variables), 'secret')} {where}.")
        encrypt = f"deployer vault encrypt {secrets} encrypts the file; deployer reads it"
        yield from hint_lines(encrypt if secrets else "the playbook uses variables instead, and lists them", "  ")


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


def _out() -> list[click.Parameter]:
    return [
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
    ]


COMMAND: Final = Group(
    name="import",
    help="Write a playbook from the resources of a host, or from a Compose project.",
    examples=HOST_EXAMPLES + COMPOSE_EXAMPLES,
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
                *options.secrets(),
                *_out(),
                *options.global_options(),
            ],
            suggestion=Suggestion("writes a playbook from a host", ("export",)),
        ),
        Command(
            "compose",
            run=_compose,
            examples=COMPOSE_EXAMPLES,
            help="Write a playbook from a Compose project. Names stay as they are, so what Compose started is kept.",
            params=[
                click.Argument(["files"], nargs=-1, metavar="[FILE]..."),
                options.Option(
                    ["--project-name"],
                    default="",
                    metavar="NAME",
                    section="Compose",
                    help="Name of the project; default: as in Compose, the folder's name.",
                ),
                options.Option(
                    ["--project-directory"],
                    default="",
                    metavar="DIR",
                    section="Compose",
                    help="Folder from which names of files count; default: that of the first file.",
                ),
                options.Option(
                    ["--profile"],
                    multiple=True,
                    metavar="NAME",
                    section="Compose",
                    help="Include services of this profile; '*' includes all. Repeatable.",
                ),
                options.Option(
                    ["--env-file"],
                    multiple=True,
                    metavar="FILE",
                    section="Compose",
                    help="Read variables from this file instead of .env. Repeatable.",
                ),
                options.Option(
                    ["--hosts"],
                    default="all",
                    show_default=True,
                    metavar="PATTERN",
                    section="Compose",
                    help="The hosts of the play.",
                ),
                *_out(),
                *options.global_options(),
            ],
            suggestion=Suggestion("writes a playbook from a Compose project", ("convert", "docker-compose")),
        ),
    ],
)
