"""Checks of a new network. Engine 25 and later check all subnets together and answer 400; older ones check one after
another and answer 500 or 403."""

from __future__ import annotations

import ipaddress
from typing import Final

from deployer.interfaces import Json
from deployer.simulated.addresses import Network, network_of
from deployer.simulated.profile import Profile
from deployer.simulated.refusals import conflict, failed, forbidden, invalid, missing
from deployer.simulated.state import Record, SimulatedHost

PREDEFINED: Final = ("bridge", "host", "none", "default")
DRIVERS: Final = ("bridge", "macvlan", "ipvlan", "host", "null", "overlay")
_FLAGS: Final = ("enable_icc", "enable_ip_masquerade", "default_bridge")
_TRUTHS: Final = ("1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False")


def check_network(host: SimulatedHost, body: Json) -> None:
    """Checks the create body, without conflicts with subnets in use."""
    name, profile = body.get("Name", ""), host.profile
    _check_name(host, name)
    _check_driver(profile, body)
    _check_configuration(body)
    ipam = body.get("IPAM") or {}
    if ipam.get("Driver") not in {None, "", "default", "null"}:
        raise missing(f'plugin "{ipam["Driver"]}" not found')
    entries = [dict(entry) for entry in ipam.get("Config") or []]
    for entry in entries:
        _check_entry(profile, entry)
    families = [network_of(entry["Subnet"]).version for entry in entries]
    if (body.get("Driver") or "bridge") == "bridge" and len(set(families)) < len(families):
        raise forbidden("bridge driver doesn't support multiple subnets")
    _check_options(profile, dict(body.get("Options") or {}))


def _check_name(host: SimulatedHost, name: str) -> None:
    modern = host.profile.is_at_least("25")
    if not name.strip():
        if not modern and not name:
            raise conflict("network with an empty name already exists")
        raise (invalid if modern else failed)(f"invalid name: {name}")
    if name in PREDEFINED:
        raise forbidden(f"operation is not permitted on predefined {name} network ")
    if any(network["Name"] == name for network in host.state.networks.values()):
        raise conflict(f"network with name {name} already exists")


def _check_driver(profile: Profile, body: Json) -> None:
    driver = body.get("Driver") or "bridge"
    if driver not in DRIVERS:
        raise missing(f'plugin "{driver}" not found')
    if driver in {"host", "null"}:
        raise forbidden(f'only one instance of "{driver}" network is allowed')
    if driver == "overlay":
        raise (forbidden if profile.is_at_least("25") else failed)("this node is not a swarm manager")
    if body.get("Scope") == "swarm":
        raise forbidden("cannot create a swarm scoped network when swarm is not active")
    if body.get("Ingress"):
        raise forbidden("Ingress network can only be global scope network")


def _check_configuration(body: Json) -> None:
    """A configuration-only network has no options of use; a network with config_from has no configuration of its own,
    not even labels."""
    ipam = body.get("IPAM") or {}
    if body.get("ConfigOnly") and any(body.get(key) for key in ("Internal", "Attachable", "Ingress", "Scope")):
        raise forbidden("a configuration network supports no ingress, internal, attachable or scope")
    if (body.get("ConfigFrom") or {}).get("Network"):
        own = (body.get("EnableIPv6"), body.get("Labels"), ipam.get("Options"), ipam.get("Config"))
        if any(own) or body.get("Options"):
            raise forbidden("a network that depends on a configuration network has no configuration of its own")


def _check_options(profile: Profile, options: Record) -> None:
    refuse = invalid if profile.is_at_least("25") else failed
    key = "com.docker.network.driver.mtu"
    if not str(options.get(key, 0)).isdigit():
        raise refuse(f"failed to parse {key} value: {options[key]}")
    for key in (f"com.docker.network.bridge.{flag}" for flag in _FLAGS):
        if options.get(key, "true") not in _TRUTHS:
            raise refuse(f"failed to parse {key} value: {options[key]}")


def _check_entry(profile: Profile, entry: Record) -> None:
    modern = profile.is_at_least("25")
    text = entry.get("Subnet") or ""
    try:
        subnet: Network = ipaddress.ip_network(text, strict=False)
    except ValueError as exc:
        raise (invalid if modern else failed)(f"invalid subnet {text}: invalid CIDR block notation") from exc
    if modern:
        _check_modern_entry(entry, subnet)
        return
    if entry.get("Gateway") and not _contains(subnet, entry["Gateway"]):
        raise failed(f"failed to allocate gateway ({entry['Gateway']}): Requested address is out of range")
    for key, address in (entry.get("AuxiliaryAddresses") or {}).items():
        if not _contains(subnet, address):
            raise forbidden(f"auxiliary address: ({key}:{address}) must belong to the master pool: {subnet}")


def _check_modern_entry(entry: Record, subnet: Network) -> None:
    if subnet.version == 4 and str(subnet) != entry["Subnet"]:
        raise invalid(f"invalid subnet {entry['Subnet']}: it should be {subnet}")
    addresses = {"ip-range": entry.get("IPRange"), "gateway": entry.get("Gateway")}
    for key, address in (addresses | (entry.get("AuxiliaryAddresses") or {})).items():
        if address and not _contains(subnet, address):
            raise invalid(f"invalid {key} {address}: parent subnet {subnet} doesn't contain it")


def _contains(subnet: Network, text: str) -> bool:
    return network_of(text).network_address in subnet
