"""Devices of the host, as `/dev/host:/dev/inside:rwm` with all three parts, and CDI devices (Container Device
Interface) by name: `vendor.com/class=name`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from deployer.values import paths

_CDI_NAME = re.compile(
    r"[A-Za-z]([\w.-]*[A-Za-z0-9])?/[A-Za-z]([\w-]*[A-Za-z0-9])?=[A-Za-z0-9]([\w.:-]*[A-Za-z0-9])?", re.A
)
_NUMBERS = re.compile(r"(\d+|\*):(\d+|\*)")


def is_cdi(device: str) -> bool:
    return bool(_CDI_NAME.fullmatch(device))


def parse(value: str) -> str:
    """`/dev/x[:/dev/y[:rwm]]` completed to all three parts; a CDI name unchanged. Raises ValueError."""
    if is_cdi(value.strip()):
        return value.strip()
    host, _, rest = value.strip().partition(":")
    inside, colon, permissions = rest.partition(":")
    if not colon and inside and not inside.startswith("/"):
        inside, permissions = "", inside
    inside, permissions = inside or host, permissions or "rwm"
    if not (host.startswith("/") and inside.startswith("/")) or not set(permissions) <= set("rwm"):
        raise ValueError(f"'{value}' is not a device such as /dev/net/tun or /dev/sda:/dev/xvda:r")
    return _text(host, inside, permissions)


def parse_rule(value: str) -> str:
    """`c 1:3 rwm`, a rule of the device cgroup, with sorted marks. Raises ValueError."""
    words = value.split()
    kind, number, marks = words if len(words) == 3 else ("", "", "")
    if kind not in ("a", "b", "c") or not _NUMBERS.fullmatch(number) or not marks or not set(marks) <= set("rwm"):
        raise ValueError(f"'{value}' is not a rule such as c 1:3 mr")
    return f"{kind} {number} {_marks(marks)}"


def spell(device: str) -> str:
    """The shortest form: `/dev/fuse`."""
    if is_cdi(device):
        return device
    host, inside, permissions = device.rsplit(":", 2)
    parts = (host, inside, permissions) if permissions != "rwm" else (host, inside) if inside != host else (host,)
    return ":".join(parts)


def to_engine(device: str) -> dict[str, str]:
    host, inside, permissions = device.rsplit(":", 2)
    return {"PathOnHost": host, "PathInContainer": inside, "CgroupPermissions": permissions}


def from_engine(device: Mapping[str, Any]) -> str:
    """The engine accepts any text, including empty and invalid text."""
    host = str(device.get("PathOnHost") or "")
    return _text(host, str(device.get("PathInContainer") or host), str(device.get("CgroupPermissions") or "rwm"))


def _text(host: str, inside: str, permissions: str) -> str:
    return f"{paths.clean(host)}:{paths.clean(inside)}:{_marks(permissions)}"


def _marks(permissions: str) -> str:
    return "".join(sorted(set(permissions), key=lambda mark: ("rwm".find(mark), mark)))
