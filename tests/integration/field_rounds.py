"""Every field of the container table on a real engine, one container a field: made with the row's `example`, changed to
its `other`, then no longer declared. Each round is planned, applied and planned again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer.fields.container import CONTAINER
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

IMPOSSIBLE = {
    "storage_opt": "overlay2 takes a size only on xfs with project quotas",
}
"""Refused by the engines of the lab, and why."""

BESIDE: Mapping[str, Json] = {
    "stop_signal": {"stop_grace_period": "0s"},
    "memswap_limit": {"mem_limit": "64m"},
}
"""What a field needs beside it."""


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
    return f"f-{field.replace('_', '-')}"


def run_rounds(folder: Path, host: Host) -> dict[str, Round]:
    site = Site(folder, host)
    found = {}
    for name in ROUNDS:
        site.write(_play(rows(host.api_version), name))
        found[name] = Round(site.plan(), site.apply(), site.plan(), ids(host))
    return found


def _play(fields: list[Field], round_name: str) -> Json:
    containers = {container_of(row.name): _container(row, round_name) for row in fields}
    return {
        "networks": {"front": {}, "back": {}},
        "volumes": {"data": {}},
        "containers": {"db": dict(SLEEP), **containers},
    }


def _container(row: Field, round_name: str) -> Json:
    values: dict[str, Any] = {**SLEEP, "update": {"monitor": "0s"}, **BESIDE.get(row.name, {})}
    if row.name == "stop_signal":
        del values["stop_signal"]
    if row.name in NOT_STARTED:
        values["state"] = "created"
    return values if round_name == "undeclared" else values | {row.name: getattr(row, round_name)}
