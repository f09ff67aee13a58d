"""The address of a container's port, as its host reaches it."""

from __future__ import annotations

from deployer.engine import answers
from deployer.errors import DeployerError
from deployer.usecases.containers import Chosen
from deployer.usecases.fleet import Fleet
from deployer.usecases.inspect_hosts import Row


def only_one(chosen: Chosen) -> Row:
    """Raises `DeployerError` for none or several."""
    if len(chosen.rows) == 1:
        return chosen.rows[0]
    if not chosen.rows and chosen.unreachable:
        lost = chosen.unreachable[0]
        raise DeployerError(f"{lost.host} could not be reached: {lost.message}", hint=lost.hint)
    found = ", ".join(f"{row.host}/{row.name}" for row in chosen.rows) or "none"
    raise DeployerError(f"one container is needed, found: {found}", hint="name one host and one container")


def address_of(fleet: Fleet, row: Row) -> str:
    """Of the container in its first network; that of the host itself if the container shares its network. Raises
    `DeployerError` for a container without an address."""
    inspected = fleet.host(row.host).engine().inspect_container(row.id) or {}
    mode = str((inspected.get("HostConfig") or {}).get("NetworkMode") or "")
    if mode == "host":
        return "127.0.0.1"
    kind, _, other = mode.partition(":")
    if kind == "container":
        inspected = fleet.host(row.host).engine().inspect_container(other) or {}
    shape = answers.NetworkSettings
    settings = answers.read(inspected.get("NetworkSettings") or {}, shape, "/containers/{id}/json")
    for _, endpoint in sorted((settings.networks or {}).items()):
        if endpoint is not None and (address := endpoint.ipv4 or endpoint.ipv6):
            return address
    raise DeployerError(f"{row.host}/{row.name} has no address", hint="does it run, and has it a network?")
