"""Restart policies: `no`, `always`, `unless-stopped`, `on-failure` or `on-failure:3`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def parse(value: str) -> str:
    """The engine's names; "" means `no`. Raises ValueError."""
    name, colon, count = value.strip().partition(":")
    name = name or "no"
    if name not in ("no", "always", "unless-stopped", "on-failure"):
        raise ValueError(f"'{value}' is not one of no, always, unless-stopped, on-failure[:retries]")
    if colon and (name != "on-failure" or not count.isdigit()):
        raise ValueError(f"'{value}': only on-failure takes a number of retries, as in on-failure:3")
    return f"{name}:{int(count)}" if colon and int(count) else name


def to_engine(policy: str) -> dict[str, Any]:
    name, _, count = policy.partition(":")
    return {"Name": name, "MaximumRetryCount": int(count or 0)}


def from_engine(policy: Mapping[str, Any] | None) -> str:
    """`{"Name": ""}` (engines before 25) and `{"Name": "no"}` are both `no`."""
    name = (policy or {}).get("Name") or "no"
    count = (policy or {}).get("MaximumRetryCount") or 0
    return f"{name}:{count}" if count else str(name)
