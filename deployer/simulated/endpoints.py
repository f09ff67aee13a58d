"""A container's endpoints: what was requested, and what is in use while it runs. The request (aliases, fixed addresses,
driver options) is kept as long as the container is attached; ids and addresses exist only while it runs."""

from __future__ import annotations

from typing import Any

from deployer.interfaces import Json
from deployer.simulated.addresses import check_static, free_address, gateway_of, mac_for, mac_of, network_of, pool_of
from deployer.simulated.endpoint_rules import check_at_create, check_at_use, is_user_defined, pinned_addresses
from deployer.simulated.lookup import find_network
from deployer.simulated.networks import active_endpoints
from deployer.simulated.profile import Profile
from deployer.simulated.refusals import failed, invalid, missing
from deployer.simulated.state import Record, SimulatedHost


def blank_endpoint(profile: Profile, request: Json) -> Record:
    """An endpoint as stored before it was ever active. `mac` is the hardware address it will be given.

    The address in a request is shown until the first start; only from API 1.44 on does it have an effect.
    """
    endpoint: Record = {key: request.get(key) for key in ("IPAMConfig", "Links", "Aliases", "DriverOpts")}
    endpoint |= _operational_data() | {"NetworkID": "", "mac": ""}
    endpoint["MacAddress"] = request.get("MacAddress") or ""
    if profile.speaks("1.44"):
        endpoint["mac"] = endpoint["MacAddress"]
        endpoint["DNSNames"] = None
    if profile.speaks("1.48"):
        endpoint["GwPriority"] = request.get("GwPriority") or 0
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


def planned_endpoints(host: SimulatedHost, config: Record, mode: str, requests: Record) -> dict[str, Record]:
    """The endpoints of a new container. Before API 1.44 only one can be given; the mode's network is joined only when
    none is. A network that is the mode's is stored by its name, another one under the key it was given by."""
    if config.get("NetworkDisabled") or not network_of_mode(mode):
        return {}
    if len(requests) > 1 and not host.profile.speaks("1.44"):
        raise invalid(f"Container cannot be connected to network endpoints: {', '.join(sorted(requests))}")
    endpoints = {}
    for ref, request in (requests or {network_of_mode(mode): {}}).items():
        network = find_network(host, ref)
        name = network["Name"] if network else "bridge" if ref == "default" else ref
        endpoint = blank_endpoint(host.profile, request or {})
        check_at_create(host.profile, network, name, endpoint)
        others = network is not None and find_network(host, network_of_mode(mode)) is not network
        endpoints[ref if others and len(requests) > 1 else name] = endpoint
    return endpoints


def by_name(host: SimulatedHost, endpoints: dict[str, Record]) -> dict[str, Record]:
    """Completes the endpoints at the first start."""
    found = {ref: find_network(host, ref) for ref in endpoints}
    return {network["Name"] if (network := found[ref]) else ref: endpoint for ref, endpoint in endpoints.items()}


def activate(host: SimulatedHost, container: Record, name: str, endpoint: Record) -> None:
    """Attaches one endpoint and allocates addresses. Names stay even when that fails.

    A user-defined network that was used before is looked for by its id: one that was recreated under the same name is
    not joined until the container is disconnected and connected again.
    """
    wanted = endpoint["NetworkID"] if is_user_defined(name) and endpoint["NetworkID"] else name
    network = find_network(host, wanted)
    if network is None:
        raise missing(f"network {wanted} not found")
    add_names(host.profile, container, name, endpoint)
    check_at_use(host.profile, network, endpoint)
    endpoint |= _allocated(host, network, endpoint)
    container["sandbox"] = True
    endpoint |= {"NetworkID": network["Id"], "EndpointID": host.state.new_id("endpoint")}


def add_names(profile: Profile, container: Record, name: str, endpoint: Record) -> None:
    """On a user-defined network a container answers to its short id: among the aliases below API 1.45, among the
    `DNSNames` from 1.44 on."""
    if not is_user_defined(name):
        return
    short, aliases = container["Id"][:12], endpoint["Aliases"] or []
    if profile.speaks("1.44"):
        hostname = container["Config"]["Hostname"]
        endpoint["DNSNames"] = list(dict.fromkeys([container["name"], *aliases, short, hostname]))
    if not profile.speaks("1.45") and short not in aliases:
        endpoint["Aliases"] = [*aliases, short]


def _allocated(host: SimulatedHost, network: Record, endpoint: Record) -> Record:
    if network["Driver"] in {"host", "null"}:
        return {"MacAddress": ""}
    for address in (endpoint["IPAMConfig"] or {}).get("LinkLocalIPs") or []:
        if not address[:1].isdigit() and ":" not in address:
            raise failed(f"Invalid link-local IP address: [{address}]")
    pinned = pinned_addresses(endpoint)
    used = active_endpoints(host, network).values()
    allocated: Record = {}
    for version, prefix in ((4, "IP"), (6, "GlobalIPv6")):
        pool = pool_of(network, version)
        if pool is None or (version == 6 and not network["EnableIPv6"]):
            continue
        taken = {each[f"{prefix}Address"] for each in used}
        wanted = pinned.get(version)
        allocated[f"{prefix}Address"] = (
            check_static(network, wanted, taken) if wanted else free_address(network, pool, taken)
        )
        allocated[f"{prefix}PrefixLen"] = network_of(pool["Subnet"]).prefixlen
        allocated["Gateway" if version == 4 else "IPv6Gateway"] = gateway_of(pool)
        if network["Internal"] and host.profile.is_at_least("25"):
            allocated["Gateway" if version == 4 else "IPv6Gateway"] = ""
    derived = ""
    if "IPAddress" in allocated:
        random = host.profile.is_at_least("28")
        derived = mac_of(host.state.new_id("mac")) if random else mac_for(allocated["IPAddress"])
    return allocated | {"MacAddress": (endpoint["mac"] or derived).lower()}


def deactivate(container: Record) -> None:
    """Removes ids and addresses; the network's id is kept."""
    for endpoint in container["networks"].values():
        endpoint |= _operational_data()
