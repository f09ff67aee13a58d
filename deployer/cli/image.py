"""`deployer image copy|list`: images on hosts, without a playbook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from deployer.cli import options
from deployer.cli.command import CONTEXT, Call, Command, Group, Suggestion
from deployer.errors import ExitCode

if TYPE_CHECKING:
    from deployer.interfaces import Awaiting
    from deployer.model.outcome import PullProgress
    from deployer.reporting.lines import Line
    from deployer.usecases.images import ImageResult, Results

COPY_EXAMPLES: Final = """\
deployer image copy shop/web:3 web -i inventory
deployer image copy shop/web:3 'web:!web1' --from web1 -i inventory
deployer image copy shop/web:3 web1 --from build/web.tar -i inventory
"""
LIST_EXAMPLES: Final = "deployer image list -i inventory --limit web\n"


class Reference(click.types.StringParamType):
    """A complete reference from `redis` or `reg.example.com/web:1`."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from deployer.values import image

        try:
            found = image.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not found.path or found.digest:
            self.fail(f"'{value}' has no tag", param, ctx)
        return str(found)


def _copy(call: Call) -> int:
    from deployer.usecases.images import Copy, copy

    params = dict(call.params)
    request = options.request({**params, "limit": params["pattern"]})
    wanted = Copy(params["reference"], params["source"], params["fanout"])
    return _ended(call, "image_copy", copy(request, _system(call), wanted, _reporter(call)))


def _list(call: Call) -> int:
    from deployer.reporting.columns import table
    from deployer.reporting.human import unreachable_lines
    from deployer.reporting.json_plan import FORMAT_VERSION, unreachable_document
    from deployer.reporting.words import size
    from deployer.usecases.images import list_images

    console = call.console
    rows, lost = list_images(options.request(call.params), _system(call, console.awaiting))
    if console.json:
        found = {"images": [msgspec.to_builtins(row) for row in rows]}
        hosts = [unreachable_document(host) for host in lost]
        console.document({"format_version": FORMAT_VERSION, "type": "images", **found, "unreachable": hosts})
    else:
        cells = [(row.host, row.name, row.id, size(row.size), str(row.used or "")) for row in rows]
        console.result(table(("HOST", "IMAGE", "ID", "SIZE", "CONTAINERS"), cells, sheet=console.sheet, cut=("IMAGE",)))
        console.tell(line for host in lost for line in unreachable_lines(host))
    return ExitCode.UNREACHABLE if lost else ExitCode.OK


def _system(call: Call, awaiting: Awaiting = lambda _hosts, _left: None) -> Any:
    from deployer.usecases.system import this_system

    return this_system(call.console.learn, call.console.warn, awaiting)


def _reporter(call: Call) -> Any:
    """Writes a line for every tenth of a transfer."""
    from deployer.reporting.lines import Span, Style, line
    from deployer.reporting.progress import pulled
    from deployer.reporting.pulls import Milestones

    milestones = Milestones()

    def report(event: PullProgress) -> None:
        if not call.console.json and milestones.passed(event):
            call.console.tell([line(Span(f"{event.host}: sent {pulled(event)}", Style.MUTED))])

    return report


def _ended(call: Call, kind: str, results: Results) -> int:
    from deployer.reporting.human import unreachable_lines
    from deployer.reporting.json_plan import FORMAT_VERSION, unreachable_document

    console = call.console
    if console.json:
        document = {"format_version": FORMAT_VERSION, "type": kind}
        found = {"hosts": [msgspec.to_builtins(each) for each in results.found]}
        lost = {"unreachable": [unreachable_document(host) for host in results.unreachable]}
        console.document({**document, **found, **lost})
    else:
        console.result(text for each in results.found if not each.problem for text in _lines(each))
        console.tell(text for each in results.found if each.problem for text in _lines(each))
        console.tell(text for host in results.unreachable for text in unreachable_lines(host))
    if any(each.problem for each in results.found):
        return ExitCode.FAILED
    return ExitCode.UNREACHABLE if results.unreachable else ExitCode.OK


def _lines(found: ImageResult) -> list[Line]:
    from deployer.reporting.human import hint_lines
    from deployer.reporting.lines import Span, Style, line
    from deployer.reporting.words import size

    if found.problem:
        return [line(Span(f"{found.host}: failed: {found.problem}", Style.BAD)), *hint_lines(found.hint, "  ")]
    amount = f" {size(found.sent)} of {size(found.total)}" if found.sent else ""
    return [line(f"{found.host}: {found.done}{amount}")]


def _on_hosts() -> list[click.Parameter]:
    return options.reads_hosts()


COMMAND: Final = Group(
    name="image",
    help="Send images to hosts without a registry, and list those that are there.",
    examples=COPY_EXAMPLES + LIST_EXAMPLES,
    context_settings=dict(CONTEXT),
    commands=[
        Command(
            "copy",
            run=_copy,
            examples=COPY_EXAMPLES,
            help="Send an image to hosts over the connections to them. Layers that a host has are not sent.",
            params=[
                click.Argument(["reference"], type=Reference(), metavar="REFERENCE"),
                click.Argument(["pattern"], metavar="PATTERN"),
                *(param for param in _on_hosts() if param.name != "limit"),
                options.Option(
                    ["--from", "source"],
                    section="Source",
                    default="",
                    metavar="SOURCE",
                    help="A host of the inventory, or an archive of docker save; by default this machine's engine.",
                ),
                options.Option(
                    ["--fanout"],
                    section="Source",
                    type=click.IntRange(min=1),
                    default=4,
                    metavar="N",
                    help="Maximum number of hosts to send to in parallel; default 4.",
                ),
            ],
            suggestion=Suggestion("sends an image to hosts", ("load", "pussh", "transfer")),
        ),
        Command(
            "list",
            run=_list,
            examples=LIST_EXAMPLES,
            help="List the images of all hosts.",
            params=_on_hosts(),
            suggestion=Suggestion("lists images", ("images",)),
        ),
    ],
)
