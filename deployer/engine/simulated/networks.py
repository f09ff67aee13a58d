"""Networks of a simulated host: creation with its checks, removal, and the shapes they are shown in.

Nothing of a network can be changed. Three are predefined; a bridge network without declared subnets gets one from the
engine's pools, and inspect does not tell such a subnet from a declared one.
"""

from __future__ import annotations

from typing import Final

from deployer.engine.simulated.addresses import check_free, first_address, free_subnet, missing_pool, network_of
from deployer.engine.simulated.lookup import need_network
from deployer.engine.simulated.profile import Profile
from deployer.engine.simulated.refusals import conflict, failed, forbidden, invalid, missing
from deployer.engine.simulated.state import Record, SimulatedHost, engine_json
from deployer.interfaces import Json

PREDEFINED: Final = ("bridge", "host", "none", "default")
DRIVERS: Final = ("bridge", "macvlan", "ipvlan", "host", "null")


def predefine_networks(host: SimulatedHost) -> None:
    """What a fresh engine has: bridge on 172.17.0.0/16, host and none."""
    bridge = _network(host, {"Name": "bridge", "Driver": "bridge"})
    bridge["IPAM"]["Config"] = [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}]
    bridge["Options"] = {
        "com.docker.network.bridge.default_bridge": "true",
        "com.docker.network.bridge.enable_icc": "true",
        "com.docker.network.bridge.enable_ip_masquerade": "true",
        "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
        "com.docker.network.bridge.name": "docker0",
        "com.docker.network.driver.mtu": "1500",
    }
    others = [_network(host, {"Name": name, "Driver": driver}) for name, driver in (("host", "host"), ("none", "null"))]
    for network in (bridge, *others):
        host.state.networks[network["Id"]] = network


def create_network(host: SimulatedHost, body: Json) -> str:
    """`CheckDuplicate` is taken as given unless the body says False, as every client of the protocol sends it."""
    name = body.get("Name", "")
    _check_name(host, name, allow_duplicate=body.get("CheckDuplicate") is False)
    driver = body.get("Driver") or "bridge"
    if driver not in DRIVERS:
        raise missing(f'plugin "{driver}" not found')
    if driver in {"host", "null"}:
        raise forbidden(f'only one instance of "{driver}" network is allowed')
    _check_options(body.get("Options") or {})
    network = _network(host, body)
    _assign_subnets(host, network, body)
    host.state.networks[network["Id"]] = network
    return str(network["Id"])


def _check_name(host: SimulatedHost, name: str, *, allow_duplicate: bool) -> None:
    if not name or name != name.strip() or "/" in name:
        raise invalid(f"invalid network name: {name or 'name is empty'}")
    if name in PREDEFINED:
        raise forbidden(f"operation is not permitted on predefined {name} network ")
    taken = any(network["Name"] == name for network in host.state.networks.values())
    if taken and (host.profile.is_at_least("25") or not allow_duplicate):
        raise conflict(f"network with name {name} already exists")


def _check_options(options: Record) -> None:
    mtu = options.get("com.docker.network.driver.mtu")
    if mtu is not None and not str(mtu).isdigit():
        raise failed(f'failed to parse com.docker.network.driver.mtu value: "{mtu}"')


def _network(host: SimulatedHost, body: Json) -> Record:
    ipam = body.get("IPAM") or {}
    return {
        "Name": body["Name"],
        "Id": host.state.new_id("network"),
        "Created": host.state.tick(),
        "Scope": "local",
        "Driver": None if body.get("ConfigOnly") else body.get("Driver") or "bridge",
        "EnableIPv6": bool(body.get("EnableIPv6")),
        "IPAM": {
            "Driver": ipam.get("Driver") or "default",
            "Options": ipam.get("Options"),
            "Config": [],
        },
        "Internal": bool(body.get("Internal")),
        "Attachable": bool(body.get("Attachable")),
        "Ingress": bool(body.get("Ingress")),
        "ConfigFrom": {"Network": (body.get("ConfigFrom") or {}).get("Network", "")},
        "ConfigOnly": bool(body.get("ConfigOnly")),
        "Options": dict(body.get("Options") or {}),
        "Labels": dict(body.get("Labels") or {}),
        "declared_versions": [],
    }


def _assign_subnets(host: SimulatedHost, network: Record, body: Json) -> None:
    """Declared entries are kept as written; a family without one is filled from the pools (IPv6 only from 27 on)."""
    entries: list[Record] = [
        {key: value for key, value in entry.items() if value} for entry in (body.get("IPAM") or {}).get("Config") or []
    ]
    declared = [entry for entry in entries if entry.get("Subnet")]
    for entry in declared:
        _check_entry(host.profile, entry)
        check_free(host, network_of(entry["Subnet"]))
    versions = {network_of(entry["Subnet"]).version for entry in declared}
    if network["EnableIPv6"] and 6 not in versions and not host.profile.is_at_least("27"):
        raise missing_pool("IPv6")
    if network["ConfigOnly"]:
        network["IPAM"]["Config"] = declared
        return
    if 4 not in versions:
        subnet = free_subnet(host)
        declared = [{"Subnet": str(subnet), "Gateway": first_address(subnet)}, *declared]
    network["IPAM"]["Config"] = declared
    network["declared_versions"] = sorted(versions)


def _check_entry(profile: Profile, entry: Record) -> None:
    subnet = network_of(entry["Subnet"])
    if profile.is_at_least("25") and str(subnet) != entry["Subnet"].lower() and subnet.version == 4:
        raise invalid(f"invalid network config:\ninvalid subnet {entry['Subnet']}: it should be {subnet}")
    for key in ("Gateway", "IPRange"):
        if entry.get(key) and network_of(entry[key]).network_address not in subnet:
            text = f"invalid {key.lower()} {entry[key]}: parent subnet is {subnet}"
            raise invalid(f"invalid network config:\n{text}") if profile.is_at_least("25") else failed(text)


def remove_network(host: SimulatedHost, ref: str) -> None:
    """Only running containers hold a network; stopped ones lose it without a word."""
    network = need_network(host, ref)
    if network["Name"] in PREDEFINED:
        raise forbidden(f"{network['Name']} is a pre-defined network and cannot be removed")
    if active_endpoints(host, network):
        raise forbidden(
            f"error while removing network: network {network['Name']} id {network['Id']} has active endpoints"
        )
    del host.state.networks[network["Id"]]


def active_endpoints(host: SimulatedHost, network: Record) -> dict[str, Record]:
    """Container id → endpoint, for the containers attached now."""
    return {
        container["Id"]: endpoint
        for container in host.state.containers.values()
        for endpoint in container["networks"].values()
        if endpoint["EndpointID"] and endpoint["NetworkID"] == network["Id"]
    }


def inspect_view(host: SimulatedHost, network: Record) -> Record:
    view = list_view(network)
    for key, endpoint in active_endpoints(host, network).items():
        view["Containers"][key] = {
            "Name": host.state.containers[key]["name"],
            "EndpointID": endpoint["EndpointID"],
            "MacAddress": endpoint["MacAddress"],
            "IPv4Address": _with_length(endpoint["IPAddress"], endpoint["IPPrefixLen"]),
            "IPv6Address": _with_length(endpoint["GlobalIPv6Address"], endpoint["GlobalIPv6PrefixLen"]),
        }
    return view


def list_view(network: Record) -> Record:
    return engine_json(network) | {"Containers": {}}


def _with_length(address: str, length: int) -> str:
    return f"{address}/{length}" if address else ""
