"""What containers use, run and have gone through: `/containers/{id}/stats`, `/containers/{id}/top` and `/events`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from deployer.engine import answers
from deployer.engine.http import EngineHttp, json_stream, quote
from deployer.errors import EngineError, UnreachableError
from deployer.interfaces import EventQuery, Json

_REMEMBERED: Final = 5.0
"""Seconds to wait for an event that the engine may no longer send."""


def stats(http: EngineHttp, ref: str) -> Json:
    found: Json = http.get(f"/containers/{quote(ref)}/stats", {"stream": "0", "one-shot": "1"})
    return found


def processes(http: EngineHttp, ref: str) -> Json:
    found: Json = http.get(f"/containers/{quote(ref)}/top")
    return found


@contextmanager
def events(http: EngineHttp, query: EventQuery, *, timeout: float) -> Iterator[Iterator[Json]]:
    """Over a stream of its own. `timeout`: seconds without an event after which reading raises `UnreachableError`."""
    bounds = {"since": query.since, "until": query.until}
    given = {name: value for name, value in bounds.items() if value}
    if query.filters:
        given["filters"] = json.dumps({key: list(values) for key, values in query.filters.items()})
    with http.apart().stream("GET", "/events", given, timeout=timeout) as answer:
        yield json_stream(answer)


def removed_exit_code(http: EngineHttp, ref: str) -> int | None:
    query = EventQuery("1", "", {"container": (ref,), "event": ("die", "destroy")})
    code = None
    with suppress(EngineError, UnreachableError), events(http, query, timeout=_REMEMBERED) as found:
        for message in found:
            event = answers.read(message, answers.ContainerEvent, "/events")
            if event.action == "destroy":
                break
            code = event.actor.exit_code
    return code
