"""`deployer image`: images built, sent to hosts, listed, and pinned to digests."""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from deployer.cli import options
from deployer.cli.command import CONTEXT, Call, Command, Group, Suggestion
from deployer.cli.image_results import ended, watched
from deployer.cli.lists import IMAGE_LIST
from deployer.errors import ExitCode

if TYPE_CHECKING:
    from deployer.interfaces import Awaiting
    from deployer.usecases.image_lock import Locked
    from deployer.usecases.load import Request

COPY_EXAMPLES: Final = """\
deployer image copy shop/web:3 web -i inventory
deployer image copy shop/web:3 'web:!web1' --from web1 -i inventory
deployer image copy shop/web:3 web1 --from build/web.tar -i inventory
"""
BUILD_EXAMPLES: Final = "deployer image build -i inventory playbooks/shop.yml\n"
PULL_EXAMPLES: Final = "deployer image pull shop/web:3 web -i inventory\n"
PUSH_EXAMPLES: Final = "deployer image push reg.example.com/shop/web:3 web1 -i inventory\n"
TAG_EXAMPLES: Final = "deployer image tag shop/web:3 shop/web:stable web -i inventory\n"
REMOVE_EXAMPLES: Final = "deployer image remove shop/web:2 web -i inventory\n"
LOCK_EXAMPLES: Final = """\
deployer image lock -i inventory playbooks/shop.yml
deployer image lock -i inventory playbooks/shop.yml --update nginx
"""
OUTDATED_EXAMPLES: Final = "deployer image outdated -i inventory playbooks/shop.yml\n"


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

    params = call.params
    wanted = Copy(params["reference"], params["source"], params["fanout"])
    return watched(call, "sent", "image_copy", lambda watch: copy(_request(call), _system(call), wanted, watch))


def _pull(call: Call) -> int:
    from deployer.usecases.images import pull

    wanted, platform = call.params["reference"], call.params["platform"]
    return watched(
        call, "pulled", "image_pull", lambda watch: pull(_request(call), _system(call), wanted, platform, watch)
    )


def _push(call: Call) -> int:
    from deployer.usecases.images import push

    return ended(call, "image_push", push(_request(call), _system(call), call.params["reference"]))


def _tag(call: Call) -> int:
    from deployer.usecases.images import tag

    params = call.params
    return ended(call, "image_tag", tag(_request(call), _system(call), params["reference"], params["target"]))


def _remove(call: Call) -> int:
    """Raises `RefusedError` without confirmation."""
    from deployer.usecases.images import remove
    from deployer.values import image

    name, pattern = image.familiar(call.params["reference"]), call.params["pattern"]
    hint = "add --yes to remove it without confirmation"
    call.confirm(f"Remove {name} from {pattern}?", action="the removal", done="removed", hint=hint)
    return ended(call, "image_remove", remove(_request(call), _system(call), call.params["reference"]))


def _request(call: Call) -> Request:
    return options.request({**call.params, "limit": call.params["pattern"]})


def _build(call: Call) -> int:
    from deployer.cli.deploy import deploy
    from deployer.usecases.plan import build_images

    return deploy(call, build_images, "Build these images?")


_ONLY_BUILDS: Final = "only images are built"
_REFUSED: Final = dict.fromkeys(("prune", "prune_host", "remove_volume", "adopt", "allow_data_loss"), _ONLY_BUILDS)


def _lock(call: Call) -> int:
    from datetime import UTC, datetime

    from deployer.reporting.columns import table
    from deployer.reporting.lines import line
    from deployer.usecases.image_lock import lock
    from deployer.values import image

    console, given = call.console, call.params["update"]
    update = None if not given else tuple(filter(None, given))
    insecure, request = call.params["insecure_registry"], options.request(call.params)
    path, found = lock(request, _system(call), update, datetime.now(UTC), insecure)
    if console.json:
        _document(call, "image_lock", {"file": path, "images": [msgspec.to_builtins(each) for each in found]})
    else:
        cells = [
            (image.familiar(each.reference), _short(each.pin.digest) if each.pin else "", _change(each))
            for each in found
        ]
        console.result(table(("IMAGE", "DIGEST", "CHANGE"), cells, sheet=console.sheet, cut=("CHANGE",)))
        console.tell([line(f"{path} has {sum(each.pin is not None for each in found)} of {len(found)} images.")])
    return ExitCode.FAILED if any(each.problem for each in found) else ExitCode.OK


def _change(found: Locked) -> str:
    if found.problem or found.pin is None:
        return f"not updated: {found.problem}"
    where = f", tag {found.pin.tag}" if found.pin.tag else ""
    if found.before is None:
        return f"new{where}"
    same = found.before.digest == found.pin.digest
    return "" if same else f"was {_short(found.before.digest)}{where}"


def _outdated(call: Call) -> int:
    from deployer.reporting.columns import table
    from deployer.usecases.image_lock import outdated
    from deployer.values import image

    console = call.console
    found = outdated(options.request(call.params), _system(call), call.params["insecure_registry"])
    if console.json:
        _document(call, "images_outdated", {"images": [msgspec.to_builtins(each) for each in found]})
    else:
        cells = [
            (
                image.familiar(each.reference),
                _short(each.pinned),
                each.problem or ("" if each.current == each.pinned else _short(each.current)),
                each.newer,
            )
            for each in found
        ]
        header = ("IMAGE", "LOCKED", "TAG IS NOW", "NEWER TAG")
        console.result(table(header, cells, sheet=console.sheet, cut=("TAG IS NOW",)))
    return ExitCode.FAILED if any(each.problem for each in found) else ExitCode.OK


def _insecure() -> options.Option:
    return options.Option(
        ["--insecure-registry"],
        section="Source",
        multiple=True,
        metavar="REGISTRY",
        help="Do not check the certificate of this registry, and ask it without TLS if it has none. Repeatable.",
    )


def _short(digest: str) -> str:
    return digest[:19]


def _document(call: Call, kind: str, found: dict[str, Any]) -> None:
    from deployer.reporting.json_plan import FORMAT_VERSION

    call.console.document({"format_version": FORMAT_VERSION, "type": kind, **found})


def _system(call: Call, awaiting: Awaiting = lambda _hosts, _left: None) -> Any:
    from deployer.usecases.system import this_system

    return this_system(call.console.learn, call.console.warn, awaiting)


_WITH_FANOUT: Final = ("limit", "forks")


def _on_hosts(*arguments: click.Parameter, without: Container[str | None] = ("limit",)) -> list[click.Parameter]:
    """Of commands on one image and a pattern of hosts. `without`: options that have no effect on them."""
    image = click.Argument(["reference"], type=Reference(), metavar="REFERENCE")
    pattern = click.Argument(["pattern"], metavar="PATTERN")
    return [image, *arguments, pattern, *(param for param in options.reads_hosts() if param.name not in without)]


COMMAND: Final = Group(
    name="image",
    help="Build, send, pull, push, tag, remove, list and pin images.",
    examples=BUILD_EXAMPLES + COPY_EXAMPLES + LOCK_EXAMPLES,
    context_settings=dict(CONTEXT),
    commands=[
        Command(
            "build",
            run=_build,
            examples=BUILD_EXAMPLES,
            help="Build the images of playbooks where something in them changed; containers stay as they are.",
            params=options.refused(options.deploying(), _REFUSED),
            suggestion=Suggestion("builds images", ("buildx", "bake")),
        ),
        Command(
            "copy",
            run=_copy,
            examples=COPY_EXAMPLES,
            help="Send an image to hosts over the connections to them. Layers that a host has are not sent.",
            params=[
                *_on_hosts(without=_WITH_FANOUT),
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
                    help="Maximum number of hosts that this machine sends to in parallel; default 4.",
                ),
            ],
            suggestion=Suggestion("sends an image to hosts", ("load", "pussh", "transfer")),
        ),
        Command(
            "pull",
            run=_pull,
            examples=PULL_EXAMPLES,
            help="Pull an image on hosts, with the credentials of this machine.",
            params=[
                *_on_hosts(),
                options.Option(
                    ["--platform"], section="Source", default="", metavar="OS/ARCH", help="Platform of the image."
                ),
            ],
            suggestion=Suggestion("pulls an image"),
        ),
        Command(
            "push",
            run=_push,
            examples=PUSH_EXAMPLES,
            help="Push an image from hosts to its registry, with the credentials of this machine.",
            params=_on_hosts(without=_WITH_FANOUT),
            suggestion=Suggestion("pushes an image", ("push",)),
        ),
        Command(
            "tag",
            run=_tag,
            examples=TAG_EXAMPLES,
            help="Give an image another name on hosts.",
            params=_on_hosts(click.Argument(["target"], type=Reference(), metavar="TARGET")),
            suggestion=Suggestion("gives an image another name"),
        ),
        Command(
            "remove",
            run=_remove,
            examples=REMOVE_EXAMPLES,
            help="Remove an image from hosts. One that containers use stays.",
            params=[*_on_hosts(), options.yes()],
            suggestion=Suggestion("removes an image", ("rmi",), removes=True),
        ),
        Command(
            "lock",
            run=_lock,
            examples=LOCK_EXAMPLES,
            help="Write images.lock beside the playbooks: the digests of their images, which runs use from then on.",
            params=[
                *options.reads_playbooks(),
                options.Option(
                    ["--update"],
                    section="Source",
                    multiple=True,
                    is_flag=False,
                    flag_value="",
                    metavar="[NAME]",
                    help="Look up images that are locked already too: all, or the one named. Repeatable.",
                ),
                _insecure(),
            ],
            suggestion=Suggestion("pins images to digests", ("pin", "freeze")),
        ),
        Command(
            "outdated",
            run=_outdated,
            examples=OUTDATED_EXAMPLES,
            help="Show which images of playbooks have a newer version in their registries.",
            params=[*options.reads_playbooks(), _insecure()],
            suggestion=Suggestion("shows newer versions of images"),
        ),
        IMAGE_LIST,
    ],
)
