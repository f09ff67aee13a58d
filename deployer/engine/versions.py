"""Docker API versions: `1.45` is newer than `1.5`."""

from __future__ import annotations

OLDEST = "1.40"
"""Docker 19.03, the oldest engine whose answers are known."""

NEWEST = "1.51"
"""The newest version this release supports: 1.52 drops fields that are compared."""


def parts(version: str) -> tuple[int, ...]:
    """Raises ValueError for text that is not a version."""
    return tuple(int(part) for part in version.split("."))


def at_least(version: str, needed: str) -> bool:
    return parts(version) >= parts(needed)
