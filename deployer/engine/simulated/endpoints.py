"""A container's place in networks: what was asked for, what is in use while it runs, connect and disconnect.

An endpoint record keeps the request (aliases, pinned addresses, driver options) for as long as the container is
attached; ids and addresses are there only while the container runs.
"""

from __future__ import annotations

from typing import Any

from deployer.engine.simulated.addresses import (
    check_static,
    free_address,
    gateway_of,
    mac_for,
    network_of,
    pool_of,
)
from deployer.engine.simulated.lookup import find_network, need_container, need_network
from deployer.engine.simulated.networks import active_endpoints
from deployer.engine.simulated.profile import Profile
from deployer.engine.simulated.refusals import failed, forbidden, invalid, missing
from deployer.engine.simulated.state import Record, SimulatedHost
from deployer.interfaces import Json

_REQUEST_KEYS = ("IPAMConfig", "Links", "Aliases", "DriverOpts")


def blank_endpoint(profile: Profile, request: Json) -> Record:
    """An endpoint as stored before it was ever active. `mac` is the desired hardware address."""
    endpoint: Record = {key: request.get(key) for key in _REQUEST_KEYS}
    endpoint |= _operational_data() | {"NetworkID": "", "mac": ""}
    if profile.speaks("1.44"):
        endpoint["mac"] = request.get("MacAddress") or ""
        endpoint["DNSNames"] = None
    return endpoint


def _operational_data() -> dict[str, Any]:
    return {
        "EndpointID": "",
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "MacAddress": "",
    }


def network_of_mode(mode: str) -> str:
    """The network a mode names; "" where the container has none of its own."""
    if mode in {"", "default", "bridge"}:
        return "bridge"
    return "" if mode.startswith("container:") else mode


def is_user_defined(name: str) -> bool:
    return name not in {"bridge", "default", "host", "none"}


def planned_endpoints(host: SimulatedHost, config: Record, mode: str, requests: Record) -> dict[str, Record]:
    """The endpoints of a new container. Before API 1.44 only one can be given; the mode's network is joined only when
    none is."""
    if config.get("NetworkDisabled") or not network_of_mode(mode):
        return {}
    if len(requests) > 1 and not host.profile.speaks("1.44"):
        raise invalid(f"Container cannot be connected to network endpoints: {', '.join(sorted(requests))}")
    endpoints = {}
    for ref, request in (requests or {network_of_mode(mode): {}}).items():
        network = find_network(host, ref)
        name = network["Name"] if network else "bridge" if ref == "default" else ref
        endpoint = blank_endpoint(host.profile, request or {})
        if host.profile.validates_endpoints_at_create:
            _check_request(host, network, name, endpoint)
        endpoints[name] = endpoint
    return endpoints


def _check_request(host: SimulatedHost, network: Record | None, name: str, endpoint: Record) -> None:
    """What can be refused before the container runs; before engine 25 it was refused at start."""
    modern = host.profile.is_at_least("25")
    refuse = invalid if modern else failed
    if not is_user_defined(name) and endpoint["Aliases"]:
        raise invalid("network-scoped alias is supported only for containers in user defined networks")
    ipam = endpoint["IPAMConfig"] or {}
    addresses = [ipam[key] for key in ("IPv4Address", "IPv6Address") if ipam.get(key)]
    if not addresses:
        return
    if not is_user_defined(name):
        raise invalid("user specified IP address is supported on user defined networks only")
    if network is None:
        return
    for address in addresses:
        version = 6 if ":" in address else 4
        if version not in network["declared_versions"]:
            raise invalid(
                "user specified IP address is supported only when connecting to networks with user configured subnets"
            )
        pool = pool_of(network, version)
        if pool is None or network_of(address).network_address not in network_of(pool["Subnet"]):
            raise refuse(f"no configured subnet or ip-range contain the IP address {address}")


# While the container runs


def activate(host: SimulatedHost, container: Record, name: str, endpoint: Record) -> None:
    """Attaches one endpoint: resolves the network by name, allocates addresses. Changes nothing when it fails."""
    network = find_network(host, name)
    if network is None:
        raise missing(f"network {name} not found")
    _check_request(host, network, name, endpoint)
    allocated = _allocate(host, network, endpoint)
    _add_short_id(host.profile, container, name, endpoint)
    endpoint |= allocated | {"NetworkID": network["Id"], "EndpointID": host.state.new_id("endpoint")}
    if host.profile.speaks("1.44") and is_user_defined(name):
        names = [container["name"], *(endpoint["Aliases"] or []), container["Id"][:12], container["Config"]["Hostname"]]
        endpoint["DNSNames"] = list(dict.fromkeys(names))


def _allocate(host: SimulatedHost, network: Record, endpoint: Record) -> Record:
    if network["Driver"] in {"host", "null"}:
        return {}
    ipam = endpoint["IPAMConfig"] or {}
    used = active_endpoints(host, network).values()
    allocated: Record = {}
    for version, key in ((4, "IPAddress"), (6, "GlobalIPv6Address")):
        pool = pool_of(network, version)
        if pool is None or (version == 6 and not network["EnableIPv6"]):
            continue
        taken = {each[key] for each in used}
        pinned = ipam.get(f"IPv{version}Address")
        address = check_static(network, pinned, taken) if pinned else free_address(network, pool, taken)
        length = "IPPrefixLen" if version == 4 else "GlobalIPv6PrefixLen"
        gateway = "Gateway" if version == 4 else "IPv6Gateway"
        allocated |= {key: address, length: network_of(pool["Subnet"]).prefixlen}
        allocated[gateway] = "" if network["Internal"] else gateway_of(pool)
    mac = endpoint["mac"] or (mac_for(allocated["IPAddress"]) if "IPAddress" in allocated else "")
    return allocated | {"MacAddress": mac.lower()}


def _add_short_id(profile: Profile, container: Record, name: str, endpoint: Record) -> None:
    """Below API 1.45 the aliases shown on a user-defined network include the container's short id."""
    short = container["Id"][:12]
    if is_user_defined(name) and not profile.speaks("1.45") and short not in (endpoint["Aliases"] or []):
        endpoint["Aliases"] = [*(endpoint["Aliases"] or []), short]


def deactivate(container: Record) -> None:
    """Forgets ids and addresses; the network's id stays."""
    for endpoint in container["networks"].values():
        endpoint |= _operational_data()


# Connect and disconnect


def connect(host: SimulatedHost, network_ref: str, container_ref: str, request: Json) -> None:
    """Running: attached at once, twice is refused. Stopped: noted, and a second connect silently changes nothing."""
    container = need_container(host, container_ref)
    network = need_network(host, network_ref)
    name = network["Name"]
    _check_mode(container, network)
    attached = name in container["networks"]
    running = container["State"]["Running"]
    if attached and not running:
        return
    if attached:
        raise forbidden(f"endpoint with name {container['name']} already exists in network {name}")
    endpoint = blank_endpoint(host.profile, dict(request))
    if not host.profile.speaks("1.54"):
        endpoint["mac"] = ""
    _check_request(host, network, name, endpoint)
    if running:
        activate(host, container, name, endpoint)
    else:
        endpoint["NetworkID"] = network["Id"]
        _add_short_id(host.profile, container, name, endpoint)
    container["networks"][name] = endpoint


def _check_mode(container: Record, network: Record) -> None:
    mode = container["HostConfig"]["NetworkMode"]
    if mode.startswith("container:"):
        raise invalid(
            "container sharing network namespace with another container or host "
            "cannot be connected to any other network"
        )
    if mode == "host" or network["Driver"] == "host":
        raise invalid("container cannot be disconnected from host network or connected to host network")
    if mode == "none" or network["Driver"] == "null":
        raise invalid(
            "container cannot be connected to multiple networks with one of the networks in private (none) mode"
        )


def disconnect(host: SimulatedHost, network_ref: str, container_ref: str, *, force: bool) -> None:
    container = need_container(host, container_ref)
    network = find_network(host, network_ref)
    if network is None and not (force or not container["State"]["Running"]):
        raise missing(f"network {network_ref} not found")
    name = network["Name"] if network else network_ref
    if container["HostConfig"]["NetworkMode"] == "host" and name == "host":
        raise invalid("container cannot be disconnected from host network or connected to host network")
    if name not in container["networks"]:
        raise failed(f"container {container['Id']} is not connected to the network {name}")
    del container["networks"][name]
