"""Devices and ulimits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployer.values import paths


def parse(value: str) -> str:
    """`/dev/x[:/dev/y[:rwm]]` completed to all three parts, which the engine does not do. Raises ValueError."""
    host, _, rest = value.strip().partition(":")
    inside, colon, permissions = rest.partition(":")
    if not colon and inside and not inside.startswith("/"):
        inside, permissions = "", inside
    permissions = permissions or "rwm"
    if not host.startswith("/") or not set(permissions) <= set("rwm"):
        raise ValueError(f"'{value}' is not a device such as /dev/net/tun or /dev/sda:/dev/xvda:r")
    ordered = "".join(mark for mark in "rwm" if mark in permissions)
    return f"{paths.clean(host)}:{paths.clean(inside or host)}:{ordered}"


def to_engine(device: str) -> dict[str, str]:
    host, inside, permissions = device.rsplit(":", 2)
    return {"PathOnHost": host, "PathInContainer": inside, "CgroupPermissions": permissions}


def from_engine(device: Mapping[str, Any]) -> str:
    host = str(device.get("PathOnHost") or "")
    return parse(f"{host}:{device.get('PathInContainer') or host}:{device.get('CgroupPermissions') or 'rwm'}")
