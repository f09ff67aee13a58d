"""Host names in inventories: `web[01:10:2].example.com:2222`, `[::1]:22`."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

_MAX_HOSTS = 100_000
_BRACKETED_PORT = re.compile(r"\[(?P<host>[^\]]*:[^\]]*:[^\]]*|[^:\]]+)\]:(?P<port>[0-9]+)\Z")
_BRACKETED_IPV6 = re.compile(r"\[(?P<host>[0-9A-Fa-f]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%\w]*)\]\Z")
_PORT = re.compile(r"(?P<host>(?:[^:\[\]]|\[[^\]]*\])+):(?P<port>[0-9]+)\Z")
_RANGE = re.compile(r"\[([^\[\]]*:[^\[\]]*)\]")


class NameFaultError(ValueError):
    """An invalid host name; the text says why."""


def expand(text: str) -> tuple[tuple[str, ...], int | None]:
    """All hosts of a name with ranges, and the port; raises `NameFaultError`."""
    name, port = split_port(text)
    if name.endswith(":"):
        raise NameFaultError("a host name cannot end with ':'")
    if not name or re.search(r"[\s,]", name):
        raise NameFaultError(f"'{text}' is not a host name")
    names = []
    for made in _expanded(name):
        names.append(made)
        if len(names) > _MAX_HOSTS:
            raise NameFaultError(f"the range expands to more than {_MAX_HOSTS:,} hosts")
    return tuple(names), port


def split_port(text: str) -> tuple[str, int | None]:
    """Name and port of `host:port` and `[ipv6]:port`, without brackets."""
    for form in (_BRACKETED_PORT, _BRACKETED_IPV6, _PORT):
        found = form.match(text)
        if found is None:
            continue
        port = int(found["port"]) if "port" in form.groupindex else None
        if port is not None and not 0 < port < 65536:
            raise NameFaultError(f"{port} is not a port number")
        return found["host"], port
    return text, None


def _expanded(name: str) -> Iterator[str]:
    found = _RANGE.search(name)
    if found is None:
        if "[" in name or "]" in name:
            raise NameFaultError(f"'{name}' is not a host name; a range is written [first:last] or [first:last:step]")
        yield name
        return
    head, tail = name[: found.start()], name[found.end() :]
    for value in _values(found[1]):
        yield from _expanded(head + value + tail)


def _values(written: str) -> Iterator[str]:
    bounds = written.split(":")
    if len(bounds) > 3:
        raise NameFaultError(f"[{written}] is not a range; write [first:last] or [first:last:step]")
    first, last, step = bounds[0] or "0", bounds[1], bounds[2] if len(bounds) == 3 else "1"
    if not last:
        raise NameFaultError(f"the range [{written}] has no end")
    if not step.isdecimal() or int(step) == 0:
        raise NameFaultError(f"the step of the range [{written}] is not a positive number")
    if first in string.ascii_letters and last in string.ascii_letters and len(first) == len(last) == 1:
        return _letters(written, first, last, int(step))
    if not (first.isdecimal() and last.isdecimal()):
        raise NameFaultError(f"the ends of the range [{written}] are neither numbers nor single letters")
    return _numbers(written, first, last, int(step))


def _letters(written: str, first: str, last: str, step: int) -> Iterator[str]:
    letters = string.ascii_letters
    if letters.index(first) > letters.index(last):
        raise NameFaultError(f"the range [{written}] ends before it begins")
    return iter(letters[letters.index(first) : letters.index(last) + 1 : step])


def _numbers(written: str, first: str, last: str, step: int) -> Iterator[str]:
    is_padded = first.startswith("0") and len(first) > 1
    if is_padded and len(first) != len(last):
        raise NameFaultError(f"the ends of the padded range [{written}] differ in length")
    if int(first) > int(last):
        raise NameFaultError(f"the range [{written}] ends before it begins")
    width = len(first) if is_padded else 0
    return (str(number).zfill(width) for number in range(int(first), int(last) + 1, step))
