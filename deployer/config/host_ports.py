"""Host ports that two containers of one host publish: the engine would start only the first."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

from deployer.diagnostics import Problems
from deployer.fields.options import Condition, RunState
from deployer.model.desired import Container, Desired
from deployer.model.settings import ContainerSettings
from deployer.values import port


def check_host_ports(plays: Iterable[Desired], problems: Problems) -> None:
    """`plays`: those of one host. Who waits until another has ended may have its port."""
    containers = [found for play in plays for found in play.of(ContainerSettings) if found.selected]
    ending = {
        needed.name
        for found in containers
        for needed in found.settings.depends_on
        if needed.condition is Condition.COMPLETED and needed.required
    }
    running = (found for found in containers if found.settings.state is RunState.STARTED and found.name not in ending)
    published: dict[str, list[tuple[Container, str]]] = {}
    for found in running:
        for each in found.values.get("ports") or ():
            published.setdefault(port.host_ports(each)[1], []).append((found, each))
    for alike in published.values():
        for (first, one), (second, other) in combinations(alike, 2):
            if first is not second and port.clash(one, other):
                _report(first, one, second, problems)


def _report(first: Container, published: str, second: Container, problems: Problems) -> None:
    number = port.host_ports(published)[1]
    summary = f"host port {number} is also published by container {first.name}, at {first.place(('ports',))}"
    address = f"containers.{second.name}.ports"
    problems.add(second.place(("ports",)), summary, address=address, hint="use different host ports")
