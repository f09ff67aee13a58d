"""Names on the command line must exist in the input."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from deployer.config.inventory.types import Inventory
from deployer.diagnostics import Missing, Origin, Problems, did_you_mean
from deployer.model.desired import AnyResource, Desired
from deployer.model.kinds import KINDS
from deployer.model.settings import CONTROLLER, EACH, ContainerSettings, FromImage, ImageSettings

if TYPE_CHECKING:
    from deployer.usecases.load import Request

_CONTAINER: Final = Origin("CONTAINER")


def check_volumes(request: Request, hosts: Collection[str], inventory: Inventory, problems: Problems) -> None:
    """A volume must be on a host of the run."""
    given = {"--allow-data-loss": request.allow_data_loss, "--remove-volume": request.remove_volumes}
    for option, texts in given.items():
        for text in texts:
            host = text.partition("/")[0]
            if host not in hosts:
                outside = host in inventory.hosts
                summary = f"'{text}': {'this run leaves out host' if outside else 'there is no host'} '{host}'"
                hint = "" if outside else did_you_mean(host, hosts)
                problems.add(Origin(option), summary, hint=hint, missing=Missing.HOST)


def check_containers(names: Sequence[str], wishes: Iterable[Desired], problems: Problems) -> None:
    known = {found.name for wish in wishes for found in wish.of(ContainerSettings) if not found.absent}
    for name in sorted(set(names) - known):
        hint = did_you_mean(name, known) or f"declared: {', '.join(sorted(known)) or 'no containers'}"
        problems.add(_CONTAINER, f"no container '{name}' is declared on these hosts", hint=hint)


def image_hosts(wish: Desired) -> Iterator[tuple[AnyResource, tuple[str, ...], str]]:
    """The hosts that send or build images for others: what declares it, under which key, and the name."""
    for image in wish.of(ImageSettings):
        yield image, ("source",), image.settings.source
    for found in wish.of(FromImage):
        if found.settings.build is not None:
            yield found, ("build", "on"), found.settings.build.on


def check_image_hosts(wishes: Iterable[Desired], hosts: Collection[str], problems: Problems) -> None:
    for resource, path, name in (found for wish in wishes for found in image_hosts(wish)):
        words = (CONTROLLER, EACH) if "on" in path else (CONTROLLER,)
        if name and name not in (*words, *hosts):
            hint = did_you_mean(name, [*words, *hosts]) or f"a host of the inventory, or {' or '.join(words)}"
            address = ".".join((KINDS[resource.kind].section, resource.name, *path))
            problems.add(resource.place(path), f"no host '{name}' in the inventory", address=address, hint=hint)
