"""Paths on hosts and in containers, which are POSIX on every system."""

from __future__ import annotations

import posixpath


def clean(path: str) -> str:
    """Cleaned like by the engine: no double or trailing slash, no `.` or `..`."""
    if not path:
        return path
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def parse_absolute(value: str) -> str:
    """A cleaned absolute path. Raises ValueError."""
    if not value.startswith("/"):
        raise ValueError(f"'{value}' is not an absolute path")
    return clean(value)
