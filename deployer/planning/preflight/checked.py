"""Everything a check looks at."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from deployer.diagnostics import Origin
from deployer.model.desired import Address, Desired
from deployer.model.observed import Observed
from deployer.model.plan import HostPlan, Refusal
from deployer.model.preflight import Facts

Finding: TypeAlias = "Refusal | str"
"""A refusal, or the text of a note."""


class CheckedHost(Struct, frozen=True):
    """One play on one host."""

    plan: HostPlan
    desired: Desired
    observed: Observed
    facts: Facts

    def refuse(self, address: Address, summary: str, hint: str, *path: str) -> Refusal:
        """`path`: of the value that is refused, where it is one of the resource's."""
        return Refusal(address, summary, hint, self._place(address, path))

    def _place(self, address: Address, path: tuple[str, ...]) -> Origin | None:
        resource = self.desired.find(address.kind, address.name)
        if resource is not None and path:
            return resource.place(path)
        return next((change.origin for change in self.plan.changes if change.address == address), None)
