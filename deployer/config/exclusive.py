"""What only one resource of a host can have: host ports, fixed addresses and MAC addresses, of which the engine would
start only the first container, and paths."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from pathlib import PurePosixPath

from deployer.diagnostics import Origin, Problems
from deployer.fields.options import Condition, RunState
from deployer.interfaces import FileKind
from deployer.model import exclusive
from deployer.model.desired import Container, Desired
from deployer.model.settings import ContainerSettings, FileSettings
from deployer.values import port


def check_exclusive(plays: Iterable[Desired], problems: Problems) -> None:
    """`plays`: those of one host. A container that another one waits to end is not checked."""
    plays = tuple(plays)
    containers = [found for play in plays for found in play.of(ContainerSettings) if found.selected]
    ending = {
        needed.name
        for found in containers
        for needed in found.settings.depends_on
        if needed.condition is Condition.COMPLETED and needed.required
    }
    running = [found for found in containers if found.settings.state is RunState.STARTED and found.name not in ending]
    _check_ports(running, problems)
    _check_addresses(running, problems)
    _check_paths(plays, problems)


def _check_ports(running: Iterable[Container], problems: Problems) -> None:
    published: dict[str, list[tuple[Container, str]]] = {}
    for found in running:
        for each in found.values.get("ports") or ():
            published.setdefault(port.host_ports(each)[1], []).append((found, each))
    for number, alike in published.items():
        for (first, one), (second, other) in combinations(alike, 2):
            if first is not second and port.clash(one, other):
                place = first.place(("ports",))
                summary = f"host port {number} is also published by container {first.name}, at {place}"
                address = f"containers.{second.name}.ports"
                problems.add(second.place(("ports",)), summary, address=address, hint="use different host ports")


def _check_addresses(running: Iterable[Container], problems: Problems) -> None:
    holders: dict[str, tuple[Container, Origin]] = {}
    for found in running:
        for held in exclusive.addresses(found.values):
            words, place = exclusive.in_words(held), exclusive.place(found, held)
            first, where = holders.setdefault(words, (found, place))
            if first is not found:
                summary = f"{words} is also of container {first.name}, at {where}"
                address = f"containers.{found.name}.networks"
                problems.add(place, summary, address=address, hint="use different addresses")


def _check_paths(plays: Iterable[Desired], problems: Problems) -> None:
    """A path that is a file cannot be a directory too."""
    present = [found for play in plays for found in play.of(FileSettings) if not found.absent]
    files = {found.name: found for found in present if found.settings.kind is FileKind.FILE}
    for found in present:
        for above in map(str, PurePosixPath(found.name).parents):
            if above in files:
                summary = f"{above} is not a directory, but a file that is declared at {files[above].origin}"
                problems.add(found.origin, summary, address=found.address.label, hint="give one of them another path")
