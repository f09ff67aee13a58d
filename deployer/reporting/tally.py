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
    counts as `failed` and as `rolledback`, never as `ok`."""

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


def tally(outcome: HostOutcome) -> Tally:
    statuses = _by_address(outcome.results)
    remaining = {change.address for change in outcome.remaining}
    failed = {address for address, found in statuses.items() if Status.FAILED in found} | remaining
    undone = {address for address, found in statuses.items() if Status.UNDONE in found}
    skipped = {address for address, found in statuses.items() if Status.SKIPPED in found} - failed - undone
    changed = len({change.address for change in outcome.done} - failed)
    only_waited_for = (failed | skipped) - {change.address for change in outcome.plan.changes}
    return Tally(
        ok=outcome.unchanged + changed - len(only_waited_for),
        changed=changed,
        unreachable=int(outcome.unreachable is not None),
        failed=len(failed),
        skipped=len(skipped),
        refused=len(outcome.plan.refusals) + int(outcome.blocked is not None),
        rolledback=len(undone),
    )


def _by_address(results: Iterable[StepResult]) -> dict[Address, set[Status]]:
    found: dict[Address, set[Status]] = {}
    for result in results:
        found.setdefault(result.step.address, set()).add(result.status)
    return found
