"""Names on the command line must exist in the input."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Final

from deployer.config.inventory.types import Inventory
from deployer.diagnostics import Missing, Origin, Problems, did_you_mean
from deployer.model.desired import Desired
from deployer.model.settings import CONTROLLER, ContainerSettings, ImageSettings

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


def check_sources(wishes: Iterable[Desired], hosts: Collection[str], problems: Problems) -> None:
    """The source of an image is this machine or a host of the run."""
    for wish in wishes:
        for resource in wish.of(ImageSettings):
            source = resource.settings.source
            if source and source != CONTROLLER and source not in hosts:
                hint = did_you_mean(source, [CONTROLLER, *hosts]) or "a host of the run's plays, or controller"
                summary = f"'{source}' is not a host of this run"
                problems.add(resource.place(("source",)), summary, address=f"images.{resource.name}.source", hint=hint)
