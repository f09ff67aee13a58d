"""What an engine answers to an inspect after it was sent a create body: the same values in other places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deployer.fields.field import Body
from deployer.fields.table import Table

ID = "0123456789ab" + "f" * 52


def body_of(table: Table, values: Mapping[str, Any]) -> Body:
    body: Body = {"HostConfig": {}} if table.kind == "container" else {}
    for row in table.fields:
        if row.name in values:
            row.access.write(values[row.name], body)
    return body


def inspect_of(table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
    match table.kind:
        case "container":
            return _container(body)
        case "volume":
            return {"Options": body.get("DriverOpts"), "Labels": None, "Driver": "local"} | dict(body)
        case _:
            return {"Options": {}, "Labels": {}, "IPAM": {"Driver": "default", "Options": None}} | dict(body)


def _container(body: Mapping[str, Any]) -> dict[str, Any]:
    config = {key: value for key, value in body.items() if key not in ("HostConfig", "NetworkingConfig")}
    host = {"NetworkMode": "default"} | dict(body.get("HostConfig") or {})
    endpoints = (body.get("NetworkingConfig") or {}).get("EndpointsConfig") or {}
    attached = {name: _endpoint(sent) for name, sent in (endpoints or {"bridge": {}}).items()}
    shared = host["NetworkMode"].startswith("container:") or host["NetworkMode"] in ("host", "none")
    return {
        "Id": ID,
        "Name": "/it",
        "Config": {"Hostname": ID[:12], "Labels": {}, "Env": None} | config,
        "HostConfig": host,
        "NetworkSettings": {"Networks": {} if shared else attached},
    }


def _endpoint(sent: Mapping[str, Any]) -> dict[str, Any]:
    """Intent as it was sent; the short id that engines before API 1.45 add; what only a running container has."""
    aliases = [*(sent.get("Aliases") or ()), ID[:12]]
    return {"IPAMConfig": None, "IPAddress": "172.17.0.2", "NetworkID": "abc"} | dict(sent) | {"Aliases": aliases}
