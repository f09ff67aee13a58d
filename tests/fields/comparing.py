"""Differences between what a user writes and what an engine answers, as text."""

from __future__ import annotations

from typing import Any

from deployer.diagnostics import Origin
from deployer.fields.container import CONTAINER
from deployer.fields.field import View
from deployer.fields.table import Table
from deployer.model.desired import Address, Kind, Resource
from deployer.model.settings import Settings
from deployer.planning.diff import Comparison, diff
from tests.fields.declare import declare, values_of
from tests.fields.engine_answers import ID


def shown(
    declared: dict[str, Any],
    live: dict[str, Any],
    *,
    table: Table = CONTAINER,
    recorded: dict[str, Any] | None = None,
    image: dict[str, Any] | None = None,
    ids: dict[str, str] | None = None,
) -> list[str]:
    """Every difference, `field: old → new (effect)`. `recorded` is written as a declaration is."""
    values = declare(table, declared).values
    view = View(
        declared=values,
        live=values_of(live, table),
        name="it",
        recorded={"image": "busybox:1", **declare(table, recorded or {}).values},
        image=values_of({"Config": image or {}}, table),
        ids=ids or {},
    )
    resource = Resource(Address("web1", Kind(table.kind), "it"), Origin("play.yml"), Settings(), values)
    found = diff(Comparison(table, resource, view, frozenset()))
    return [f"{each.name}: {each.old} → {each.new} ({each.effect.value})" for each in found]


def container(
    config: dict[str, Any] | None = None,
    networks: dict[str, Any] | None = None,
    *,
    name: str = "it",
    **host: Any,
) -> dict[str, Any]:
    return {
        "Id": ID,
        "Name": f"/{name}",
        "Config": {"Hostname": ID[:12]} | (config or {}),
        "HostConfig": {"NetworkMode": "default"} | host,
        "NetworkSettings": {"Networks": {"bridge": {}} if networks is None else networks},
    }
