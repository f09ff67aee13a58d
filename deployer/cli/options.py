"""Options that commands share, in Ansible's spelling where Ansible has one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from deployer.cli.types import Duration, Verbatim

if TYPE_CHECKING:
    from deployer.applying.locking import Run
    from deployer.usecases.load import Request

FORKS: Final = 50
"""Maximum number of hosts to process in parallel."""

_VOLUME = re.compile(r"[^/]+/volume\..+\Z")

_ONE_DOCUMENT: Final = "Print one JSON document."


class Option(click.Option):
    """`section` is its heading in the help. The parameter is named after the long option: `--vault-id` is `vault_id`,
    and DEPLOYER_VAULT_ID in the environment."""

    def __init__(self, names: list[str], *, section: str = "Output", **given: Any) -> None:
        super().__init__(names, **given)
        self.section = section


def global_options() -> list[click.Parameter]:
    """Accepted before and after the subcommand."""
    return [
        Option(["-v", "--verbose"], count=True, help="Show fields of new resources, and the steps of every change."),
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
    return click.Argument(["playbooks"], nargs=-1, required=True, type=click.Path(), metavar="PLAYBOOK...")


def hosts() -> list[click.Parameter]:
    """Which hosts, and how many in parallel."""
    section = "Hosts and variables"
    return [
        Option(
            ["-i", "--inventory"],
            section=section,
            type=click.Path(),
            multiple=True,
            metavar="SOURCE",
            help="Inventory file, directory, script or 'host1,host2,'. Repeatable.",
        ),
        Option(["-l", "--limit"], section=section, default="", metavar="PATTERN", help="Only these hosts."),
        Option(
            ["-e", "--extra-vars"],
            section=section,
            type=Verbatim(),
            multiple=True,
            metavar="VARS",
            help="Variables: 'name=value', JSON, YAML or @FILE. Repeatable.",
        ),
        Option(
            ["-f", "--forks"],
            section=section,
            type=click.IntRange(min=1),
            default=FORKS,
            show_default=True,
            help="Maximum number of hosts to process in parallel.",
        ),
    ]


def containers(
    taken: Collection[str] = (), names: str = "[CONTAINER]...", *, required: bool = False
) -> list[click.Parameter]:
    """Which containers of which hosts, of commands for the time after a deployment. `taken`: short options that the
    command has for itself."""
    section = "Hosts and variables"
    shared = [param for param in hosts() if param.name != "limit"]
    for param in shared:
        param.opts = [name for name in param.opts if name not in taken]
    return [
        click.Argument(["pattern"], metavar="PATTERN"),
        click.Argument(["names"], nargs=-1, metavar=names, required=required),
        *shared,
        project("Only containers of this project."),
        Option(
            ["--playbook"],
            section=section,
            multiple=True,
            metavar="FILE",
            help="Only containers that this playbook declares. Repeatable.",
        ),
        *connection(),
        *secrets(),
    ]


def selection() -> list[click.Parameter]:
    """Which resources of the playbooks, and under which project."""
    section = "Hosts and variables"
    return [
        Option(
            ["-t", "--tags"], section=section, multiple=True, metavar="TAGS", help="Only resources with these tags."
        ),
        Option(["--skip-tags"], section=section, multiple=True, metavar="TAGS", help="No resources with these tags."),
        project("Use this project name."),
        Option(
            ["--policy"],
            section=section,
            multiple=True,
            metavar="FILE",
            help="A file with a policy that all plays must comply with. Repeatable.",
        ),
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
            type=click.Path(),
            default="",
            metavar="FILE",
            help="SSH key to log in with.",
        ),
        Option(
            ["--connect-timeout"],
            section=section,
            type=click.FloatRange(min=0, min_open=True),
            metavar="SECONDS",
            help="Seconds to wait for a connection.",
        ),
        Option(
            ["-K", "--ask-become-pass"],
            section=section,
            is_flag=True,
            help="Ask for the password of sudo, for hosts with become and no become_password.",
        ),
    ]


def vault() -> list[click.Parameter]:
    section = "Vault"
    return [
        Option(
            ["--vault-password-file"],
            section=section,
            type=click.Path(),
            multiple=True,
            metavar="FILE",
            help="File or program that provides a vault password. Repeatable.",
        ),
        Option(
            ["--vault-id"],
            section=section,
            multiple=True,
            metavar="LABEL@SOURCE",
            help="Vault password with a label; the source is a file, a program or 'prompt'. Repeatable.",
        ),
        Option(["-J", "--ask-vault-pass"], section=section, is_flag=True, help="Ask for the vault password."),
    ]


def secrets() -> list[click.Parameter]:
    """Where values come from that are not in plain files."""
    allowed = Option(
        ["--allow-commands"],
        section="Vault",
        is_flag=True,
        allow_from_autoenv=False,
        help="Let lookup('pipe', …) and lookup('command', …) run programs on this machine.",
    )
    return [*vault(), allowed]


def policy() -> list[click.Parameter]:
    """What a run may do beyond the default; never read from the environment."""
    single = partial(Option, section="Safety", allow_from_autoenv=False)
    repeated = partial(single, multiple=True)
    volumes = partial(repeated, callback=_volumes, metavar="HOST/volume.NAME")
    return [
        single(
            ["--prune"],
            is_flag=True,
            help="Also remove resources of the project that these playbooks do not declare, including those that other "
            "playbook files declare; volumes are kept.",
        ),
        repeated(
            ["--prune-host"],
            metavar="HOST",
            help="Remove the project's resources on a host that left the plays; volumes are kept. Repeatable.",
        ),
        volumes(["--remove-volume"], help="With --prune: remove this volume and its data. Repeatable."),
        single(
            ["--adopt"],
            is_flag=True,
            help="Take over containers that have a declared name but belong to no project.",
        ),
        volumes(["--allow-data-loss"], help="Allow the removal of this volume and its data. Repeatable."),
    ]


def yes() -> click.Parameter:
    return Option(["-y", "--yes"], section="Safety", is_flag=True, help="Do not ask for confirmation.")


MANY: Final = 4
"""From this number on, removals of undeclared resources that outnumber the declared ones require `--yes-remove`."""


def yes_remove() -> click.Parameter:
    return Option(
        ["--yes-remove"],
        section="Safety",
        type=click.IntRange(min=1),
        allow_from_autoenv=False,
        metavar="N",
        help="Confirm up to N removals, as the plan counts them. Required without a terminal when "
        f"{MANY} or more of them are of resources that the playbooks do not declare, and these outnumber the declared "
        "ones; --yes does not confirm it.",
    )


def force(*outputs: str) -> click.Parameter:
    """`outputs`: the options that it belongs to."""
    return Option(
        ["--force"],
        is_flag=True,
        allow_from_autoenv=False,
        help=f"With {' or '.join(outputs or ('--out',))}: overwrite a file that has other content.",
    )


def check_force(params: Mapping[str, Any]) -> None:
    """Raises `UsageError` for --force without a file."""
    outputs = [name for name in ("out", "html") if name in params]
    if params["force"] and not any(params[name] for name in outputs):
        raise click.UsageError(f"--force requires {' or '.join(f'--{name}' for name in outputs)}")


def out() -> click.Parameter:
    return Option(
        ["-o", "--out"],
        default="",
        type=click.Path(),
        metavar="FILE",
        allow_from_autoenv=False,
        help="Save the plan; 'apply FILE' applies exactly this plan.",
    )


def diff() -> click.Parameter:
    return Option(["-D", "--diff"], is_flag=True, help="For compatibility with Ansible: differences are always shown.")


def detailed_exitcode() -> click.Parameter:
    return Option(["--detailed-exitcode"], is_flag=True, help="Exit with 2 if the plan has changes.")


def locking() -> list[click.Parameter]:
    """Behaviour towards other runs on the same hosts."""
    section = "Other runs"
    return [
        Option(
            ["--lock-wait"],
            section=section,
            type=Duration(),
            default=0.0,
            metavar="DURATION",
            help="How long to wait for hosts locked by another run, such as 5m.",
        ),
        Option(
            ["--lock-lease"],
            section=section,
            type=Duration(),
            default=60.0,
            metavar="DURATION",
            help="Locks of this run expire after this time without renewal. [default: 60s]",
        ),
        Option(
            ["--no-lock"],
            section=section,
            is_flag=True,
            allow_from_autoenv=False,
            help="Take no locks, and ignore the locks of other runs. For emergencies.",
        ),
        Option(
            ["--retry-file"],
            section=section,
            default="",
            metavar="FILE",
            help="File that lists unfinished hosts, for --limit @FILE. By default in the state directory.",
        ),
    ]


def this_run(params: Mapping[str, Any], command: str) -> Run:
    """A command of `locking()`, as shown to other runs."""
    from datetime import UTC, datetime

    from deployer.applying.locking import Run
    from deployer.usecases.system import operator

    return Run(
        who=operator(),
        command=command,
        now=lambda: datetime.now(UTC),
        wait=params["lock_wait"],
        lease=params["lock_lease"],
        lock=not params["no_lock"],
    )


def deploying() -> list[click.Parameter]:
    """All options of a command that changes hosts."""
    return [
        playbooks(),
        *hosts(),
        *selection(),
        *connection(),
        *secrets(),
        Option(["-C", "--check"], section="Safety", is_flag=True, help="Only show the plan."),
        yes(),
        *policy(),
        yes_remove(),
        *locking(),
        json_option("Print one JSON event per line."),
        detailed_exitcode(),
        diff(),
        *global_options(),
    ]


def refused(params: Iterable[click.Parameter], reasons: Mapping[str, str]) -> list[click.Parameter]:
    """The same options, without those that a command refuses; giving one of these is an error with its reason. Reasons
    are by the name of the parameter."""
    found = list(params)
    for param in found:
        if param.name in reasons and isinstance(param, Option):
            param.hidden, param.callback = True, partial(_refuse, reasons[param.name])
    return found


def _refuse(reason: str, ctx: click.Context, param: click.Parameter, given: object) -> object:
    if given and not ctx.resilient_parsing:
        raise click.UsageError(f"{param.opts[-1]} is not accepted by '{ctx.info_name}': {reason}", ctx)
    return given


def request(params: Mapping[str, Any]) -> Request:
    """The request that a command's options describe."""

    from deployer.usecases.load import Request

    given = dict(params)
    given["tags"] = _split(given.get("tags", ()))
    given["skip_tags"] = _split(given.get("skip_tags", ()))
    given["remove_volumes"] = given.get("remove_volume", ())
    given["prune_hosts"] = given.get("prune_host", ())
    given["playbooks"] = given.get("playbooks") or given.get("playbook", ())
    given["vault_ids"] = given.get("vault_id", ())
    given["vault_password_files"] = given.get("vault_password_file", ())
    return Request(**{name: value for name, value in given.items() if name in Request.__struct_fields__})


def given(request: Request) -> dict[str, Any]:
    """The parameters of this request, those that a saved plan keeps."""
    from msgspec.structs import asdict

    from deployer.usecases.planfile import NOT_KEPT

    renamed = {"prune_hosts": "prune_host", "remove_volumes": "remove_volume"}
    renamed |= {"vault_ids": "vault_id", "vault_password_files": "vault_password_file"}
    found = {renamed.get(name, name): value for name, value in asdict(request).items()}
    return {name: value for name, value in found.items() if name not in NOT_KEPT}


def _split(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(tag.strip() for text in given for tag in text.split(",") if tag.strip())


def _volumes(_ctx: click.Context, _param: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    for text in given:
        if not _VOLUME.match(text):
            raise click.BadParameter(f"'{text}' does not have the form HOST/volume.NAME")
    return given


def reads_playbooks() -> list[click.Parameter]:
    """Of commands that read playbooks and change nothing."""
    return [
        playbooks(),
        *hosts(),
        *selection(),
        *connection(),
        *secrets(),
        json_option(_ONE_DOCUMENT),
        *global_options(),
    ]


def reads_hosts(only: str = "") -> list[click.Parameter]:
    """Of commands that read hosts without a playbook. `only`: the help of --project, "" for commands without it."""
    of_project = [project(only)] if only else []
    return [*hosts(), *of_project, *connection(), *secrets(), json_option(_ONE_DOCUMENT), *global_options()]
