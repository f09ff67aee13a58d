"""`deployer inspect`: what engines say of containers, images, networks and volumes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import click

from deployer.cli import options
from deployer.cli.command import Call, Command, Suggestion
from deployer.errors import DeployerError, ExitCode

EXAMPLES: Final = """\
deployer inspect -i inventory web api
deployer inspect -i inventory all 'shop*' --type network
deployer inspect -i inventory web api --format '{{.Host}} {{.State.Status}} {{json .Config.Env}}'
"""


def _run(call: Call) -> int:
    from deployer.reporting.human import unreachable_lines
    from deployer.reporting.inspect import masked
    from deployer.reporting.json_plan import FORMAT_VERSION, unreachable_document
    from deployer.usecases.inspect import inspect

    console, params = call.console, call.params
    if console.json and params["format"]:
        raise click.UsageError("--format has no effect with --json")
    rows, lost = inspect(options.request(params), call.system, params["names"], params["type"] or "")
    shown = [row.found if params["with_secrets"] else masked(row.found) for row in rows]
    documents = [{"Host": row.host, "Kind": row.kind, **found} for row, found in zip(rows, shown, strict=True)]
    if console.json:
        head = {"format_version": FORMAT_VERSION, "type": "inspect", "objects": documents}
        console.document({**head, "unreachable": [unreachable_document(host) for host in lost]})
    elif params["format"]:
        console.text("".join(_filled(params["format"], document) for document in documents))
    else:
        console.documents(documents)
    if not console.json:
        console.tell(line for host in lost for line in unreachable_lines(host))
    return ExitCode.UNREACHABLE if lost else ExitCode.OK


def _filled(template: str, document: Mapping[str, Any]) -> str:
    from deployer.reporting.rows import filled

    return filled("{{json .}}" if template == "json" else template, lambda path: _value(document, path)) + "\n"


def _value(document: Mapping[str, Any], path: str) -> Any:
    """`State.Status`; raises `DeployerError` for a key that is not there."""
    found: Any = document
    for part in filter(None, path.split(".")):
        if not isinstance(found, Mapping) or part not in found:
            known = ", ".join(map(str, found)) if isinstance(found, Mapping) else "none"
            raise DeployerError(f"--format: '{path}': there is no key '{part}'", hint=f"keys: {known}")
        found = found[part]
    return found


COMMAND: Final = Command(
    "inspect",
    run=_run,
    examples=EXAMPLES,
    help="Show containers, images, networks and volumes as the engines describe them, in JSON.",
    params=[
        click.Argument(["pattern"], metavar="PATTERN"),
        click.Argument(["names"], nargs=-1, required=True, metavar="NAME..."),
        *(param for param in options.reads_hosts() if param.name != "limit"),
        options.Option(
            ["--type"],
            section="Objects",
            type=click.Choice(["container", "image", "network", "volume"]),
            help="Only objects of this kind.",
        ),
        options.Option(
            ["--format"],
            section="Objects",
            default="",
            metavar="TEMPLATE",
            help="Print each object in this form, such as '{{.Host}} {{.State.Status}}' or json.",
        ),
        options.Option(
            ["--with-secrets"],
            section="Safety",
            is_flag=True,
            allow_from_autoenv=False,
            help="Do not mask what looks like a secret.",
        ),
    ],
    suggestion=Suggestion("shows what engines say of an object", ("describe", "get")),
)
