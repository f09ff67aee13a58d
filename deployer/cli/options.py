"""Options that commands share, in Ansible's spelling where Ansible has one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from deployer.usecases.load import Request

FORKS: Final = 50
"""Hosts worked on at a time."""

_VOLUME = re.compile(r"[^/]+/volume\..+\Z")


class Option(click.Option):
    """`section` is the heading it stands under in the help. A name that is long in Python is short here: `--vault-id`
    is `vault_id`, also in the environment: DEPLOYER_VAULT_ID."""

    def __init__(self, names: list[str], *, section: str = "Output", **given: Any) -> None:
        super().__init__(names, **given)
        self.section = section


class _Verbatim(click.types.StringParamType):
    """Text that an environment variable holds one of, blanks and all."""

    def split_envvar_value(self, rv: str) -> list[str]:
        return [rv]


def global_options() -> list[click.Parameter]:
    """Taken before the subcommand and after it."""
    return [
        Option(["-v", "--verbose"], count=True, help="Show the steps of every change."),
        Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            help="Use colours; auto: on a terminal, unless NO_COLOR is set.",
        ),
        Option(["--debug"], is_flag=True, help="Show where an error came from."),
    ]


def json_option(what: str) -> click.Parameter:
    return Option(["--json"], is_flag=True, help=what)


def playbooks() -> click.Parameter:
    return click.Argument(["playbooks"], nargs=-1, required=True, metavar="PLAYBOOK...")


def hosts() -> list[click.Parameter]:
    """Which hosts, and how many at a time."""
    section = "Hosts and variables"
    return [
        Option(
            ["-i", "--inventory"],
            section=section,
            multiple=True,
            metavar="SOURCE",
            help="Inventory file, directory, script or 'host1,host2,'. May be repeated.",
        ),
        Option(["-l", "--limit"], section=section, default="", metavar="PATTERN", help="Only these hosts."),
        Option(
            ["-e", "--extra-vars"],
            section=section,
            type=_Verbatim(),
            multiple=True,
            metavar="VARS",
            help="Variables: 'name=value', JSON, YAML or @FILE. May be repeated.",
        ),
        Option(
            ["-f", "--forks"],
            section=section,
            type=click.IntRange(min=1),
            default=FORKS,
            show_default=True,
            help="Hosts worked on at a time.",
        ),
    ]


def selection() -> list[click.Parameter]:
    """Which resources of the playbooks, and under which project."""
    section = "Hosts and variables"
    return [
        Option(["-t", "--tags"], section=section, multiple=True, metavar="TAGS", help="Only resources so tagged."),
        Option(["--skip-tags"], section=section, multiple=True, metavar="TAGS", help="No resources so tagged."),
        project("Use this project name."),
    ]


def project(what: str) -> click.Parameter:
    return Option(["--project"], section="Hosts and variables", default="", metavar="NAME", help=what)


def connection() -> list[click.Parameter]:
    section = "Connection"
    return [
        Option(["-u", "--user"], section=section, default="", metavar="NAME", help="Log in as this user."),
        Option(
            ["--private-key"],
            section=section,
            default="",
            metavar="FILE",
            help="SSH key to log in with.",
        ),
        Option(
            ["--connect-timeout"],
            section=section,
            type=click.FloatRange(min=0, min_open=True),
            metavar="SECONDS",
            help="Wait no longer for a connection.",
        ),
    ]


def vault() -> list[click.Parameter]:
    section = "Vault"
    return [
        Option(
            ["--vault-password-file"],
            section=section,
            multiple=True,
            metavar="FILE",
            help="File or program that gives a vault password. May be repeated.",
        ),
        Option(
            ["--vault-id"],
            section=section,
            multiple=True,
            metavar="LABEL@SOURCE",
            help="Vault password with a label; the source is a file, a program or 'prompt'.",
        ),
        Option(["-J", "--ask-vault-pass"], section=section, is_flag=True, help="Ask for the vault password."),
    ]


def policy() -> list[click.Parameter]:
    """What a run may do beyond the usual; never taken from the environment."""
    section = "Safety"
    return [
        Option(
            ["--prune"],
            section=section,
            is_flag=True,
            allow_from_autoenv=False,
            help="Remove what the project made and nothing declares any more; volumes are kept.",
        ),
        Option(
            ["--prune-host"],
            section=section,
            multiple=True,
            allow_from_autoenv=False,
            metavar="HOST",
            help="Remove what the project made on a host that left the plays; volumes are kept. May be repeated.",
        ),
        Option(
            ["--remove-volume"],
            section=section,
            multiple=True,
            allow_from_autoenv=False,
            callback=_volumes,
            metavar="HOST/volume.NAME",
            help="With --prune: remove this volume and its data. May be repeated.",
        ),
        Option(
            ["--adopt"],
            section=section,
            is_flag=True,
            allow_from_autoenv=False,
            help="Replace containers that bear a declared name but are not ours.",
        ),
        Option(
            ["--allow-data-loss"],
            section=section,
            multiple=True,
            allow_from_autoenv=False,
            callback=_volumes,
            metavar="HOST/volume.NAME",
            help="Allow this volume to be removed with its data. May be repeated.",
        ),
    ]


def yes() -> click.Parameter:
    return Option(["-y", "--yes"], section="Safety", is_flag=True, help="Do not ask.")


def out() -> click.Parameter:
    return Option(
        ["-o", "--out"],
        default="",
        metavar="FILE",
        allow_from_autoenv=False,
        help="Save the plan, to apply exactly it later with 'apply FILE'.",
    )


def diff() -> click.Parameter:
    return Option(["-D", "--diff"], is_flag=True, help="For hands used to Ansible: differences are always shown.")


def detailed_exitcode() -> click.Parameter:
    return Option(["--detailed-exitcode"], is_flag=True, help="Exit with 2 when a plan has something to change.")


class Duration(click.types.FloatParamType):
    """`90`, `5m`, `1h30m`; the value is in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        from deployer.values import duration

        if isinstance(value, int | float):
            return float(value)
        try:
            return duration.parse(value) / duration.SECOND
        except ValueError as error:
            self.fail(str(error), param, ctx)


def locking() -> list[click.Parameter]:
    """How a run stands to others that work on the same hosts."""
    section = "Other runs"
    return [
        Option(
            ["--lock-wait"],
            section=section,
            type=Duration(),
            default=0.0,
            metavar="DURATION",
            help="Wait so long for hosts that another run has locked, e.g. 5m.",
        ),
        Option(
            ["--lock-lease"],
            section=section,
            type=Duration(),
            default=60.0,
            metavar="DURATION",
            help="Free this run's locks when it has not been heard of for so long. [default: 60s]",
        ),
        Option(
            ["--no-lock"],
            section=section,
            is_flag=True,
            allow_from_autoenv=False,
            help="Lock no host, and heed no lock. For emergencies.",
        ),
        Option(
            ["--retry-file"],
            section=section,
            default="",
            metavar="FILE",
            help="Where to list unfinished hosts for --limit @FILE. [default: PLAYBOOK.retry]",
        ),
    ]


def deploying() -> list[click.Parameter]:
    """Everything a command that changes hosts takes."""
    return [
        playbooks(),
        *hosts(),
        *selection(),
        *connection(),
        *vault(),
        Option(["-C", "--check"], section="Safety", is_flag=True, help="Only show the plan."),
        yes(),
        *policy(),
        *locking(),
        json_option("Print one JSON event a line."),
        detailed_exitcode(),
        diff(),
        *global_options(),
    ]


def request(params: Mapping[str, Any]) -> Request:
    """The plain request behind a command's options."""
    from dataclasses import fields

    from deployer.usecases.load import Request

    given = dict(params)
    given["tags"] = _split(given.get("tags", ()))
    given["skip_tags"] = _split(given.get("skip_tags", ()))
    given["allow_data_loss"] = (*given.get("allow_data_loss", ()), *given.get("remove_volume", ()))
    given["prune_hosts"] = given.get("prune_host", ())
    given["vault_ids"] = given.get("vault_id", ())
    given["vault_password_files"] = given.get("vault_password_file", ())
    names = {field.name for field in fields(Request)}
    return Request(**{name: value for name, value in given.items() if name in names})


def _split(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(tag.strip() for text in given for tag in text.split(",") if tag.strip())


def _volumes(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    for text in given:
        if not _VOLUME.match(text):
            raise click.BadParameter(f"'{text}' is not of the form web1/volume.NAME")
    return given
