"""Options of log drivers, which the engine keeps as text. A driver reads some of them as a size, number, boolean or
duration: `10M` and `10m` are the same size. Units are decimal for files and binary for memory buffers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

from deployer.values import duration

_Read: TypeAlias = Callable[[str], Any]
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([kmgtp])?i?b?", re.IGNORECASE)
_UNITS = " kmgtp"
_BOOLEANS = dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True)
_BOOLEANS |= dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False)
_FACILITIES = ("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp")


def parse_file_size(text: str) -> int:
    """Bytes of a log file. Raises ValueError."""
    return _size(text, 1000)


def _memory(text: str) -> int:
    return _size(text, 1024)


def _size(text: str, unit: int) -> int:
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is not a size such as 10m")
    number, letter = found.groups()
    return int(Decimal(number) * unit ** _UNITS.index((letter or " ").lower()))


def _boolean(text: str) -> bool:
    if text not in _BOOLEANS:
        raise ValueError(f"'{text}' is neither true nor false")
    return _BOOLEANS[text]


def _time(text: str) -> int:
    """Unlike other durations, a number requires a unit, and days are not supported."""
    if text != "0" and (text[-1:].isdigit() or "d" in text):
        raise ValueError(f"'{text}' is not a duration such as 1m30s")
    return duration.parse(text)


def _number(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise ValueError(f"'{text}' is not a number")
    return int(text)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split(","))


def _facility(text: str) -> int:
    if text.startswith("local"):
        return 16 + _number(text.removeprefix("local"))
    return _FACILITIES.index(text) if text in _FACILITIES else _number(text)


def _each(read: _Read, *names: str) -> dict[str, _Read]:
    return dict.fromkeys(names, read)


_BUILT_IN: Final = frozenset(
    ("json-file", "local", "journald", "syslog", "gelf", "fluentd", "awslogs", "splunk", "gcplogs", "logentries")
)
"""The engine's own drivers; how plugins read options is not known."""
_READ: Final[Mapping[str, _Read]] = {
    **_each(_names, "labels", "env"),
    **_each(parse_file_size, "max-size", "cache-max-size"),
    **_each(_memory, "max-buffer-size", "fluentd-buffer-limit"),
    **_each(_number, "max-file", "cache-max-file", "fluentd-max-retries", "splunk-gzip-level"),
    **_each(_number, "gelf-compression-level", "gelf-tcp-max-reconnect", "gelf-tcp-reconnect-delay"),
    **_each(_number, "awslogs-force-flush-interval-seconds", "awslogs-max-buffered-events"),
    **_each(_boolean, "compress", "cache-compress", "cache-disabled", "gcp-log-cmd", "line-only"),
    **_each(_boolean, "fluentd-async", "fluentd-async-connect", "fluentd-request-ack", "fluentd-sub-second-precision"),
    **_each(_boolean, "awslogs-create-group", "awslogs-create-stream", "splunk-gzip", "splunk-index-acknowledgment"),
    **_each(_boolean, "splunk-insecureskipverify", "splunk-verify-connection"),
    **_each(_time, "fluentd-retry-wait", "fluentd-async-reconnect-interval", "fluentd-write-timeout"),
    "syslog-facility": _facility,
}
"""Options by name: all these drivers read an option in the same way."""


def same(driver: str, option: str, one: str, other: str) -> bool:
    """Whether the driver reads both texts as the same value."""
    if one == other or driver not in _BUILT_IN or option not in _READ:
        return one == other
    read = _READ[option]
    try:
        return bool(read(one) == read(other))
    except ValueError:
        return False
