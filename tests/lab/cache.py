"""Keeping the cache small: what no checkout has used for a week goes."""

import shutil
import time
from collections.abc import Iterable
from pathlib import Path

from tests.lab.images.packing import PACKED
from tests.lab.layers import LAYERS
from tests.lab.settings import CACHE

_WEEK = 7 * 24 * 3600
_STAMPS = CACHE / "used"


def mark_used(folders: Iterable[Path]) -> None:
    """Note that these folders of the cache were needed today."""
    _STAMPS.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        (_STAMPS / folder.name).touch()


def prune(age: float = _WEEK) -> list[str]:
    """Remove what has not been used for that many seconds, builds that never ended included; returns the names."""
    oldest = time.time() - age
    found = [folder for place in (LAYERS, PACKED) if place.is_dir() for folder in place.iterdir()]
    stale = [folder for folder in found if _last_use(folder) < oldest]
    for folder in stale:
        shutil.rmtree(folder, ignore_errors=True)
        (_STAMPS / folder.name).unlink(missing_ok=True)
    return sorted(folder.name for folder in stale)


def _last_use(folder: Path) -> float:
    stamp = _STAMPS / folder.name
    return (stamp if stamp.exists() else folder).stat().st_mtime
