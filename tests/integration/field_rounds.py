"""Every field of the container table on a real engine: made with the row's `example`, changed to its `other`, then no
longer declared. Each round is planned, applied and planned again.

Fields that change a container in the same way and do not exclude each other share one: starting it costs more than all
else. Each field on its own is tested on simulated engines, in `tests/planning/test_rounds.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployer.fields.container import CONTAINER, GROUPS
from deployer.fields.field import Field
from tests.integration.support import SLEEP, Json, Ran, Site, ids
from tests.lab.host import Host

ROUNDS = ("example", "other", "undeclared")

NOT_STARTED = {
    "auto_remove": "one that runs cannot be changed: it would be gone as soon as it stops",
    "entrypoint": "without it the command of all others is no program",
    "healthcheck": "starting it means waiting for its probes, as long as they say",
    "cgroup_parent": "the cgroup would lie outside the lab's",
    "cpu_rt_runtime": "the lab's cgroup has no real-time budget to give",
    "gpus": "this machine has none; the engine takes the request and fails at start",
    "privileged": "containers of Docker 20.10 cannot get every capability of this kernel",
}
"""Created only, and why."""

CHANGED_IN_PLACE = {
    *("restart", "mem_limit", "memswap_limit", "mem_reservation", "cpus", "cpu_quota", "cpu_period", "cpu_shares"),
    *("cpuset", "cpu_rt_period", "cpu_rt_runtime", "pids_limit"),
}
"""What the engine can update."""

DROPPED_IN_PLACE = {"restart", "pids_limit", "memswap_limit"}
"""… and set back: 0 means "not given" for all others; swap goes back to twice the memory, which is no zero."""

ALONE = {
    "stop_signal": "all others stop at once",
    "network_mode": "it excludes addresses, ports and links",
    "networks": "they exclude links, and are changed in place",
    "uts": "it excludes hostname",
    "cpus": "it excludes cpu_quota",
    "secrets": "its files would have the paths of the configs",
    "publish_all_ports": "the engine chooses ports that it would have to keep",
}
"""What shares no container, and why."""

IMPOSSIBLE = {
    "storage_opt": "overlay2 takes a size only on xfs with project quotas",
}
"""Refused by the engines of the lab, and why."""

BESIDE: Mapping[str, Json] = {
    "stop_signal": {"stop_grace_period": "0s"},
    "memswap_limit": {"mem_limit": "64m"},
}
"""What a field's container has beside it."""


@dataclass(frozen=True, slots=True)
class Round:
    """What was planned, what applying came to, what a plan after it says, and the ids of the containers then."""

    planned: Ran
    applied: Ran
    after: Ran
    ids: Mapping[str, str]


def rows(api: str) -> list[Field]:
    """Rows that an engine of this API version knows and the lab can do."""
    fits = [row for row in CONTAINER.fields if not row.since or _version(api) >= _version(row.since)]
    return [row for row in fits if row.name not in IMPOSSIBLE]


def _version(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))


def container_of(field: str) -> str:
    """The container that has the field: its own, that of fields which are changed in the same way, or its topic's."""
    if field in NOT_STARTED or field in ALONE:
        return f"f-{field.replace('_', '-')}"
    if field in CHANGED_IN_PLACE:
        return "f-dropped-in-place" if field in DROPPED_IN_PLACE else "f-changed-in-place"
    return next(f"f-{n}" for n, fields in enumerate(GROUPS.values()) if field in {row.name for row in fields})


def run_rounds(folder: Path, host: Host) -> dict[str, Round]:
    site = Site(folder, host)
    found = {}
    for name in ROUNDS:
        site.write(_play(rows(host.api_version), name))
        found[name] = Round(site.plan(), site.apply(), site.plan(), ids(host))
    return found


def _play(fields: list[Field], round_name: str) -> Json:
    containers: dict[str, Json] = {"db": dict(SLEEP)}
    for row in fields:
        own = containers.setdefault(container_of(row.name), {**SLEEP, "update": {"monitor": "0s"}})
        own |= BESIDE.get(row.name, {}) | ({"state": "created"} if row.name in NOT_STARTED else {})
        if row.name == "stop_signal":
            del own["stop_signal"]
        if round_name != "undeclared":
            own[row.name] = getattr(row, round_name)
    contents = {"app": {"content": "one"}, "db": {"content": "two"}}
    return {
        "configs": contents,
        "secrets": contents,
        "networks": {"front": {}, "back": {}},
        "volumes": {"data": {}},
        "containers": containers,
    }
