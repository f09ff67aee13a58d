"""The volume table. The engine cannot change a volume, and a new one is empty: a difference is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployer.fields import advice, settings
from deployer.fields.container.process import foreign_labels
from deployer.fields.field import Field, View, at, when_unset, zero_when_unset
from deployer.fields.leaves import LABELS, TEXT, TEXT_MAP
from deployer.fields.table import Table


def _texts(live: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in live.items()}


@when_unset("{zero}")
def _expected_options(row: Field, view: View) -> Any:
    """The `local` driver accepts the words of `o` in any order."""
    expected, live = zero_when_unset(row, view), view.live.get(row.name) or {}
    local = view.declared.get("driver") in (None, "", "local")
    same = local and "o" in expected and "o" in live and _are_same_words(expected["o"], live["o"])
    return {**expected, "o": live["o"]} if same else expected


def _are_same_words(one: str, other: str) -> bool:
    """The order matters if two words set the same option."""
    words = sorted(one.split(","))
    subjects = {_OPPOSITES.get(word, word.partition("=")[0]) for word in words}
    return words == sorted(other.split(",")) and len(subjects) == len(words)


_OPPOSITES = {"ro": "rw", "hard": "soft", "async": "sync"}


VOLUME = Table(
    kind="volume",
    doc="A volume. A difference is refused: the engine cannot change a volume, and a new one is empty.",
    fields=(
        Field(
            name="driver",
            doc="Volume driver; default local.",
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
            expect=_expected_options,
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
    settings=settings.VOLUME,
    advice=advice.OBJECT,
    changes_alike=True,
)
