"""What one container of a host gives up before another takes it: fixed host ports and addresses on its networks, which
only one can hold, and writable volumes and folders, which two versions of one service must not use at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

from deployer.diagnostics import Origin
from deployer.fields.container.network import DEFAULT_NETWORK
from deployer.model.desired import AnyResource
from deployer.model.observed import ObservedContainer
from deployer.values import port


def host_ports(values: Mapping[str, Any]) -> Iterator[str]:
    for entry in values.get("ports") or ():
        if host := port.fixed_host_port(entry):
            yield f"host port {host}/{port.protocol(entry)}"


_MAC: Final = "mac_address"


def writable(values: Mapping[str, Any]) -> Iterator[str]:
    """What two versions of one service must not use at once, in words: volumes and folders."""
    for mount in (values.get("volumes") or {}).values():
        if mount["type"] in ("volume", "bind") and mount.get("source") and not mount.get("read_only"):
            yield f"{mount['type']} {mount['source']}"


Held: TypeAlias = tuple[str, str, str]
"""(network, key of the endpoint, address)."""


def in_words(found: Held) -> str:
    network, key, address = found
    return f"{'MAC ' if key == _MAC else ''}address {address} on {network}"


def place(resource: AnyResource, found: Held) -> Origin:
    """Where the address is declared."""
    path = ("networks", *found[:2])
    return resource.place((_MAC,) if found[1] == _MAC and path not in resource.origins else path)


def addresses(values: Mapping[str, Any]) -> Iterator[Held]:
    """Every fixed address. The container's `mac_address` is that on its first network."""
    networks: Mapping[str, Mapping[str, Any]] = values.get("networks") or {}
    for name, endpoint in networks.items():
        yield from ((name, key, endpoint[key]) for key in ("ipv4_address", "ipv6_address", _MAC) if endpoint.get(key))
    if values.get(_MAC):
        yield next(iter(networks), DEFAULT_NETWORK), _MAC, values[_MAC]


_BRIDGE_NAME: Final = "com.docker.network.bridge.name"
PARENTED: Final = ("ipvlan", "macvlan")


def interface(driver: str, options: Mapping[str, str]) -> str:
    """What only one network of a host can use, in words: the interface of a bridge, the parent of an ipvlan or macvlan;
    "" for none. Engines from 28 on let macvlan networks share one (measured on 20.10, 26.1 and 28.5)."""
    if driver == "bridge" and options.get(_BRIDGE_NAME):
        return f"bridge {options[_BRIDGE_NAME]}"
    return f"{driver} parent {options['parent']}" if driver in PARENTED and options.get("parent") else ""


def held(values: Mapping[str, Any]) -> Iterator[str]:
    """In words: `host port 8080/tcp`, `address 10.0.0.9 on front`. Of a range the engine takes what is free."""
    yield from host_ports(values)
    yield from map(in_words, addresses(values))


def in_use(live: ObservedContainer) -> set[str]:
    """The same of a container that runs, with what the engine chose."""
    return {*held(live.values), *map(in_words, live.holds)}
