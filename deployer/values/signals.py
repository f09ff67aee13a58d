"""Signals: `15`, `TERM`, `sigterm` and `SIGTERM` are the same. Numbers are those of Linux on every system."""

from __future__ import annotations

import re

# fmt: off
_NAMES = (
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
    "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
    "WINCH", "IO", "PWR", "SYS",
)
# fmt: on
_NUMBERS = {name: number for number, name in enumerate(_NAMES, start=1)}
_SYNONYMS = {"IOT": "ABRT", "CLD": "CHLD", "POLL": "IO", "UNUSED": "SYS"}
_RTMIN, _RTMAX = 34, 64
_REALTIME = re.compile(r"RTMIN(?:\+(\d{1,2}))?|RTMAX(?:-(\d{1,2}))?")


def parse(value: int | str) -> str:
    """The canonical name, `SIGTERM` or `SIGRTMIN+3`. Raises ValueError."""
    text = str(value).strip().upper()
    if text.isdigit():
        return _name(int(text), value)
    short = text.removeprefix("SIG")
    short = _SYNONYMS.get(short, short)
    if short in _NUMBERS:
        return f"SIG{short}"
    return _name(_realtime(short), value)


def _realtime(short: str) -> int:
    """34 for `RTMIN`, 36 for `RTMIN+2`, 62 for `RTMAX-2`; 0 for other text."""
    found = _REALTIME.fullmatch(short)
    if found is None:
        return 0
    above, below = found.groups()
    return _RTMAX - int(below or 0) if short.startswith("RTMAX") else _RTMIN + int(above or 0)


def _name(number: int, value: int | str) -> str:
    if 1 <= number <= len(_NAMES):
        return f"SIG{_NAMES[number - 1]}"
    if _RTMIN <= number <= _RTMAX:
        return f"SIGRTMIN+{number - _RTMIN}" if number > _RTMIN else "SIGRTMIN"
    raise ValueError(f"'{value}' is not a signal such as SIGTERM")
