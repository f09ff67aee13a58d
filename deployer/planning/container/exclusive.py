"""What one container of a host gives up before another takes it: fixed host ports and fixed addresses, which only one
can hold, and writable volumes and folders, which two versions of one service must not use at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployer.values import port


def host_ports(values: Mapping[str, Any]) -> Iterator[str]:
    for entry in values.get("ports") or ():
        if host := port.fixed_host_port(entry):
            yield f"host port {host}/{port.protocol(entry)}"


def writable(values: Mapping[str, Any]) -> Iterator[str]:
    for mount in (values.get("volumes") or {}).values():
        if mount["type"] in ("volume", "bind") and mount.get("source") and not mount.get("read_only"):
            yield f"{mount['type']} {mount['source']}"


def held(values: Mapping[str, Any]) -> Iterator[str]:
    """In words: `host port 8080/tcp`, `address 10.0.0.9 on front`. Of a range the engine takes what is free."""
    yield from host_ports(values)
    for name, endpoint in (values.get("networks") or {}).items():
        for key in ("ipv4_address", "ipv6_address"):
            if endpoint.get(key):
                yield f"address {endpoint[key]} on {name}"
