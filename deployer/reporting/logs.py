"""Lines of several containers as text: each after the container's name, in its colour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeAlias

from deployer.interfaces import LogLine
from deployer.reporting.lines import visible

_COLOURS: Final = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_COLOUR_CODES: Final = re.compile(r"(\x1b\[[0-9;:]*m)")
_NEEDS_CARE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

_ID: Final = re.compile(r"[0-9a-f]{64}")
_STREAMS: Final = {0: "stdin", 1: "stdout", 2: "stderr"}

Place: TypeAlias = tuple[str, str]
"""A host and a container of it, "" for the host itself."""


class Prefixes:
    """Remembers the colour of each container, and the widest name. `terminal`: control characters of the output are
    shown as escapes, except tabs and colours."""

    def __init__(self, places: Iterable[Place], *, colour: bool, terminal: bool) -> None:
        self._colour = colour
        self._terminal = terminal
        self._known: dict[Place, str] = {}
        named = list(dict.fromkeys(places))
        self._width = max((len(_name(place)) for place in named), default=0)
        for place in named:
            self._prefix(place)

    def line(self, place: Place, text: str, *, time: str = "") -> str:
        """With its end."""
        if self._terminal and _NEEDS_CARE.search(text):
            text = cleaned(text)
        prefix = self._known.get(place) or self._prefix(place)
        return f"{prefix}{time} {text}\n" if time else f"{prefix}{text}\n"

    def _prefix(self, place: Place) -> str:
        name = _name(place)
        self._width = max(self._width, len(name))
        code = _COLOURS[len(self._known) % len(_COLOURS)]
        padded = f"{name:<{self._width}} |"
        prefix = self._known[place] = f"\x1b[{code}m{padded}\x1b[0m " if self._colour else f"{padded} "
        return prefix


def _name(place: Place) -> str:
    return visible("/".join(filter(None, place)))


def cleaned(text: str) -> str:
    """Tabs and colours stay; a colour does not reach the next line."""
    parts = _COLOUR_CODES.split(text)
    shown = "".join(part if number % 2 else _plain(part) for number, part in enumerate(parts))
    return f"{shown}\x1b[0m" if len(parts) > 1 else shown


def _plain(text: str) -> str:
    return "\t".join(visible(part) for part in text.split("\t"))


def log_documents(lines: Iterable[tuple[Place, LogLine]]) -> Iterator[dict[str, Any]]:
    for (host, container), line in lines:
        yield {
            "type": "log",
            "host": host,
            "container": container,
            "stream": _STREAMS[line.stream],
            "time": line.time,
            "text": line.text,
        }


def output_document(place: Place, stream: int, text: str) -> dict[str, Any]:
    """A line of a command."""
    return {"type": "output", "host": place[0], "container": place[1], "stream": _STREAMS[stream], "text": text}


def ended_document(place: Place, code: int | None, error: str, hint: str) -> dict[str, Any]:
    """A command that has ended, or could not run."""
    ended = {"type": "command_ended", "host": place[0], "container": place[1], "exit_code": code}
    return ended | {"error": error, "hint": hint}


def event_words(event: Any) -> str:
    """`container die web (exitCode=137, image=nginx)`, without labels: their names have a dot."""
    known = ", ".join(f"{key}={_short(value)}" for key, value in event.attributes.items() if "." not in key)
    return f"{event.kind} {event.action} {_short(event.name)}{f' ({known})' if known else ''}"


def _short(text: str) -> str:
    """Of an id, the digits that the docker command shows."""
    return text[:12] if _ID.fullmatch(text) else text


def event_document(event: Any) -> dict[str, Any]:
    return {
        "type": "event",
        "host": event.host,
        "time": event.time,
        "kind": event.kind,
        "action": event.action,
        "name": event.name,
        "attributes": dict(event.attributes),
    }
