"""A host's plan under construction."""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import TypeVar

from msgspec.structs import replace

from deployer.model.desired import Address, Kind, OnFailure
from deployer.model.operations import (
    AwaitCompleted,
    AwaitHealthy,
    FinishFile,
    Operation,
    RemoveContainer,
    RemoveFile,
    StopContainer,
    Target,
)
from deployer.model.plan import Group, HostPlan, Part, Phase, Refusal, ResourceChange, Step

OperationT = TypeVar("OperationT", bound=Operation)


class Draft:
    """Collects changes, steps, notes and refusals. Steps are numbered in the order they are added, which is a valid
    order of execution. `ready` records the steps after which others can use a resource."""

    def __init__(self) -> None:
        self.changes: list[ResourceChange] = []
        self.notes: list[str] = []
        self.refusals: list[Refusal] = []
        self._steps: list[Step] = []
        self._ready: dict[tuple[Kind, str], tuple[int, ...]] = {}
        self._gate: tuple[int, ...] = ()

    def step(
        self,
        operation: Operation,
        address: Address,
        cause: str,
        *,
        after: Iterable[int] = (),
        group: Group | None = None,
        undo: tuple[Operation, ...] = (),
        keep: tuple[Operation, ...] = (),
        phase: Phase = Phase.CHANGE,
        lasting: bool = False,
        part: Part = Part.ONLY,
    ) -> int:
        number = len(self._steps) + 1
        needs = tuple(sorted({*after, *self._gate}))
        assert phase is Phase.COMMIT or all(self._steps[need - 1].phase is Phase.CHANGE for need in needs)
        self._steps.append(Step(number, operation, address, cause, needs, group, undo, keep, phase, lasting, part))
        return number

    def at_last(
        self,
        operation: Operation,
        address: Address,
        cause: str,
        *,
        after: Iterable[int] = (),
        part: Part = Part.ONLY,
    ) -> int:
        """Add a step that cannot be rolled back. It runs when nothing in the plan can be rolled back any more."""
        return self.step(operation, address, cause, after=after, phase=Phase.COMMIT, part=part)

    def gate(self, *steps: int) -> None:
        """All steps that are added from now on come after these."""
        self._gate = steps

    @property
    def next_number(self) -> int:
        """The number of the next step."""
        return len(self._steps) + 1

    def change(self, found: ResourceChange) -> None:
        """Add a change, or its reason to one of the same resource."""
        for number, other in enumerate(self.changes):
            if other.address == found.address:
                self.changes[number] = replace(other, reason=f"{other.reason}, then {found.reason}")
                return
        self.changes.append(found)

    def ready(self, kind: Kind, name: str, *after: int) -> None:
        self._ready[kind, name] = after

    def when_ready(self, kind: Kind, name: str) -> tuple[int, ...]:
        """Steps after which the resource can be used; () if it is unchanged."""
        return self._ready.get((kind, name), ())

    def note(self, text: str) -> None:
        """Add a note, once for all resources that it is about."""
        if text not in self.notes:
            self.notes.append(text)

    def removed(self) -> set[Target]:
        """Containers that steps remove."""
        return {step.operation.container for step in self._steps if isinstance(step.operation, RemoveContainer)}

    def stopped(self) -> set[Target]:
        """Containers that steps stop."""
        return {step.operation.container for step in self._steps if isinstance(step.operation, StopContainer)}

    def waited_for(self) -> set[Target]:
        """Containers that steps wait for."""
        waits = (step.operation for step in self._steps if isinstance(step.operation, AwaitHealthy | AwaitCompleted))
        return {operation.container for operation in waits}

    def operations(self, kind: type[OperationT]) -> list[OperationT]:
        """Of one kind, in the order of the steps."""
        return [step.operation for step in self._steps if isinstance(step.operation, kind)]

    def removals(self) -> tuple[int, ...]:
        """Steps that remove containers: networks, volumes and images in use are removed after them."""
        return tuple(step.number for step in self._steps if isinstance(step.operation, RemoveContainer))

    def removals_below(self, folder: str) -> tuple[int, ...]:
        """Steps that remove files below a directory, and what was kept of them."""
        ending = (step for step in self._steps if isinstance(step.operation, RemoveFile | FinishFile))
        return tuple(step.number for step in ending if step.operation.subject.startswith(f"{folder}/"))

    def finishing(self, paths: Container[str]) -> tuple[int, ...]:
        """Steps that remove what is kept of these files."""
        found = ((step.number, step.operation) for step in self._steps)
        return tuple(number for number, each in found if isinstance(each, FinishFile) and each.path in paths)

    def files_ready(self) -> tuple[int, ...]:
        """Steps after which all files are as containers find them."""
        return tuple(step for (kind, _), steps in self._ready.items() if kind is Kind.FILE for step in steps)

    def refuse(self, refusal: Refusal) -> None:
        self.refusals.append(refusal)

    def finish(self, host: str, project: str, on_failure: OnFailure, *, simulated: bool) -> HostPlan:
        return HostPlan(
            host=host,
            project=project,
            changes=tuple(self.changes),
            steps=tuple(self._steps),
            notes=tuple(self.notes),
            refusals=tuple(self.refusals),
            simulated=simulated,
            on_failure=on_failure,
        )
