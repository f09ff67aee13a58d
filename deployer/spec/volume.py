"""The volume table. The engine changes nothing of a volume, and a new one is empty: a difference is refused (§4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployer.spec import settings
from deployer.spec.container.process import foreign_labels
from deployer.spec.field import Field, at
from deployer.spec.leaves import LABELS, TEXT, TEXT_MAP
from deployer.spec.table import Table


def _texts(live: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in live.items()}


VOLUME = Table(
    kind="volume",
    doc="A volume. A difference is refused, as the engine can change nothing and a new volume is empty.",
    fields=(
        Field(
            name="driver",
            doc="Volume driver; local by default.",
            shape=TEXT,
            access=at("Driver", zero="local"),
            zero="local",
            example="local",
            other="nfs",
        ),
        Field(
            name="driver_opts",
            aliases=("driver_options",),
            doc="Options of the driver; `local` takes type, device and o.",
            shape=TEXT_MAP,
            access=at(
                "Options",
                create="DriverOpts",
                zero={},
                decode=_texts,
            ),
            zero={},
            example={"type": "tmpfs", "device": "tmpfs", "o": "size=1m"},
            other={"type": "tmpfs", "device": "tmpfs", "o": "size=2m"},
        ),
        Field(
            name="labels",
            doc="Labels.",
            shape=LABELS,
            access=at("Labels", zero={}, decode=foreign_labels),
            zero={},
            example={"com.example.team": "shop"},
            other={"com.example.team": "web"},
        ),
    ),
    settings=settings.RESOURCE,
    advice=settings.OBJECT_ADVICE,
)
