"""Bodies of engine calls, derived from the field tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployer.fields.container import CONTAINER
from deployer.fields.container.network import DEFAULT_NETWORK, endpoint_to_engine
from deployer.fields.field import Body
from deployer.fields.table import Table
from deployer.model import ownership
from deployer.model.desired import AnyResource, Workload
from deployer.model.kinds import KINDS
from deployer.model.observed import ObservedContainer
from deployer.model.plan import FieldDiff
from deployer.planning.context import Context
from deployer.planning.objects import Object


def container_body(ctx: Context, resource: Workload, carried: Mapping[str, str]) -> Body:
    """The create body. `carried`: anonymous volumes of the predecessor, by target. `HostConfig` is always sent: engines
    fill in other defaults without it."""
    body: Body = {"Image": resource.settings.image, "HostConfig": {}}
    return _filled(ctx, resource, body, _with_volumes(resource.values, carried))


def object_body(ctx: Context, resource: Object) -> Body:
    """The create body of a network or volume."""
    return _filled(ctx, resource, {"Name": resource.name}, resource.values)


def _filled(ctx: Context, resource: AnyResource, body: Body, values: Mapping[str, Any]) -> Body:
    """With every declared field, and the labels of ownership."""
    write_fields(KINDS[resource.kind].table, values, body)
    own = ownership.labels(resource, ctx.desired.project, ctx.desired.sealing, ctx.policy.version)
    body["Labels"] = dict(body.get("Labels") or {}) | own
    return body


def write_fields(table: Table, values: Mapping[str, Any], body: Body) -> None:
    for row in table.fields:
        if row.name in values:
            row.access.write(values[row.name], body)


def _with_volumes(values: Mapping[str, Any], carried: Mapping[str, str]) -> Mapping[str, Any]:
    """The values with these volumes mounted, with the options declared for their paths."""
    if not carried:
        return values
    mounts = dict(values.get("volumes") or {})
    for target, volume in carried.items():
        mounts[target] = {"type": "volume"} | mounts.get(target, {}) | {"source": volume}
    return {**values, "volumes": mounts}


def add_alias(body: Body, alias: str) -> None:
    """Aliases are valid on user-defined networks only, not on the default one."""
    endpoints = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
    for network, endpoint in endpoints.items():
        if network != DEFAULT_NETWORK:
            endpoint["Aliases"] = [*(endpoint.get("Aliases") or ()), alias]


def split_endpoints(ctx: Context, body: Body) -> dict[str, dict[str, Any]]:
    """Keep in the body the endpoints that the engine accepts at creation; return those to connect afterwards."""
    endpoints = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
    if ctx.many_endpoints or len(endpoints) <= 1:
        return {}
    first, *rest = endpoints
    body["NetworkingConfig"] = {"EndpointsConfig": {first: endpoints[first]}}
    return {name: endpoints[name] for name in rest}


def update_body(diffs: Iterable[FieldDiff], wanted: Mapping[str, Any], live: ObservedContainer) -> Body:
    """The body of an update to the desired values. Memory and swap are sent together: the engine refuses a memory limit
    above its stored swap limit, by default twice the old memory limit."""
    body: Body = {"HostConfig": {}}
    changed = {found.path[0] for found in diffs}
    for name in sorted(changed):
        row = CONTAINER.row(name)
        row.access.write(wanted.get(name, row.zero), body)
    if changed & {"mem_limit", "memswap_limit"}:
        memory = wanted.get("mem_limit", live.values.get("mem_limit", 0))
        body["HostConfig"]["Memory"] = memory
        body["HostConfig"]["MemorySwap"] = wanted.get("memswap_limit") or 2 * memory
    return dict(body["HostConfig"])


def endpoint_body(values: Mapping[str, Any], network: str) -> Body:
    return endpoint_to_engine((values.get("networks") or {}).get(network) or {})
