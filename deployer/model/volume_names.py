"""Names of the volumes that store locks, records of runs and records of containers in labels and contain no data.
Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

LOCKS: Final = "deployer.lock."
RECORDS: Final = "deployer.history."
SPECS: Final = "deployer.spec."

_UNFIT = re.compile(r"[^a-zA-Z0-9_.-]")
_LONGEST: Final = 150


def is_own(name: str) -> bool:
    """Whether a volume is one of these and contains no data."""
    return name.startswith((LOCKS, RECORDS, SPECS))


def labels_of(volume: Mapping[str, Any]) -> Mapping[str, Any]:
    """None of a volume whose labels are no map."""
    labels = volume.get("Labels")
    return labels if isinstance(labels, Mapping) else {}


def slug(project: str) -> str:
    """The project as part of a volume's name; names that do not fit are distinguished by a digest."""
    fit = _UNFIT.sub("-", project)[:_LONGEST]
    return fit if fit == project else f"{fit}-{hashlib.sha256(project.encode()).hexdigest()[:8]}"


def numbers(volumes: Iterable[Mapping[str, Any]], project: str) -> list[int]:
    """Of a project's records, in order."""
    found = (str(volume.get("Name") or "") for volume in volumes)
    begin = f"{RECORDS}{slug(project)}."
    return sorted(int(name.removeprefix(begin)) for name in found if _is_numbered(name, begin))


def newest(volumes: Iterable[Mapping[str, Any]], project: str) -> int:
    """The number of a project's last record; 0 without any."""
    return max(numbers(volumes, project), default=0)


def spec(container: str, number: int) -> str:
    """Of the record of a container, by its id: the highest number counts."""
    return f"{SPECS}{container}.{number}"


def read_spec(name: str) -> tuple[str, int] | None:
    """The container's id and the number of a record; None for another volume."""
    container, _, number = name.removeprefix(SPECS).rpartition(".")
    return (container, int(number)) if container and _is_numbered(name, f"{SPECS}{container}.") else None


def _is_numbered(name: str, begin: str) -> bool:
    number = name.removeprefix(begin)
    return name.startswith(begin) and number.isascii() and number.isdecimal()
