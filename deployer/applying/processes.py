"""Whether a run that holds a lock is a dead process of this machine: then no run has to wait for its lease.

A process is named by boot, namespace, number and start, so that neither a number given again nor another container
of the machine is taken for it. Where the system does not tell, nothing is known, and leases decide.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")


def this_process(proc: Path = _PROC) -> str:
    """ "" where the system does not tell."""
    place, started = _place(proc), _start(proc, os.getpid())
    return f"{place}/{os.getpid()}/{started}" if place and started else ""


def is_dead(process: str, proc: Path = _PROC) -> bool:
    """Only when it is certain: it was one of ours, and is gone or another."""
    place, _, rest = process.partition("/")
    number, _, started = rest.partition("/")
    if not number.isdecimal() or not started or place != _place(proc):
        return False
    return _start(proc, int(number)) != started


def _place(proc: Path) -> str:
    """This boot of this machine, and the namespace whose numbers we see; "" where /proc shows another's numbers."""
    try:
        if (proc / "self").readlink().name != str(os.getpid()):
            return ""
        boot = (proc / "sys/kernel/random/boot_id").read_text().strip()
        space = (proc / "self/ns/pid").readlink()
    except OSError:
        return ""
    return f"{boot}:{space}"


def _start(proc: Path, number: int) -> str:
    """When a process began, in ticks since the boot; "" for none, and for one that has ended but is not yet taken note
    of. The program's name, in parentheses, may hold anything."""
    try:
        fields = (proc / str(number) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return fields[19] if len(fields) > 19 and fields[0] not in ("Z", "X") else ""
