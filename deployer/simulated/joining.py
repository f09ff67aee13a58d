"""`container:ID` modes at start: the other container must run. The releases answer with different statuses."""

from __future__ import annotations

from deployer.errors import EngineError
from deployer.simulated.lookup import find_container
from deployer.simulated.refusals import conflict, failed, invalid, missing
from deployer.simulated.state import Record, SimulatedHost


def joined_network(host: SimulatedHost, mode: str) -> Record:
    """The container whose network is shared."""
    try:
        other = _other(host, mode)
    except EngineError as error:
        if host.profile.is_at_least("28"):
            raise failed(f"joining network namespace of container: {error.message}") from error
        raise
    if not other["State"]["Running"]:
        raise conflict(f"cannot join network of a non running container: {other['Id']}")
    return other


def check_joined_spaces(host: SimulatedHost, container: Record) -> None:
    """Process and IPC namespace; the latter must be shareable."""
    modern = host.profile.is_at_least("25")
    ipc, pid = container["HostConfig"]["IpcMode"], container["HostConfig"]["PidMode"]
    if ipc.startswith("container:"):
        _check_ipc(_other(host, ipc), modern=modern)
    if pid.startswith("container:"):
        other = _other(host, pid)
        if not other["State"]["Running"]:
            raise failed(f"failed to join PID namespace: container {other['Id']} is not running")


def _check_ipc(other: Record, *, modern: bool) -> None:
    prefix = f"failed to join IPC namespace: container {other['Id']}"
    if not other["State"]["Running"]:
        raise (conflict if modern else failed)(f"{prefix} is not running")
    if other["HostConfig"]["IpcMode"] != "shareable":
        raise (invalid if modern else failed)(f"{prefix}: non-shareable IPC")


def _other(host: SimulatedHost, mode: str) -> Record:
    ref = mode.removeprefix("container:")
    other = find_container(host, ref)
    if other is None:
        raise missing(f"No such container: {ref}")
    return other
