"""Names that containers get while they are replaced and afterwards (`web.deployer-new`, `web.previous`): a container of
somebody else may have one of them."""

from __future__ import annotations

from collections.abc import Iterator

from deployer.model.operations import CreateContainer, Made, RemoveContainer, RenameContainer, Target
from deployer.model.plan import Phase
from deployer.planning.preflight.checked import CheckedHost, Finding


def findings(checked: CheckedHost) -> Iterator[Finding]:
    """Goes through the steps as they are done, those at last behind the others."""
    names: dict[str, Target] = {**checked.observed.ids, **{stub.name: stub.id for stub in checked.observed.kept}}
    for step in sorted(checked.plan.steps, key=lambda step: (step.phase is not Phase.CHANGE, step.number)):
        match step.operation:
            case CreateContainer(name=name):
                target: Target = Made(step.number)
            case RenameContainer(target, name=name):
                _leave(names, target)
            case RemoveContainer(target):
                _leave(names, target)
                continue
            case _:
                continue
        if name in names:
            summary = f"requires the name {name}, which another container has"
            yield checked.refuse(step.address, summary, "rename or remove that container")
        names[name] = target


def _leave(names: dict[str, Target], target: Target) -> None:
    for name in [name for name, holder in names.items() if holder == target]:
        del names[name]
