"""What the operator allows in this run."""

from __future__ import annotations

from msgspec import Struct


class Policy(Struct, frozen=True):
    """`prune`: remove what the project made and no play declares any more. `adopt`: containers that bear a declared
    name but are not ours may be replaced. `data_loss`: volumes, as `host/volume.name`, whose data may be lost.
    `version`: of this tool, for the label."""

    prune: bool = False
    adopt: bool = False
    data_loss: frozenset[str] = frozenset()
    version: str = ""
