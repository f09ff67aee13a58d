"""Whether the run that holds a lock is a dead process of this machine, so that no run has to wait for its lease. A
process is identified by boot, namespace, number and start time, so that a reused number or another container's process
is not mistaken for it. If the system does not provide these, only leases count."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")


def this_process(proc: Path = _PROC) -> str:
    """ "" if the system does not provide it."""
    place, started = _place(proc), _start(proc, os.getpid())
    return f"{place}/{os.getpid()}/{started}" if place and started else ""


def is_dead(process: str, proc: Path = _PROC) -> bool:
    """Only if it is certain: a process of this machine that no longer exists."""
    place, _, rest = process.partition("/")
    number, _, started = rest.partition("/")
    if not number.isdecimal() or not started or place != _place(proc):
        return False
    return _start(proc, int(number)) != started


def _place(proc: Path) -> str:
    """The boot of this machine and the process namespace; "" if /proc shows those of another namespace."""
    try:
        if (proc / "self").readlink().name != str(os.getpid()):
            return ""
        boot = (proc / "sys/kernel/random/boot_id").read_text().strip()
        space = (proc / "self/ns/pid").readlink()
    except OSError:
        return ""
    return f"{boot}:{space}"


def _start(proc: Path, number: int) -> str:
    """When a process started, in ticks since the boot; "" if there is none, or only a zombie. The program's name, in
    parentheses, may contain anything."""
    try:
        fields = (proc / str(number) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return fields[19] if len(fields) > 19 and fields[0] not in ("Z", "X") else ""
