"""Counts the results of one host's resources, in Ansible's terms and two more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import asdict

from deployer.model.desired import Address
from deployer.model.outcome import HostOutcome, Status, StepResult

Counts: TypeAlias = Mapping[str, int]


class Tally(Struct, frozen=True):
    """Numbers of resources. `ok`: as declared, including changed ones. A resource that failed and was rolled back
    counts as `failed` and as `rolledback`, never as `ok`; one that was changed only in part also counts as `changed`,
    besides `skipped` or `failed`."""

    ok: int = 0
    changed: int = 0
    unreachable: int = 0
    failed: int = 0
    skipped: int = 0
    refused: int = 0
    rolledback: int = 0

    @property
    def counts(self) -> dict[str, int]:
        return asdict(self)

    def __add__(self, other: Tally) -> Tally:
        return Tally(**{name: value + other.counts[name] for name, value in self.counts.items()})


class Standing(Struct, frozen=True):
    """The resources of one host by result. `done`: changed as planned. `left`: not changed, or not completely.
    `partial`: resources of `left` and `failed` with a change that stays. A failed one may also be rolled back."""

    done: frozenset[Address]
    left: frozenset[Address]
    partial: frozenset[Address]
    failed: frozenset[Address]
    rolled_back: frozenset[Address]


def standing(outcome: HostOutcome) -> Standing:
    differing = {change.address for change in outcome.remaining}
    failed = _addresses(outcome.failed) | differing
    undone = frozenset(outcome.rolled_back)
    done = frozenset(change.address for change in outcome.done) - failed
    cut = _addresses(result for result in outcome.results if result.status in (Status.SKIPPED, Status.FAILED))
    left = cut - failed - undone - done
    made = (result for result in outcome.results if result.status is Status.DONE)
    changed = _addresses(each for each in made if not (each.step.operation.waits or each.step.operation.records))
    return Standing(done, left, (left | failed) & changed - undone - differing, failed, undone)


def tally(outcome: HostOutcome) -> Tally:
    found = standing(outcome)
    only_waited_for = (found.failed | found.left) - {change.address for change in outcome.plan.changes}
    return Tally(
        ok=outcome.unchanged + len(found.done) - len(only_waited_for),
        changed=len(found.done) + len(found.partial),
        unreachable=int(outcome.unreachable is not None),
        failed=len(found.failed),
        skipped=len(found.left),
        refused=len(outcome.plan.refusals) + int(outcome.blocked is not None),
        rolledback=len(found.rolled_back),
    )


def _addresses(results: Iterable[StepResult]) -> frozenset[Address]:
    return frozenset(result.step.address for result in results)
