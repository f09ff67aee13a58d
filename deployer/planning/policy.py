"""What the operator allows in this run."""

from __future__ import annotations

from msgspec import Struct


class Policy(Struct, frozen=True):
    """`prune`: remove resources of the project that no play declares any more. `adopt`: containers that have a declared
    name but belong to no project may be replaced. `data_loss`: volumes, as `host/volume.name`, whose data may be lost.
    `version`: of this tool, for the label."""

    prune: bool = False
    adopt: bool = False
    data_loss: frozenset[str] = frozenset()
    version: str = ""
