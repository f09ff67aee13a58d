"""Published ports of a running container, and the refusal of a port in use. A binding of a port that is not exposed is
ignored without an error."""

from __future__ import annotations

import ipaddress

from deployer.simulated.refusals import failed
from deployer.simulated.state import Record, SimulatedHost
from deployer.values.port import bound_ips

EPHEMERAL_START = 32768
EPHEMERAL_SPREAD = 20000
EPHEMERAL_END = 61000


def publish(host: SimulatedHost, container: Record) -> Record:
    """`NetworkSettings.Ports` of a container that starts."""
    if container["HostConfig"]["NetworkMode"] in {"host", "none"}:
        return {}
    bindings = container["HostConfig"]["PortBindings"] or {}
    publish_all = container["HostConfig"]["PublishAllPorts"]
    if container["networks"] and not _is_reachable(host, container):
        return {}
    taken = _taken(host)
    ports: Record = {}
    for exposed in container["Config"].get("ExposedPorts") or {}:
        port = _runtime_key(exposed)
        wanted = bindings.get(exposed) or bindings.get(port) or []
        if not wanted and publish_all:
            wanted = [{"HostIp": "", "HostPort": ""}]
        published: list[Record] = []
        for binding in wanted:
            published += _bind(host, container, port, binding, taken)
        ports[port] = published or None
    return ports


def _runtime_key(exposed: str) -> str:
    """`80`, `80/TCP` → `80/tcp`; a range counts as port 0."""
    number, _, protocol = exposed.partition("/")
    return f"{number if number.isdigit() else 0}/{protocol.lower() or 'tcp'}"


def _is_reachable(host: SimulatedHost, container: Record) -> bool:
    """Ports are published on the first bridge network that is not internal."""
    networks = (host.state.networks.get(endpoint["NetworkID"]) for endpoint in container["networks"].values())
    return any(network and network["Driver"] == "bridge" and not network["Internal"] for network in networks)


def _taken(host: SimulatedHost) -> set[tuple[str, int, str]]:
    return {
        (binding["HostIp"], int(binding["HostPort"]), port.rpartition("/")[2])
        for container in host.state.containers.values()
        for port, bindings in container["ports"].items()
        for binding in bindings or []
    }


def _bind(
    host: SimulatedHost, container: Record, port: str, binding: Record, taken: set[tuple[str, int, str]]
) -> list[Record]:
    protocol = port.rpartition("/")[2]
    addresses = bound_ips(binding["HostIp"])
    candidates = _candidates(host, binding["HostPort"])
    for candidate in candidates:
        if not any(_clashes(address, candidate, protocol, taken) for address in addresses):
            taken |= {(address, candidate, protocol) for address in addresses}
            return [{"HostIp": address, "HostPort": str(candidate)} for address in addresses]
    raise failed(
        f"driver failed programming external connectivity on endpoint {container['name']} "
        f"({host.state.new_id('endpoint')}): Bind for {addresses[0]}:{candidates[0]} failed: port is already allocated"
    )


def _candidates(host: SimulatedHost, host_port: str) -> range:
    """Without a requested port, each start gets another one."""
    if host_port in {"", "0"}:
        return range(EPHEMERAL_START + host.state.counter % EPHEMERAL_SPREAD, EPHEMERAL_END)
    low, _, high = host_port.partition("-")
    return range(int(low), int(high or low) + 1)


def _clashes(address: str, number: int, protocol: str, taken: set[tuple[str, int, str]]) -> bool:
    """An unspecified address conflicts with every address of its family."""
    version = ipaddress.ip_address(address).version
    return any(
        (number, protocol) == (other_number, other_protocol)
        and version == ipaddress.ip_address(other).version
        and (address == other or "0.0.0.0" in (address, other) or "::" in (address, other))
        for other, other_number, other_protocol in taken
    )
