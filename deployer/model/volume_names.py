"""Names of deployer's own volumes: those that store locks, records of runs, of containers and of files in labels, and
those with the files of configs and secrets. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from deployer.values.file_mount import PREFIX

LOCKS: Final = "deployer.lock."
RECORDS: Final = "deployer.history."
SPECS: Final = "deployer.spec."
MANIFESTS: Final = "deployer.manifest."
STARTED: Final = ".started"
HELPERS: Final = "deployer.volume."
"""What names of containers begin with through which the data of a volume is read and written."""

STOPPED: Final = "deployer.volume.stopped"
NEW: Final = "deployer.volume.new"
FILLING: Final = "deployer.volume.filling"
"""Labels of these containers, for the run after one that was killed: which containers it stopped, whether the volume
did not exist before it, and whether it was replacing its content."""

ENDPOINTS: Final = "deployer.history.endpoints"
"""The label of a record of a run that took endpoints from containers and may not have given them back."""

_UNFIT = re.compile(r"[^a-zA-Z0-9_.-]")
_LONGEST: Final = 150
_DIGITS: Final = 18


def is_own(name: str) -> bool:
    """Whether a volume is one of these, and not declared by a user."""
    return name.startswith((LOCKS, RECORDS, SPECS, MANIFESTS, PREFIX))


def is_filling(container: str, labels: Mapping[str, str] | None) -> bool:
    """Whether a container is one through which a volume is filled: by a run that lives, or by one that was killed."""
    return container.startswith(HELPERS) and bool({NEW, FILLING} & (labels or {}).keys())


def labels_of(volume: Mapping[str, Any]) -> Mapping[str, Any]:
    """None of a volume whose labels are no map."""
    labels = volume.get("Labels")
    return labels if isinstance(labels, Mapping) else {}


def slug(project: str) -> str:
    """The project as part of a volume's name; names that do not fit are distinguished by a digest."""
    fit = _UNFIT.sub("-", project)[:_LONGEST]
    return fit if fit == project else f"{fit}-{hashlib.sha256(project.encode()).hexdigest()[:8]}"


def record(project: str, number: int, *, started: bool = False) -> str:
    """Of the record of a run. `started`: of a run that has not ended, which is replaced when it ends."""
    return f"{RECORDS}{slug(project)}.{number}{STARTED if started else ''}"


def read_record(name: str) -> tuple[str, int] | None:
    """The slug of the project and the number, of the record of a run; None for another volume."""
    return _numbered(name.removesuffix(STARTED), RECORDS)


def numbers(volumes: Iterable[Mapping[str, Any]], project: str) -> list[int]:
    """Of a project's records, in order; also of runs that have not ended."""
    found = (read_record(str(volume.get("Name") or "")) for volume in volumes)
    return sorted({key[1] for key in found if key is not None and key[0] == slug(project)})


def newest(volumes: Iterable[Mapping[str, Any]], project: str) -> int:
    """The number of a project's last record; 0 without any."""
    return max(numbers(volumes, project), default=0)


def is_locked(volumes: Iterable[Mapping[str, Any]], project: str) -> bool:
    """Whether there is a lock of the project, of a run that lives or of one that was killed."""
    found = (_numbered(str(volume.get("Name") or ""), LOCKS) for volume in volumes)
    return any(key is not None and key[0] == slug(project) for key in found)


def spec(container: str, number: int) -> str:
    """Of the record of a container, by its id: the highest number counts."""
    return f"{SPECS}{container}.{number}"


def read_spec(name: str) -> tuple[str, int] | None:
    """The container's id and the number of a record; None for another volume."""
    return _numbered(name, SPECS)


def read_manifest(name: str) -> int | None:
    """The number of a manifest of files; None for another volume."""
    found = _numbered(name, MANIFESTS)
    return found[1] if found else None


def _numbered(name: str, prefix: str) -> tuple[str, int] | None:
    middle, _, number = name.removeprefix(prefix).rpartition(".")
    fits = name.startswith(prefix) and middle and number.isascii() and number.isdecimal() and len(number) < _DIGITS
    return (middle, int(number)) if fits else None
