"""What simulated containers use, run and have gone through. Nothing is measured: numbers are those of an idle
container, and events are made from the times of the containers that exist."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from deployer.interfaces import EventQuery, Json
from deployer.simulated.lookup import need_container
from deployer.simulated.refusals import conflict
from deployer.simulated.state import NEVER, Record, SimulatedHost, unix_seconds

_TITLES: Final = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
_USED: Final = 4 * 1024 * 1024


def stats(host: SimulatedHost, ref: str) -> dict[str, Any]:
    """Of an idle container; of one that does not run, what engines give."""
    container = need_container(host, ref)
    found: dict[str, Any] = {"id": container["Id"], "name": f"/{container['name']}", "read": "0001-01-01T00:00:00Z"}
    if not container["State"]["Running"]:
        return found | {"pids_stats": {}, "cpu_stats": {}, "precpu_stats": {}, "memory_stats": {}}
    limit = container["HostConfig"].get("Memory") or host.facts.memory
    return found | {
        "read": host.state.now(),
        "pids_stats": {"current": 1},
        "cpu_stats": {
            "cpu_usage": {"total_usage": 10_000_000},
            "system_cpu_usage": 1_000_000_000_000,
            "online_cpus": host.facts.cpus,
        },
        "precpu_stats": {},
        "memory_stats": {"usage": _USED, "limit": limit, "stats": {"inactive_file": 0}},
        "networks": {"eth0": {"rx_bytes": 0, "tx_bytes": 0}},
        "blkio_stats": {"io_service_bytes_recursive": None},
    }


def processes(host: SimulatedHost, ref: str) -> Json:
    container = need_container(host, ref)
    if not container["State"]["Running"]:
        raise conflict(f"Container {container['Id']} is not running")
    command = " ".join([container["Path"], *container["Args"]])
    return {"Titles": _TITLES, "Processes": [["root", "1", "0", "0", "00:00", "?", "00:00:00", command]]}


def events(host: SimulatedHost, query: EventQuery) -> list[Json]:
    """In the order of their times; as from engines, only those to come without a bound."""
    if not (query.since or query.until):
        return []
    since, until = (Decimal(bound) if bound else None for bound in (query.since, query.until))
    return sorted(
        (
            event
            for container in host.state.containers.values()
            for event in _of(container)
            if (since is None or event["time"] >= since)
            and (until is None or event["time"] <= until)
            and _matches(event, query.filters)
        ),
        key=lambda event: event["timeNano"],
    )


def _of(container: Record) -> Iterator[dict[str, Any]]:
    state = container["State"]
    own = {**container["Config"]["Labels"], "image": container["Config"]["Image"], "name": container["name"]}
    for action, stamp in (
        ("create", container["Created"]),
        ("start", state["StartedAt"]),
        ("die", state["FinishedAt"]),
    ):
        if stamp != NEVER:
            seconds = unix_seconds(stamp)
            more = {"exitCode": str(state["ExitCode"])} if action == "die" else {}
            yield {
                "status": action,
                "id": container["Id"],
                "Type": "container",
                "Action": action,
                "Actor": {"ID": container["Id"], "Attributes": own | more},
                "scope": "local",
                "time": seconds,
                "timeNano": seconds * 10**9,
            }


def _matches(event: Json, filters: Mapping[str, tuple[str, ...]]) -> bool:
    attributes = event["Actor"]["Attributes"]
    known = {"type": event["Type"], "event": event["Action"], "container": attributes["name"], **attributes}
    return all(
        any(fnmatch.fnmatchcase(str(known.get(key, "")), value) or event["Actor"]["ID"] == value for value in values)
        for key, values in filters.items()
    )
