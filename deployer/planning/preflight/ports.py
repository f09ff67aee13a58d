"""Host ports that processes hold. What containers hold is judged by the planner (`planning.container.holders`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from deployer.model.desired import Address
from deployer.model.observed import Observed
from deployer.model.operations import CreateContainer, Made, RemoveContainer, StartContainer, StopContainer, Target
from deployer.model.plan import HostPlan
from deployer.model.preflight import Facts, Listener, Process
from deployer.planning.preflight.checked import CheckedHost, Finding
from deployer.values import port

_PROXY = "docker-proxy"
_EPHEMERAL = 32768
"""From here on the kernel assigns ephemeral ports; a UDP socket there may be short-lived."""


class Wanted(Struct, frozen=True):
    """A host port that a container is to get."""

    address: Address
    published: str


def wanted(plan: HostPlan, observed: Observed) -> Iterator[Wanted]:
    """Fixed ports of all containers that the plan starts."""
    bodies = {step.number: step.operation for step in plan.steps if isinstance(step.operation, CreateContainer)}
    stopped = {found.id: found for found in observed.containers if not found.running}
    for step in plan.steps:
        match step.operation:
            case StartContainer(Made(number)) if number in bodies:
                published = port.from_engine((bodies[number].body.get("HostConfig") or {}).get("PortBindings"))
            case StartContainer(str(ref)) if ref in stopped:
                published = stopped[ref].values.get("ports") or ()
            case _:
                continue
        yield from (Wanted(step.address, each) for each in published if port.fixed_host_port(each))


def clash(published: str, found: Listener) -> bool | None:
    """Whether the engine cannot bind the port while the listener is there; None where that cannot be told: whether a
    socket on `::` takes IPv4 as well is its own matter. Measured on engines 20.10 and 26.1."""
    ip, number = port.host_ports(published)
    if port.protocol(published) != found.protocol or number != str(found.port):
        return False
    answers = [_same_place(bound, found.ip) for bound in port.bound_ips(ip)]
    return True if True in answers else None if None in answers else False


def _same_place(bound: str, listening: str) -> bool | None:
    if port.same_ip(bound, listening):
        return True
    return None if listening == "::" and ":" not in bound else False


def findings(checked: CheckedHost) -> Iterator[Finding]:
    """A port that several sockets hold is said once, by one that is certainly in the way."""
    for each in wanted(checked.plan, checked.observed):
        found = [(clash(each.published, listener), listener) for listener in checked.facts.listeners]
        said = (_finding(checked, each, listener, sure=sure) for sure, listener in found if sure is not False)
        yield from sorted((text for text in said if text is not None), key=lambda text: isinstance(text, str))[:1]


def _finding(checked: CheckedHost, found: Wanted, listener: Listener, *, sure: bool | None) -> Finding | None:
    process = checked.facts.processes.get(listener.inode)
    if _is_container_port(listener, checked.facts) or (process and process.name == _PROXY):
        return None
    going = _going(checked.plan)
    if process and process.container in going:
        return None
    neighbours = _on_host_network(checked.observed)
    unknown = process is None and bool(going & neighbours.keys())
    lasting = listener.protocol == "tcp" or listener.port < _EPHEMERAL
    by = f"taken by {_who(process, checked.observed, neighbours)}"
    if not sure or unknown or not lasting:
        return f"{found.address.label}: host port {listener.port} may be {by}"
    hint = "choose another port, or stop the process that uses it"
    return checked.refuse(found.address, f"host port {listener.port} is {by}", hint, "ports")


def _going(plan: HostPlan) -> set[Target]:
    """Containers that the plan stops or removes."""
    return {s.operation.container for s in plan.steps if isinstance(s.operation, StopContainer | RemoveContainer)}


def _is_container_port(listener: Listener, facts: Facts) -> bool:
    """Whether it is where the engine listens for a container."""
    held = ((*port.host_ports(each), port.protocol(each)) for each in facts.published)
    return any(
        number == str(listener.port) and protocol == listener.protocol and listener.ip in port.bound_ips(ip)
        for ip, number, protocol in held
    )


def _on_host_network(observed: Observed) -> dict[str, str]:
    """Running containers, by id, whose sockets are the host's own; with their names."""
    others = {stub.id: stub.name for stub in observed.others if stub.running and "host" in stub.networks}
    read = (found for found in observed.containers if found.running and found.values.get("network_mode") == "host")
    return others | {found.id: found.name for found in read}


def _who(process: Process | None, observed: Observed, neighbours: Mapping[str, str]) -> str:
    if process is None:
        names = ", ".join(sorted(neighbours.values()))
        return f"a process, or a container on the host's network ({names})" if names else "a process of the host"
    names_by_id = {key: name for name, key in observed.ids.items()}
    inside = process.container and f" of container {names_by_id.get(process.container, process.container[:12])}"
    return f"process {process.name}{inside}"
