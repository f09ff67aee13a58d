"""Rules for values that engines accept at creation but reject at the start: reported before the old container is
stopped. Measured on engines 20.10 and 26.1."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from deployer.fields.table import Violation
from deployer.values import log_option

Values = dict[str, Any]
Settings = Mapping[str, Any]

LIMITS: Final = (
    *("as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss"),
    *("rtprio", "rttime", "sigpending", "stack"),
)
_UNLIMITED: Final = -1
_OWN_PARAMETERS: Final = frozenset(
    f"kernel.{name}"
    for name in ("msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced", "domainname")
)
_HOSTNAME_BYTES: Final = 64
_FILE_DRIVERS: Final = ("json-file", "local")
_TMPFS_FLAG = re.compile(
    r"defaults|ro|rw|remount|(no)?(suid|dev|exec|mand|atime|diratime|relatime|strictatime)|sync|async|dirsync|r?bind"
    r"|r?unbindable|r?private|r?shared|r?slave"
)
_TMPFS_VALUES: Final = {
    "size": re.compile(r"\d+[kmgtpe%]?", re.IGNORECASE),
    "mode": re.compile(r"[0-7]+"),
    "uid": re.compile(r"\d+"),
    "gid": re.compile(r"\d+"),
    "nr_inodes": re.compile(r"\d+[kmgtpe]?", re.IGNORECASE),
    "nr_blocks": re.compile(r"\d+[kmgtpe]?", re.IGNORECASE),
    "mpol": re.compile(r".+"),
}


def ulimits(values: Values, _settings: Settings) -> Iterator[Violation]:
    for name, limit in (values.get("ulimits") or {}).items():
        if name not in LIMITS:
            yield "ulimits", f"'{name}' is not one of {', '.join(LIMITS)}"
        elif limit["hard"] != _UNLIMITED and (limit["soft"] > limit["hard"] or limit["soft"] == _UNLIMITED):
            yield "ulimits", f"the soft limit of {name} cannot exceed the hard limit"


def sysctls(values: Values, _settings: Settings) -> Iterator[Violation]:
    """Only parameters of the container's own namespaces."""
    shares_network, shares_ipc = values.get("network_mode") == "host", values.get("ipc") == "host"
    for name in values.get("sysctls") or ():
        found = name.replace("/", ".")
        if found.startswith("net."):
            if shares_network:
                yield "sysctls", f"{name} cannot be set with network_mode: host, because it belongs to the host"
        elif not found.startswith("fs.mqueue.") and found not in _OWN_PARAMETERS:
            yield (
                "sysctls",
                f"{name} applies to the whole host: only net.*, fs.mqueue.* and kernel.msg*, sem, shm* can be set",
            )
        elif shares_ipc and found != "kernel.domainname":
            yield "sysctls", f"{name} cannot be set with ipc: host, because it belongs to the host"


def process(values: Values, _settings: Settings) -> Iterator[Violation]:
    if len(str(values.get("hostname") or "").encode()) > _HOSTNAME_BYTES:
        yield "hostname", f"is longer than {_HOSTNAME_BYTES} bytes"
    if str(values.get("user") or "").count(":") > 1:
        yield "user", f"'{values['user']}' does not have the form user[:group]"
    if "" in (values.get("group_add") or ()):
        yield "group_add", "a group is empty"
    if values.get("cpu_shares") == 1:
        yield "cpu_shares", "1 is less than the kernel's minimum of 2"


def addresses(values: Values, _settings: Settings) -> Iterator[Violation]:
    """The lowest bit of the first byte marks a multicast address."""
    endpoints = (values.get("networks") or {}).values()
    for field, found in (
        ("mac_address", values.get("mac_address")),
        *(("networks", endpoint.get("mac_address")) for endpoint in endpoints),
    ):
        if found and int(found[:2], 16) & 1:
            yield field, f"{found} is a multicast address: the first byte must be even"


def logging(values: Values, _settings: Settings) -> Iterator[Violation]:
    found = values.get("logging") or {}
    if found.get("driver") not in _FILE_DRIVERS:
        return
    options = found.get("options") or {}
    size, files = options.get("max-size"), options.get("max-file")
    if size is not None and not _is_log_size(size, smallest=0 if found["driver"] == "local" else 1):
        yield "logging", f"max-size: '{size}' is not a size such as 10m"
    if files is not None and not (files.isdecimal() and int(files)):
        yield "logging", f"max-file: '{files}' is not a number of 1 or more"


def _is_log_size(text: str, *, smallest: int) -> bool:
    try:
        return log_option.parse_file_size(text) >= smallest
    except ValueError:
        return False


def tmpfs(values: Values, _settings: Settings) -> Iterator[Violation]:
    """Values are not shown: they may contain secrets."""
    for target, options in (values.get("tmpfs") or {}).items():
        for option in filter(None, options.split(",")):
            name, given, value = option.partition("=")
            if given and name in _TMPFS_VALUES:
                if not _TMPFS_VALUES[name].fullmatch(value):
                    yield "tmpfs", f"the kernel does not accept the value of {name} of {target}"
            elif given or not _TMPFS_FLAG.fullmatch(name):
                yield "tmpfs", f"'{name}' of {target} is not an option of tmpfs"


RULES: Final = (ulimits, sysctls, process, addresses, logging, tmpfs)
