"""What only one container of a host can hold at a time: fixed host ports and fixed addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from deployer.values import port


def host_ports(values: Mapping[str, Any]) -> Iterator[str]:
    for entry in values.get("ports") or ():
        if host := port.fixed_host_port(entry):
            yield f"host port {host}/{port.protocol(entry)}"


def held(values: Mapping[str, Any]) -> Iterator[str]:
    """In words: `host port 8080/tcp`, `address 10.0.0.9 on front`. Of a range the engine takes what is free."""
    yield from host_ports(values)
    for name, endpoint in (values.get("networks") or {}).items():
        for key in ("ipv4_address", "ipv6_address"):
            if endpoint.get(key):
                yield f"address {endpoint[key]} on {name}"
