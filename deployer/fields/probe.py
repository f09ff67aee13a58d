"""`update.probe`: what is asked from outside to find out whether a container works."""

from __future__ import annotations

from typing import Any, Final

from schema import Or

from deployer.fields.leaves import TEXT_MAP, WORDS
from deployer.fields.shapes import Entry, Leaf, Record
from deployer.values import probe

_WAYS: Final = ("http", "tcp", "exec")
_OF_HTTP: Final = ("status", "header")


def _finish(found: dict[str, Any]) -> dict[str, Any]:
    ways = [way for way in _WAYS if found.get(way)]
    if len(ways) != 1:
        raise ValueError("write one of http, tcp and exec")
    if "http" not in found and (extra := [key for key in _OF_HTTP if key in found]):
        raise ValueError(f"'{extra[0]}' is for http")
    if "exec" in found:
        return {"command": tuple(found["exec"])}
    if "tcp" in found:
        return {"port": found["tcp"]}
    port, path = found["http"]
    lowest, highest = found.get("status", (200, 399))
    header = tuple(sorted((found.get("header") or {}).items()))
    if any(end in text for pair in header for text in pair for end in "\r\n"):
        raise ValueError("a header is one line")
    return {"port": port, "path": path, "lowest": lowest, "highest": highest, "header": header}


PROBE: Final = Entry(
    name="probe",
    shape=Record(
        (
            Entry(
                name="http",
                shape=Leaf(str, "a port and a path such as :8080/healthz", probe.parse_where),
                doc="Port of the container and path of a GET request, such as :8080/healthz.",
            ),
            Entry(
                name="status",
                shape=Leaf(Or(int, str), "a status such as 200, or a range such as 200-399", probe.parse_status),
                doc="Good status codes of the answer; default 200-399.",
            ),
            Entry(name="header", shape=TEXT_MAP, doc="Headers of the request."),
            Entry(
                name="tcp",
                shape=Leaf(Or(int, str), "a port such as 5432", probe.parse_port),
                doc="Port of the container that must take a connection.",
            ),
            Entry(name="exec", shape=WORDS, doc="Command in the container that must end with code 0."),
        ),
        _finish,
    ),
    doc="What is asked until it succeeds, besides the healthcheck if there is one.",
)
