"""Connects containers to networks. A running container is attached at once. For a stopped one the request is only
stored: a second connect changes nothing, and a missing network is reported at start."""

from __future__ import annotations

from deployer.interfaces import Json
from deployer.simulated.endpoint_rules import check_at_use
from deployer.simulated.endpoints import activate, add_names, blank_endpoint
from deployer.simulated.lookup import find_network, need_container
from deployer.simulated.refusals import failed, forbidden, invalid, missing
from deployer.simulated.state import Record, SimulatedHost

_SHARED = "container sharing network namespace with another container or host cannot be connected to any other network"
_PRIVATE = "container cannot be connected to multiple networks with one of the networks in private (none) mode"
_HOST = "container cannot be disconnected from host network or connected to host network"


def connect(host: SimulatedHost, network_ref: str, container_ref: str, request: Json) -> None:
    """The MAC address of the request is ignored: engines use it from API 1.54 on."""
    container = need_container(host, container_ref)
    network = find_network(host, network_ref)
    running = container["State"]["Running"]
    if network is None and running:
        raise missing(f"network {network_ref} not found")
    name = network["Name"] if network else network_ref
    _check_mode(container, name)
    if _is_attached(host, container, name):
        if running:
            raise forbidden(f"endpoint with name {container['name']} already exists in network {name}")
        return
    endpoint = blank_endpoint(host.profile, request) | {"mac": ""}
    if running:
        activate(host, container, name, endpoint)
    elif network is not None:
        check_at_use(host.profile, network, endpoint)
        add_names(host.profile, container, name, endpoint)
    container["networks"][name] = endpoint


def _is_attached(host: SimulatedHost, container: Record, name: str) -> bool:
    """An endpoint of a removed network does not count, even if a network of that name exists again."""
    endpoint = container["networks"].get(name)
    return endpoint is not None and (not endpoint["NetworkID"] or endpoint["NetworkID"] in host.state.networks)


def _check_mode(container: Record, name: str) -> None:
    """A shared or private network cannot be changed. For a stopped container, only the host's network is refused, and a
    network it is attached to."""
    mode, running = container["HostConfig"]["NetworkMode"], container["State"]["Running"]
    others = container["networks"].keys() - {name}
    if mode == "host" or (running and mode.startswith("container:")):
        raise invalid(_SHARED)
    if name == "host":
        raise invalid(_HOST)
    if "none" in others or (name == "none" and others) or (running and "none" in {name, mode}):
        raise invalid(_PRIVATE)


def disconnect(host: SimulatedHost, network_ref: str, container_ref: str, *, force: bool) -> None:
    """Also allowed for the network of the container's mode; the mode keeps the name."""
    container = need_container(host, container_ref)
    network = find_network(host, network_ref)
    running = container["State"]["Running"]
    if network is None and running and not force:
        raise missing(f"network {network_ref} not found")
    name = network["Name"] if network else network_ref
    if running and name == "host" == container["HostConfig"]["NetworkMode"]:
        raise invalid(_HOST)
    if name not in container["networks"]:
        article = "" if running and network else "the "
        raise failed(f"container {container['Id']} is not connected to {article}network {name}")
    del container["networks"][name]
