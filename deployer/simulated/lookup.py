"""Finds objects as the engine does: by id, by name, by id prefix."""

from __future__ import annotations

from deployer.simulated.refusals import invalid, missing
from deployer.simulated.state import Record, SimulatedHost


def find_container(host: SimulatedHost, ref: str) -> Record | None:
    containers = host.state.containers
    if ref in containers:
        return containers[ref]
    name = ref.removeprefix("/")
    for container in containers.values():
        if container["name"] == name:
            return container
    found = [container for key, container in containers.items() if ref and key.startswith(ref)]
    if len(found) > 1:
        raise invalid(f"Multiple IDs found with provided prefix: {ref}")
    return found[0] if found else None


def need_container(host: SimulatedHost, ref: str) -> Record:
    container = find_container(host, ref)
    if container is None:
        raise missing(f"No such container: {ref}")
    return container


def find_network(host: SimulatedHost, ref: str) -> Record | None:
    """If two networks have the name, the request is ambiguous."""
    networks = host.state.networks
    if ref in networks:
        return networks[ref]
    named = [network for network in networks.values() if network["Name"] == ref]
    if len(named) > 1:
        raise invalid(f"network {ref} is ambiguous ({len(named)} matches found on name)")
    if named:
        return named[0]
    found = [network for key, network in networks.items() if ref and key.startswith(ref)]
    if len(found) > 1:
        raise invalid(f"network {ref} is ambiguous ({len(found)} matches found based on ID prefix)")
    return found[0] if found else None


def need_network(host: SimulatedHost, ref: str) -> Record:
    network = find_network(host, ref)
    if network is None:
        raise missing(f"network {ref} not found")
    return network
