"""Directories and files of the host that containers are to see."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from deployer.model.desired import Address
from deployer.model.operations import CreateContainer, MakeDirectory, MakeLink, PutFile
from deployer.model.plan import HostPlan
from deployer.planning.preflight.checked import CheckedHost, Finding
from deployer.values import mount


class Bind(Struct, frozen=True):
    """`creates`: whether the engine makes a directory of a source that is missing."""

    address: Address
    source: str
    target: str
    creates: bool


def binds(plan: HostPlan) -> Iterator[Bind]:
    """Of all containers that the plan makes, except of files that it writes before."""
    writes = (MakeDirectory, MakeLink, PutFile)
    written = [f"{step.operation.path}/" for step in plan.steps if isinstance(step.operation, writes)]
    for step in plan.steps:
        if isinstance(step.operation, CreateContainer):
            for target, found in mount.from_engine(step.operation.body).items():
                if found["type"] != "bind":
                    continue
                above = f"{found['source'].rstrip('/')}/"
                if not any(path.startswith(above) for path in written):
                    yield Bind(step.address, found["source"], target, found.get("create_host_path", True))


def findings(checked: CheckedHost) -> Iterator[Finding]:
    for found in binds(checked.plan):
        if found.source not in checked.facts.missing:
            continue
        if found.creates:
            yield f"{found.address.label}: {found.source} is not on the host; the engine creates an empty directory"
        else:
            summary = f"bind source {found.source} does not exist on the host"
            hint = "create it there, or remove 'create_host_path: false'"
            yield checked.refuse(found.address, summary, hint, "volumes", found.target)
