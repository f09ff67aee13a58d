"""The options of the operator that planning depends on."""

from __future__ import annotations

from msgspec import Struct


class Policy(Struct, frozen=True):
    """`prune`: remove resources of the project that no play declares any more. `adopt`: containers that have a declared
    name but belong to no project may be replaced. `data_loss`: volumes, as `host/volume.name`, whose data may be lost;
    `remove_volumes`: those of them that are removed because no play declares them. `volumes`: whether destroying
    includes volumes. `version`: of this tool, for the label."""

    prune: bool = False
    adopt: bool = False
    data_loss: frozenset[str] = frozenset()
    version: str = ""
    remove_volumes: frozenset[str] = frozenset()
    volumes: bool = False
