"""Networks of a simulated host: creation, removal, inspection. A network cannot be changed. Three networks are
predefined. A network without declared subnets gets one from the engine's pools; inspect shows it like a declared
one."""

from __future__ import annotations

from deployer.interfaces import Json
from deployer.simulated.addresses import (
    check_free,
    first_address,
    free_subnet,
    free_unique_local_subnet,
    missing_pool,
    network_of,
)
from deployer.simulated.lookup import need_network
from deployer.simulated.network_rules import PREDEFINED, check_network
from deployer.simulated.refusals import forbidden, missing
from deployer.simulated.state import Record, SimulatedHost, engine_json


def predefine_networks(host: SimulatedHost) -> None:
    """As on an engine that was restarted: bridge with 172.17.0.0/16, host and none."""
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
    for network in others if host.profile.is_at_least("25") else ():
        network["IPAM"]["Config"] = None
    for network in (bridge, *others):
        host.state.networks[network["Id"]] = network


def create_network(host: SimulatedHost, body: Json) -> str:
    """Refuses a name in use, as with `CheckDuplicate`, which deployer always sends."""
    check_network(host, body)
    network = _network(host, body)
    source = network["ConfigFrom"]["Network"]
    if source:
        network |= _configuration(host, source)
    else:
        _assign_subnets(host, network, body)
    host.state.networks[network["Id"]] = network
    return str(network["Id"])


def _network(host: SimulatedHost, body: Json) -> Record:
    ipam = body.get("IPAM") or {}
    return {
        "Name": body["Name"],
        "Id": host.state.new_id("network"),
        "Created": host.state.tick(),
        "Scope": "local",
        "Driver": "null" if body.get("ConfigOnly") else body.get("Driver") or "bridge",
        **({"EnableIPv4": body.get("EnableIPv4") is not False} if host.profile.speaks("1.48") else {}),
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


def _configuration(host: SimulatedHost, name: str) -> Record:
    """The part of a configuration-only network that a network copies."""
    for network in host.state.networks.values():
        if network["Name"] == name and network["ConfigOnly"]:
            copied = engine_json(network)
            return {key: copied[key] for key in ("IPAM", "EnableIPv6", "Options", "Labels")} | {
                "declared_versions": network["declared_versions"]
            }
    raise missing(f'configuration network "{name}" does not exist')


def _assign_subnets(host: SimulatedHost, network: Record, body: Json) -> None:
    """Declared entries are kept as written. A missing IPv4 entry comes from the pools: before the declared ones until
    engine 24, after them since 25. A missing IPv6 entry is added from engine 27 on."""
    entries = (body.get("IPAM") or {}).get("Config") or []
    declared: list[Record] = [{key: value for key, value in entry.items() if value} for entry in entries]
    for entry in declared:
        check_free(host, network_of(entry["Subnet"]))
    versions = {network_of(entry["Subnet"]).version for entry in declared}
    network["declared_versions"] = sorted(versions)
    network["IPAM"]["Config"] = declared
    missing = []
    if 4 not in versions and not network["ConfigOnly"] and network.get("EnableIPv4", True):
        missing.append(free_subnet(host))
    if network["EnableIPv6"] and 6 not in versions:
        if not host.profile.is_at_least("27"):
            raise missing_pool("IPv6")
        missing.append(free_unique_local_subnet(host))
    filled = [{"Subnet": str(subnet), "Gateway": first_address(subnet)} for subnet in missing]
    newer = host.profile.is_at_least("25")
    network["IPAM"]["Config"] = [*declared, *filled] if newer else [*filled, *declared]


def remove_network(host: SimulatedHost, ref: str) -> None:
    """Refused while running containers are attached. Stopped containers do not prevent it."""
    network = need_network(host, ref)
    if network["Name"] in PREDEFINED:
        raise forbidden(f"{network['Name']} is a pre-defined network and cannot be removed")
    users = (other["ConfigFrom"]["Network"] for other in host.state.networks.values())
    if network["ConfigOnly"] and network["Name"] in users:
        raise forbidden(f'error while removing network: configuration network "{network["Name"]}" is in use')
    if active_endpoints(host, network):
        raise forbidden(f"network {network['Name']} id {network['Id']} has active endpoints")
    del host.state.networks[network["Id"]]


def active_endpoints(host: SimulatedHost, network: Record) -> dict[str, Record]:
    """Container id → endpoint, for running containers."""
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
